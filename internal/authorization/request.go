// Package authorization owns one authorization request between its arrival at /authorize and
// its answer: what was asked, what the person has settled so far, and which step is next.
//
// It knows neither HTTP nor SQL. Package issuer makes a Request from validated parameters and
// answers it; package interaction walks the person through the steps. In between, the request
// travels through the browser sealed by a MAC (sealed.go), and the next step is always
// computed from it and from the database, never taken from what the browser says (step.go).
package authorization

import (
	"slices"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

// Request is a validated authorization request (RFC 6749 §4.1.1, OpenID Connect Core 1.0
// §3.1.2.1).
type Request struct {
	Client           client.ID `json:"c"`
	RedirectURI      string    `json:"u"`           // where the answer goes
	RedirectURIGiven bool      `json:"g,omitempty"` // false: the client has just this one
	ResponseMode     string    `json:"m,omitempty"` // query, fragment or form_post
	State            string    `json:"s,omitempty"`
	Scopes           []string  `json:"sc,omitempty"`
	Audiences        []string  `json:"a,omitempty"` // resource indicators (RFC 8707)
	Nonce            string    `json:"n,omitempty"`
	CodeChallenge    string    `json:"cc,omitempty"` // S256
	Prompt           []string  `json:"p,omitempty"`
	MaxAge           int64     `json:"ma"` // seconds; negative: not asked
	LoginHint        string    `json:"lh,omitempty"`
	HintedUser       id.User   `json:"hu,omitzero"` // the subject of id_token_hint
	ACRValues        []string  `json:"acr,omitempty"`
	Organization     string    `json:"o,omitempty"` // tenant slug or identifier
	Connector        string    `json:"k,omitempty"` // reference of the connector to sign in through
	ArrivedAt        time.Time `json:"t"`

	Settled Settled `json:"z,omitzero"`
}

// Settled is what the person has decided on the way, in one session. Under another session it
// counts for nothing.
type Settled struct {
	Session   id.Session `json:"s,omitzero"`
	Account   bool       `json:"a,omitempty"` // prompt=select_account was answered
	Tenant    id.Tenant  `json:"t,omitzero"`  // picked among several
	Consented bool       `json:"c,omitempty"` // prompt=consent was answered
}

// Lifetime bounds the time between a request's arrival and its answer: long enough to find a
// password, short enough that a forgotten tab does nothing.
const Lifetime = time.Hour

// The values of prompt (OpenID Connect Core 1.0 §3.1.2.1).
const (
	PromptNone          = "none"
	PromptLogin         = "login"
	PromptConsent       = "consent"
	PromptSelectAccount = "select_account"
)

// Prompts reports whether the request carries the prompt value.
func (r Request) Prompts(value string) bool { return slices.Contains(r.Prompt, value) }

// Demand is what the request asks of the session.
func (r Request) Demand() session.Demand {
	d := session.Demand{MaxAge: -1, Login: r.Prompts(PromptLogin), Since: r.ArrivedAt, ACRValues: r.ACRValues}
	if r.MaxAge >= 0 {
		d.MaxAge = time.Duration(r.MaxAge) * time.Second
	}
	return d
}

// settled returns what was decided in the session s, or nothing if it was decided in another.
func (r Request) settled(s id.Session) Settled {
	if r.Settled.Session != s {
		return Settled{Session: s}
	}
	return r.Settled
}

// WithAccount, WithTenant and WithConsent return r with one more decision of session s.
func (r Request) WithAccount(s id.Session) Request {
	r.Settled = r.settled(s)
	r.Settled.Account = true
	return r
}

// WithTenant records which tenant the person picked.
func (r Request) WithTenant(s id.Session, t id.Tenant) Request {
	r.Settled = r.settled(s)
	r.Settled.Tenant = t
	return r
}

// WithConsent records that the person allowed what is asked.
func (r Request) WithConsent(s id.Session) Request {
	r.Settled = r.settled(s)
	r.Settled.Consented = true
	return r
}

// Failure is an error answer to the client (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0
// §3.1.2.6).
type Failure struct {
	Code        string
	Description string // shown to developers; no caller's input in it
}

// Error makes a Failure usable as an error.
func (f Failure) Error() string { return f.Code + ": " + f.Description }

// Logout is a validated request to sign out (OpenID Connect RP-Initiated Logout 1.0 §2).
type Logout struct {
	Client      client.ID  // "" when unknown
	User        id.User    // from the hint; zero without one
	Session     id.Session // from the hint; zero without one
	RedirectURI string     // registered by the client, or ""
	State       string
}
