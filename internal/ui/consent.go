package ui

// Consent asks whether a client may have what it asks for. The button pressed arrives as
// FieldDecision: DecisionAllow, DecisionDeny or DecisionSwitch ("Not you?").
type Consent struct {
	Frame
	Form   Form
	Client Client
	Person Person
	Tenant string // the organization the access is for; may be empty
	Scopes []Scope
	// RedirectURI is where the browser goes next; the page shows its host, because a client's
	// name and logo are whatever its owner typed.
	RedirectURI string
	// PolicyURL and TermsURL are the client's documents, linked when they are https.
	PolicyURL, TermsURL string
}

// Scope is one thing asked for.
type Scope struct {
	Name string
	// Description says in a person's words what Name allows. Empty: the catalog's words for
	// the scopes of OpenID Connect, the bare name for others.
	Description string
}

// Host is the web host that the browser goes to next, or "".
func (p Consent) Host() string { host, _ := destination(p.RedirectURI); return host }

// App is the private-use scheme of an installed application, or "".
func (p Consent) App() string { _, app := destination(p.RedirectURI); return app }

func (p Consent) describe(t *Text) (meta, error) {
	return meta{template: "consent", title: t.Consent.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}
