package bearer

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signet-id/signet/pkg/verify"
)

// The error codes of RFC 6750 §3.1, and one for the service's own trouble.
const (
	CodeInvalidRequest    = "invalid_request"         // 400
	CodeInvalidToken      = "invalid_token"           // 401
	CodeInsufficientScope = "insufficient_scope"      // 403
	CodeUnavailable       = "temporarily_unavailable" // 503
)

// ErrTenant says that the token belongs to another tenant than Tenant or TenantFrom ask for, or to none.
// The Refusal wraps it (403, or 404 with HideTenants). HideTenants heeds it in the *Refusal of a Check too.
var ErrTenant = errors.New("bearer: the token belongs to another tenant")

// RetryAfter is when a caller who got 503 is told to come back. Where no keys can be had, no more than
// that passes between one fetch that failed and the next.
const RetryAfter = 10 * time.Second

// Refusal is why a request is not let through, and the answer to it. As an error returned by the
// function of Check it chooses the answer.
type Refusal struct {
	// Status is the status of the answer, 400 to 599. A Check that leaves it out means 403.
	Status int
	// Code is the error of RFC 6750 §3.1, or one of the service's own. It is empty when the request
	// has no token.
	Code string
	// Description is one sentence for the developer at the other end. It never depends on more of a
	// bad token than the kind of its fault.
	Description string
	// Scope is the scope that the route needs, names separated by blanks (RFC 6750 §3); may be empty.
	Scope string
	// Err is the cause: the Verifier's error, ErrTenant, or that of a Check; may be nil. It is for logs:
	// never write it out.
	Err error
}

// Error returns the description, and the cause if there is one.
func (r *Refusal) Error() string {
	text := "bearer: " + r.Description
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// noToken names no error, since there is none (RFC 6750 §3.1).
func noToken() *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Description: "Send an access token: Authorization: Bearer …"}
}

func malformed(description string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Description: description}
}

func insufficient(scope, description string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: CodeInsufficientScope, Scope: scope, Description: description}
}

// judged is the answer to a token that the Verifier did not accept.
func judged(err error) *Refusal {
	if !errors.Is(err, verify.ErrInvalidToken) {
		// Not the caller's fault, as far as anybody can tell: a 401 would sign people out.
		return &Refusal{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Err: err,
			Description: "Access tokens cannot be verified just now. Try again later."}
	}
	r := &Refusal{Status: http.StatusUnauthorized, Code: CodeInvalidToken, Err: err, Description: "The access token is not valid."}
	// What an honest client can do something about. Why a signature is wrong is not among it.
	for _, kind := range []struct {
		err         error
		description string
	}{
		{verify.ErrExpired, "The access token has expired."},
		{verify.ErrNotYetValid, "The access token is not valid yet."},
		{verify.ErrRevoked, "The access token has been revoked."},
		{verify.ErrAudience, "The access token is meant for another service."},
		{verify.ErrIssuer, "The access token is from another issuer."},
		{verify.ErrType, "This is not an access token."},
	} {
		if errors.Is(err, kind.err) {
			r.Description = kind.description
		}
	}
	return r
}

// refuse answers a request that is not let through.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, refusal *Refusal) {
	level := slog.LevelDebug
	if refusal.Status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	if g.log.Enabled(r.Context(), level) {
		g.log.LogAttrs(r.Context(), level, "bearer: request refused", slog.Int("status", refusal.Status),
			slog.String("code", refusal.Code), slog.String("description", refusal.Description), slog.Any("cause", refusal.Err))
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch refusal.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		h.Set("WWW-Authenticate", g.challenge(refusal))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(RetryAfter/time.Second)))
	}
	status := &statusWriter{ResponseWriter: w, status: refusal.Status}
	g.onError(status, r, refusal)
	status.finish()
}

// challenge is the value of WWW-Authenticate (RFC 6750 §3).
func (g *Guard) challenge(r *Refusal) string {
	var b strings.Builder
	b.WriteString("Bearer realm=")
	b.WriteString(g.realm)
	if r.Code == "" {
		return b.String()
	}
	for _, p := range []struct{ name, value string }{
		{"error", r.Code}, {"error_description", r.Description}, {"scope", r.Scope},
	} {
		if p.value != "" {
			b.WriteString(", " + p.name + `="` + plain(p.value) + `"`)
		}
	}
	return b.String()
}

// quoted returns s as a quoted-string of printable ASCII (RFC 9110 §5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}

// plain keeps s within what RFC 6750 §3 allows in error, error_description and scope: neither
// quotes nor backslashes, escaped or not.
func plain(s string) string { return strings.NewReplacer(`"`, "'", `\`, "/").Replace(printable(s)) }

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}

// writeJSON is the answer without the option OnError.
func writeJSON(w http.ResponseWriter, _ *http.Request, r *Refusal) {
	body, err := json.Marshal(struct {
		Error       string `json:"error,omitempty"`
		Description string `json:"error_description,omitempty"`
		Scope       string `json:"scope,omitempty"`
	}{r.Code, r.Description, r.Scope})
	if err != nil { // strings always marshal
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(body, '\n')) // a caller who has gone needs no answer
}

// statusWriter makes sure that a refusal is answered with its status: without it, net/http would
// send 200 for a function that only writes a body, or nothing at all.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader sends the status.
func (w *statusWriter) WriteHeader(status int) {
	w.sent = w.sent || status >= 200 // an informational answer is not the last
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the refusal's status first if there was none.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.finish()
	return w.ResponseWriter.Write(b)
}

// FlushError is Flush of http.ResponseController, which would send 200 first.
func (w *statusWriter) FlushError() error {
	w.finish()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for all else that an http.ResponseController does.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) finish() {
	if !w.sent {
		w.WriteHeader(w.status)
	}
}
