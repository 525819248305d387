package ui

// ChooseAccount asks which account to go on with (prompt=select_account). The button pressed
// arrives as FieldAccount: a Value given here, or AccountOther.
type ChooseAccount struct {
	Frame
	Form     Form
	Client   Client
	Accounts []AccountChoice
}

// AccountChoice is one signed-in account.
type AccountChoice struct {
	Value  string
	Person Person
}

func (p ChooseAccount) describe(t *Text) (meta, error) {
	return meta{template: "choose_account", title: t.ChooseAccount.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}

// NotMember tells somebody that no organization of theirs serves the request. The button pressed
// arrives as FieldDecision: DecisionSwitch or, to go back to the client, DecisionDeny.
type NotMember struct {
	Frame
	Form   Form
	Client Client
	Person Person
	// Organization is what the client asked for, as the client wrote it: whether there is such an
	// organization is not for the page to tell. Empty when it asked for none.
	Organization string
	CanSwitch    bool   // another account may go on
	RequestID    string // to quote to an administrator
}

func (p NotMember) describe(t *Text) (meta, error) {
	return meta{template: "not_member", title: t.NotMember.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}

// ChooseTenant asks in which organization to work. The button pressed arrives as FieldTenant.
type ChooseTenant struct {
	Frame
	Form    Form
	Client  Client
	Person  Person
	Tenants []TenantChoice
}

// TenantChoice is one of the person's tenants, with the roles they hold there as a hint.
type TenantChoice struct {
	Value string
	Name  string
	Roles []string
}

func (p ChooseTenant) describe(t *Text) (meta, error) {
	return meta{template: "choose_tenant", title: t.ChooseTenant.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}
