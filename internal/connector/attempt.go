package connector

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Lifetimes of what is under way.
const (
	AttemptLifetime = time.Hour        // at the provider, where somebody may have to find a password
	LinkLifetime    = 15 * time.Minute // to link what is proven there
)

// Attempt is a sign-in that is under way at a provider. Whoever comes back has to bring State and
// the cookie of the browser that began (RFC 9700 §4.7); what else it takes never leaves this
// server.
type Attempt struct {
	State     secret.Text // stored as its digest
	Browser   secret.Hash // of the cookie
	Connector id.Connector
	User      id.User // to link: whose account; zero: to sign in
	Secrets   AttemptSecrets
	CreatedAt time.Time
	ExpiresAt time.Time
}

// AttemptSecrets is what is sealed of an attempt.
type AttemptSecrets struct {
	Nonce    string `json:"n"`           // of the ID token
	Verifier string `json:"v"`           // PKCE (RFC 7636)
	Flow     string `json:"f,omitempty"` // the sealed authorization request to go on with
	After    string `json:"a,omitempty"` // or the path and query of ours to go on at
	// Fresh demands that the person proves themselves anew; MaxAge, in seconds, that it was not
	// longer ago; negative: no demand.
	Fresh  bool  `json:"r,omitempty"`
	MaxAge int64 `json:"m"`
}

// NewAttempt returns an attempt that begins now, with all that is random in it.
func NewAttempt(c id.Connector, browser secret.Hash, now time.Time) Attempt {
	return Attempt{
		State: secret.Generate(), Browser: browser, Connector: c, CreatedAt: now, ExpiresAt: now.Add(AttemptLifetime),
		Secrets: AttemptSecrets{Nonce: secret.Generate().Reveal(), Verifier: secret.Generate().Reveal(), MaxAge: -1},
	}
}

// Challenge is the S256 code challenge of the verifier (RFC 7636 §4.2).
func (s AttemptSecrets) Challenge() string {
	sum := sha256.Sum256([]byte(s.Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Start is what the address at the provider, where the browser is sent, is made of.
type Start struct {
	RedirectURI string
	State       string
	Nonce       string
	Challenge   string // S256
	LoginHint   string // "" for none
	Fresh       bool   // prompt=login, or what comes nearest
	MaxAge      int64  // seconds; negative: no demand
}

// Return is what the browser brought back, with what was kept of the attempt.
type Return struct {
	Code        string
	Issuer      string // the parameter iss (RFC 9207); "" when there was none
	RedirectURI string
	Nonce       string
	Verifier    string
	Fresh       bool
	MaxAge      int64
	StartedAt   time.Time
}

// Logout is a verified logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
type Logout struct {
	Issuer    string
	Subject   string // "" with SessionID alone
	SessionID string // "" with Subject alone
	TokenID   string // jti
	Expiry    time.Time
}

// PendingLink is a proof that waits for the owner of an account to sign in to it.
type PendingLink struct {
	Token     secret.Text // stored as its digest
	Browser   secret.Hash
	Connector id.Connector
	Reference string  // of the connector
	User      id.User // whose account has the address
	Proof     Proof
	Flow      string // as in AttemptSecrets
	After     string
	ExpiresAt time.Time
}
