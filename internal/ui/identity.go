package ui

import "time"

// Ways shows how somebody can sign in.
type Ways struct {
	// PasswordURL leads to where a password is changed or, without HasPassword, set; empty: neither
	// can be done.
	PasswordURL string
	HasPassword bool
	PasswordOff bool // there is one, and it is refused
	Identities  []Identity
	Connect     []Connect
}

// Any reports whether there is anything to show.
func (w Ways) Any() bool {
	return w.PasswordURL != "" || len(w.Identities) > 0 || len(w.Connect) > 0
}

// Identity is who somebody is at a provider.
type Identity struct {
	Connector string // the provider's name
	// Icon is the path of a picture on this issuer; without one the initial is shown.
	Icon       string
	Label      string // by which the person recognises it
	LinkedAt   time.Time
	LastUsedAt time.Time
	Off        bool   // nobody can sign in through the provider now
	RemoveURL  string // empty: it is the only way to sign in
}

// Used reports whether it was used on another day than that on which it was linked.
func (i Identity) Used() bool {
	return i.LastUsedAt.UTC().Truncate(24 * time.Hour).After(i.LinkedAt.UTC())
}

// Connect is a provider that is not linked yet. Its form begins a sign-in there.
type Connect struct {
	Connector string
	Icon      string // as of Identity
	Form      Form
}

// RemoveIdentity asks somebody to confirm that they want to sign in through a provider no longer.
// With Only they cannot: it is their only way.
type RemoveIdentity struct {
	Frame
	Form        Form
	Identity    Identity
	Only        bool
	PasswordURL string // with Only: where a password is set; empty: nowhere
	BackURL     string // the account page
}

func (p RemoveIdentity) describe(t *Text) (meta, error) {
	return meta{template: "remove_identity", title: t.RemoveIdentity.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets, ownWindow: true}, nil
}
