package ui

// Home is the page at "/": what this address is, for people who wonder.
type Home struct {
	Frame
	Issuer       string
	SignInURL    string
	AccountURL   string // shown instead of SignInURL when Person is set
	DiscoveryURL string
	Person       Person
}

func (p Home) describe(t *Text) (meta, error) {
	return meta{template: "home", title: t.Home.Title, frame: p.Frame, ownWindow: true}, nil
}
