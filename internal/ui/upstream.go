package ui

import (
	"strings"
	"time"
)

// UpstreamFailed tells somebody who went to another provider to sign in why they are not, and how
// to go on. Its form tries again.
type UpstreamFailed struct {
	Frame
	Reason   UpstreamReason
	Provider string // "Google"; empty: not known
	Email    string // the address that the provider told us; optional
	// Retry tries again; without an action there is no use in it.
	Retry Form
	// BackURL leads to the other ways to sign in, or with ToAccount to the account page.
	BackURL   string
	ToAccount bool
	RequestID string
	// RetryAfter is sent as a Retry-After header, unless it is zero.
	RetryAfter time.Duration
}

// UpstreamReason is why somebody is not signed in.
type UpstreamReason string

// The reasons.
const (
	UpstreamDown       UpstreamReason = "down"       // the provider does not answer
	UpstreamBroken     UpstreamReason = "broken"     // what it answered is no proof
	UpstreamThrottled  UpstreamReason = "throttled"  // too many have gone there from one address
	UpstreamExpired    UpstreamReason = "expired"    // too old, used, or of another browser
	UpstreamRefused    UpstreamReason = "refused"    // the provider refused
	UpstreamNotFresh   UpstreamReason = "not_fresh"  // it did not ask the person again
	UpstreamDomain     UpstreamReason = "domain"     // an account of an organization that is not let in
	UpstreamNoAddress  UpstreamReason = "no_address" // no verified address
	UpstreamUnknown    UpstreamReason = "unknown"    // nobody we know, and nobody is taken in
	UpstreamUnvouched  UpstreamReason = "unvouched"  // an address that the provider does not vouch for
	UpstreamDisabled   UpstreamReason = "disabled"   // the account here is disabled
	UpstreamTaken      UpstreamReason = "taken"      // linked to another account here
	UpstreamOff        UpstreamReason = "off"        // nobody signs in through it any more
	UpstreamOurs       UpstreamReason = "ours"       // our fault
	UpstreamSignedOut  UpstreamReason = "signed_out" // to link: the account is no longer signed in here
	UpstreamLinkIsVoid UpstreamReason = "link_void"  // to link: it took too long, or it is done
)

// Other reports whether another account at the provider is what may help.
func (p UpstreamFailed) Other() bool {
	switch p.Reason {
	case UpstreamDomain, UpstreamUnknown, UpstreamUnvouched, UpstreamDisabled, UpstreamTaken:
		return true
	}
	return false
}

// Words returns what to say about the failure; {provider} stands in the title too.
func (p UpstreamFailed) Words(t *Text) ErrorText {
	return map[UpstreamReason]ErrorText{
		UpstreamDown: t.Upstream.Down, UpstreamBroken: t.Upstream.Broken, UpstreamThrottled: t.Upstream.Throttled, UpstreamExpired: t.Upstream.Expired,
		UpstreamRefused: t.Upstream.Refused, UpstreamNotFresh: t.Upstream.NotFresh, UpstreamDomain: t.Upstream.Domain,
		UpstreamNoAddress: t.Upstream.NoAddress, UpstreamUnknown: t.Upstream.Unknown, UpstreamUnvouched: t.Upstream.Unvouched,
		UpstreamDisabled: t.Upstream.Disabled, UpstreamTaken: t.Upstream.Taken, UpstreamOff: t.Upstream.Off,
		UpstreamOurs: t.Upstream.Ours, UpstreamSignedOut: t.Upstream.SignedOut, UpstreamLinkIsVoid: t.Upstream.LinkVoid,
	}[p.Reason]
}

func (p UpstreamFailed) describe(t *Text) (meta, error) {
	return meta{
		template: "upstream_failed", title: strings.ReplaceAll(p.Words(t).Title, "{provider}", p.Provider), frame: p.Frame,
		forms: p.Retry.Action != "", formTarget: p.FormTargets, retryAfter: p.RetryAfter,
	}, nil
}

// LinkIdentity asks somebody who has proven an identity at a provider to link it to the account
// that has its address: with SignInURL to sign in to that first, else to confirm by its form.
type LinkIdentity struct {
	Frame
	Form     Form
	Identity Identity
	Email    string // of the account
	Person   Person // who is signed in; zero: nobody
	// SignInURL leads to signing in to the account.
	SignInURL string
	// Confined says that whose account it is has signed in, in a way that does not open it.
	Confined bool
	// Organization is what the identity will open; "" for the whole account.
	Organization string
	BackURL      string // the other ways to sign in
}

// Other reports whether somebody else is signed in than whose account it is.
func (p LinkIdentity) Other() bool {
	return p.SignInURL != "" && p.Person != Person{} && p.Person.Email != p.Email
}

func (p LinkIdentity) describe(t *Text) (meta, error) {
	return meta{template: "link_identity", title: t.LinkIdentity.Title, frame: p.Frame, forms: true, formTarget: p.FormTargets}, nil
}
