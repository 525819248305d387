package ui

// SignOut asks for confirmation. The button pressed arrives as FieldDecision:
// DecisionSignOut or DecisionStay.
type SignOut struct {
	Frame
	Form   Form
	Client Client // who asked, if anybody
	Person Person
}

func (p SignOut) describe(t *Text) (meta, error) {
	return meta{template: "sign_out", title: t.SignOut.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}

// SignedOut says that it is done.
type SignedOut struct {
	Frame
	Back      Link   // to the application; optional
	SignInURL string // optional
}

func (p SignedOut) describe(t *Text) (meta, error) {
	return meta{template: "signed_out", title: t.SignedOut.Title, frame: p.Frame}, nil
}
