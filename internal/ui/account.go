package ui

// Account shows a person what Signet knows of them. Its form signs out.
type Account struct {
	Frame
	Person      Person
	Memberships []Membership
	Notice      Notice
	ProfileURL  string // where they change what is said of them
	Ways        Ways
	// Verify asks for a message that verifies the address; without an action it is verified, or
	// no message can be sent.
	Verify  Form
	SignOut Form
	// OpenURL leads to another way to sign in, for somebody whose present one does not open the account
	// itself: nothing else is shown of it then.
	OpenURL string
}

// Membership is a tenant the person belongs to.
type Membership struct {
	Tenant string
	Roles  []string
}

func (p Account) describe(t *Text) (meta, error) {
	return meta{template: "account", title: t.Account.Title, frame: p.Frame, wide: true, forms: true, formTarget: p.FormTargets, ownWindow: true}, nil
}

// ChangePassword asks for the present and the new password. Form fields:
// FieldCurrentPassword, FieldNewPassword.
type ChangePassword struct {
	Frame
	Form      Form
	Person    Person // tells password managers whose password this is
	MinLength int    // characters; 0 leaves the rule out
	Problems  []PasswordProblem
	Done      bool   // it has been changed
	BackURL   string // the account page; optional
}

// PasswordProblem is why a password was not changed.
type PasswordProblem string

// The problems, the first three about the present password or both, the rest about the new one.
const (
	PasswordWrongCurrent   PasswordProblem = "wrong_current"
	PasswordMissingCurrent PasswordProblem = "missing_current"
	PasswordThrottled      PasswordProblem = "throttled"
	PasswordMissingNew     PasswordProblem = "missing_new"
	PasswordTooShort       PasswordProblem = "too_short"
	PasswordTooLong        PasswordProblem = "too_long"
	PasswordCommon         PasswordProblem = "common"
	PasswordRepetitive     PasswordProblem = "repetitive"
	PasswordUnusable       PasswordProblem = "unusable"
	PasswordPersonal       PasswordProblem = "personal"
	PasswordSame           PasswordProblem = "same"
	// NameMissing is about the name beside the password.
	NameMissing PasswordProblem = "name_missing"
)

// Field is the form field at fault, or "" for none.
func (p PasswordProblem) Field() string {
	switch p {
	case PasswordThrottled:
		return ""
	case PasswordWrongCurrent, PasswordMissingCurrent:
		return FieldCurrentPassword
	case NameMissing:
		return FieldName
	default:
		return FieldNewPassword
	}
}

// CurrentProblem is the first problem of the present password, or "".
func (p ChangePassword) CurrentProblem() PasswordProblem {
	return firstProblem(p.Problems, FieldCurrentPassword)
}

// NewProblem is the first problem of the new password, or "".
func (p ChangePassword) NewProblem() PasswordProblem {
	return firstProblem(p.Problems, FieldNewPassword)
}

func firstProblem(problems []PasswordProblem, field string) PasswordProblem {
	for _, problem := range problems {
		if problem.Field() == field {
			return problem
		}
	}
	return ""
}

func (p ChangePassword) describe(t *Text) (meta, error) {
	return meta{
		template: "change_password", title: t.ChangePassword.Title, frame: p.Frame,
		failed: len(p.Problems) > 0, forms: true, formTarget: p.FormTargets, ownWindow: true,
	}, nil
}
