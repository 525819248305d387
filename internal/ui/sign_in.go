package ui

import "time"

// SignIn asks for e-mail and password, at once or one after the other, or sends people to another
// provider. Form fields: FieldEmail, FieldPassword.
type SignIn struct {
	Frame
	Form   Form
	Client Client
	Step   SignInStep
	// Email prefills the field (login_hint, or what was typed before an error).
	Email  string
	Notice Notice
	// From names the provider that NoticeCancelled is about.
	From    string
	Problem SignInProblem
	// RetryAfter is how long ProblemThrottled and ProblemBusy ask to wait; it is also sent as
	// a Retry-After header. Zero leaves the time out.
	RetryAfter time.Duration
	// ForgotURL leads to where the password can be reset; empty: nowhere.
	ForgotURL string
	// Providers are other ways in, shown in the order given. Each posts the form's hidden
	// fields to its own Action.
	Providers []Provider
	// Organization is whose people the Providers are for, with SignInThrough; empty: several.
	Organization string
	Closed       bool // with SignInThrough: a password will not do
	// OtherURL leads to where another address can be typed, PasswordURL to where a password can be
	// typed at once, PickURL to the choice of an organization; empty: nowhere.
	OtherURL, PasswordURL, PickURL string
}

// SignInStep is what the page asks for.
type SignInStep string

// The steps.
const (
	SignInBoth     SignInStep = ""
	SignInEmail    SignInStep = "email"    // which may lead to a provider
	SignInPassword SignInStep = "password" // of SignIn.Email, which stays as it is
	SignInThrough  SignInStep = "through"  // nothing: one of the Providers has to be used
)

// Through, AsksEmail and AsksPassword say what the page has, for the template.
func (p SignIn) Through() bool      { return p.Step == SignInThrough }
func (p SignIn) AsksEmail() bool    { return p.Step == SignInBoth || p.Step == SignInEmail }
func (p SignIn) AsksPassword() bool { return p.Step == SignInBoth || p.Step == SignInPassword }

// Provider is an upstream identity source on the sign-in page.
type Provider struct {
	Label  string // "Google"
	Action string // a path of this issuer
	// Icon is the path of a picture on this issuer; without one the label's initial is shown.
	Icon string
}

// SignInProblem is why the last attempt did not succeed.
type SignInProblem string

// The problems. None of them tells whether the account exists.
const (
	ProblemNone      SignInProblem = ""
	ProblemMismatch  SignInProblem = "mismatch"  // wrong e-mail or password
	ProblemMissing   SignInProblem = "missing"   // a field was left empty
	ProblemThrottled SignInProblem = "throttled" // too many attempts
	ProblemBusy      SignInProblem = "busy"      // no capacity to check passwords now
	ProblemUpstream  SignInProblem = "upstream"  // the other provider did not let them in
)

// Blames reports whether the fields themselves were wrong.
func (p SignInProblem) Blames() bool { return p == ProblemMismatch || p == ProblemMissing }

// FocusEmail and FocusPassword say where the keyboard starts: at the message when there is
// nothing to correct, else at the first field that needs typing.
func (p SignIn) FocusEmail() bool {
	return !p.FocusMessage() && (p.Email == "" || p.Step == SignInEmail)
}
func (p SignIn) FocusPassword() bool { return !p.FocusMessage() && !p.FocusEmail() }
func (p SignIn) FocusMessage() bool  { return p.Problem != ProblemNone && !p.Problem.Blames() }

func (p SignIn) describe(t *Text) (meta, error) {
	return meta{
		template: "sign_in", title: t.SignIn.Title, frame: p.Frame, failed: p.Problem != ProblemNone,
		forms: true, formTarget: p.FormTargets, retryAfter: p.RetryAfter,
	}, nil
}
