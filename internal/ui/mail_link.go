package ui

// ForgotPassword asks for the address to which a link is sent, by FieldEmail; then it says that
// one is on its way if there is an account.
type ForgotPassword struct {
	Frame
	Form    Form
	Client  Client
	Missing bool // the field was left empty
	Sent    bool
	// Unable says that this installation sends no e-mail.
	Unable  bool
	BackURL string // the sign-in page
	// Organization takes no passwords of the people with that address: BackURL leads to its own
	// sign-in. Empty: whether there is an account is not known to the page.
	Organization string
}

func (p ForgotPassword) describe(t *Text) (meta, error) {
	return meta{template: "forgot_password", title: t.ForgotPassword.Title, frame: p.Frame, failed: p.Missing, forms: true, formTarget: p.FormTargets}, nil
}

// ResetPassword asks for the new password of somebody who followed a link, by FieldNewPassword.
type ResetPassword struct {
	Frame
	Form      Form
	Person    Person
	MinLength int // characters; 0 leaves the rule out
	Problems  []PasswordProblem
}

// NewProblem is the first problem of the new password, or "".
func (p ResetPassword) NewProblem() PasswordProblem {
	return firstProblem(p.Problems, FieldNewPassword)
}

func (p ResetPassword) describe(t *Text) (meta, error) {
	return meta{
		template: "reset_password", title: t.ResetPassword.Title, frame: p.Frame,
		failed: len(p.Problems) > 0, forms: true, formTarget: p.FormTargets, ownWindow: true,
	}, nil
}

// VerifyEmail asks somebody who followed a link to confirm that the address is theirs. Opening
// the page must not do it: programs that look for bad links open every one. With SignInURL they
// have to sign in first, to the account that the link is about.
type VerifyEmail struct {
	Frame
	Form   Form
	Person Person // who is signed in; zero: nobody
	Done   bool
	// SignInURL leads to signing in as the person with Email; "" when they are.
	SignInURL string
	Email     string
	Confined  bool // they are, in a way that does not open their account
	// NextURL leads on when it is done: to the account page, or to signing in.
	NextURL string
}

// Other reports whether somebody is signed in whom the link is not for.
func (p VerifyEmail) Other() bool {
	return p.SignInURL != "" && p.Person != Person{} && !p.Confined
}

func (p VerifyEmail) describe(t *Text) (meta, error) {
	return meta{template: "verify_email", title: t.VerifyEmail.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets, ownWindow: true}, nil
}
