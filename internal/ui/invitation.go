package ui

// Invitation shows somebody what they are invited to and asks for what is missing. Its form
// accepts, by the button DecisionJoin or, with InvitationRegister, by FieldName and
// FieldNewPassword.
type Invitation struct {
	Frame
	Form    Form
	Step    InvitationStep
	Tenant  string
	Inviter Person // zero: nobody is named
	Roles   []string
	Email   string // the address that was invited
	Person  Person // who is signed in; zero: nobody
	// SignInURL leads to signing in with the invited address, for InvitationSignIn and
	// InvitationThrough.
	SignInURL string
	Confined  bool   // the person it is for has signed in, in a way that does not open their account
	Name      string // what was typed before an error
	MinLength int    // characters; 0 leaves the rule out
	Problems  []PasswordProblem
}

// InvitationStep is what is still to be done about an invitation.
type InvitationStep string

// The steps.
const (
	InvitationJoin     InvitationStep = "join"     // the person it is for is signed in
	InvitationSignIn   InvitationStep = "sign_in"  // that person has an account
	InvitationRegister InvitationStep = "register" // that person gets one
	InvitationThrough  InvitationStep = "through"  // that person signs in through their organization
)

// Joins, SignsIn, Through and Registers name the step for the template.
func (p Invitation) Joins() bool     { return p.Step == InvitationJoin }
func (p Invitation) SignsIn() bool   { return p.Step == InvitationSignIn || p.Through() }
func (p Invitation) Through() bool   { return p.Step == InvitationThrough }
func (p Invitation) Registers() bool { return p.Step == InvitationRegister }

// Other reports whether somebody is signed in whom the invitation is not for.
func (p Invitation) Other() bool {
	return p.Step != InvitationJoin && p.Person != Person{} && !p.Confined
}

// NameProblem and NewProblem are the first problem of each field, or "".
func (p Invitation) NameProblem() PasswordProblem { return firstProblem(p.Problems, FieldName) }
func (p Invitation) NewProblem() PasswordProblem  { return firstProblem(p.Problems, FieldNewPassword) }

func (p Invitation) describe(t *Text) (meta, error) {
	return meta{
		template: "invitation", title: t.Invitation.Title, frame: p.Frame,
		failed: len(p.Problems) > 0, forms: true, formTarget: p.FormTargets, ownWindow: true,
	}, nil
}
