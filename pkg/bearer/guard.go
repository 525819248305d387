package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/signet-id/signet/pkg/verify"
)

// Verifier judges tokens. *verify.Verifier is one.
type Verifier interface {
	// Verify returns what the token says. An error that wraps verify.ErrInvalidToken means that
	// the token is no good; every other one that nobody can tell.
	Verify(ctx context.Context, token string) (*verify.Claims, error)
}

// Guard lets requests through to handlers. Build it with New; it is safe for concurrent use.
type Guard struct {
	verifier    Verifier
	realm       string // quoted
	log         *slog.Logger
	onError     func(http.ResponseWriter, *http.Request, *Refusal)
	hideTenants bool
}

// DefaultRealm is the realm of challenges when there is no option Realm.
const DefaultRealm = "api"

// Option changes how a Guard answers.
type Option func(*Guard)

// Realm names what is protected, in every challenge (RFC 9110 §11.5); often the audience of the
// service. Any text will do: it is quoted, and what a header cannot carry is replaced.
func Realm(realm string) Option { return func(g *Guard) { g.realm = quoted(realm) } }

// Log is told why requests are refused: at level debug, and at level warn when nobody could tell
// whether a token is good. Tokens are not logged. The default tells nobody.
func Log(log *slog.Logger) Option { return func(g *Guard) { g.log = log } }

// OnError writes the bodies of refusals in the service's own format. When it is called the
// headers WWW-Authenticate, Retry-After and Cache-Control are set. The status is the refusal's
// unless f calls WriteHeader; the guarded handler never runs.
func OnError(f func(http.ResponseWriter, *http.Request, *Refusal)) Option {
	return func(g *Guard) { g.onError = f }
}

// HideTenants answers 404 instead of 403 to a token of another tenant than Tenant and TenantFrom
// ask for (ErrTenant), so that its holder cannot find out which tenants there are. Answer the same to a tenant
// that does not exist.
func HideTenants() Option { return func(g *Guard) { g.hideTenants = true } }

// New returns a guard that has tokens judged by v. It panics when v is nil.
func New(v Verifier, options ...Option) *Guard {
	if p, ok := v.(*verify.Verifier); v == nil || ok && p == nil {
		panic("bearer: New needs a Verifier: pass the result of verify.New")
	}
	g := &Guard{verifier: v, realm: quoted(DefaultRealm)}
	for _, o := range options {
		o(g)
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.onError == nil {
		g.onError = writeJSON
	}
	return g
}

// Require returns a middleware that lets a request through to the handler if it carries a token
// that is good and meets all rules; they are applied in their order. Without rules any good token
// will do.
//
// It panics when a rule cannot be right, such as Scope without a name: that is a mistake in the
// program, and is to show when it starts and not as an open door. The middleware panics when its
// handler is nil.
func (g *Guard) Require(rules ...Rule) func(http.Handler) http.Handler {
	for i, r := range rules {
		switch {
		case r.fault != "":
			panic("bearer: " + r.fault)
		case r.check == nil:
			panic(fmt.Sprintf("bearer: rule %d of Require is empty: make rules with the functions of this package", i+1))
		}
	}
	rules = append([]Rule(nil), rules...) // the caller's slice may change
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("bearer: the handler to guard is nil")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, refusal := g.admit(r, rules)
			if refusal != nil {
				g.refuse(w, r, refusal)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, claims)))
		})
	}
}

// admit returns who is calling, or why the request is refused.
func (g *Guard) admit(r *http.Request, rules []Rule) (*verify.Claims, *Refusal) {
	token, refusal := credentials(r)
	if refusal != nil {
		return nil, refusal
	}
	claims, err := g.verifier.Verify(r.Context(), token)
	if err == nil && claims == nil {
		err = errors.New("bearer: the Verifier returned neither claims nor an error")
	}
	if err != nil {
		return nil, judged(err)
	}
	for _, rule := range rules {
		if refusal := rule.check(r, claims); refusal != nil {
			if g.hideTenants && errors.Is(refusal, ErrTenant) {
				refusal = &Refusal{Status: http.StatusNotFound, Code: "not_found", Description: "There is nothing here.", Err: refusal}
			}
			return nil, refusal
		}
	}
	return claims, nil
}

type contextKey struct{}

// FromContext returns the claims of the token that a Guard let through. They are shared with other
// requests and must not be changed. ok is false, and the claims nil, when no Guard saw the request.
func FromContext(ctx context.Context) (claims *verify.Claims, ok bool) {
	claims, ok = ctx.Value(contextKey{}).(*verify.Claims)
	return claims, ok
}
