package signettest

import (
	"context"
	"crypto/rand"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

// DefaultAudience is in aud of tokens for which no Audience was given.
const DefaultAudience = "https://api.example"

// readyTimeout is how long Verifier waits for the keys, which come over loopback.
const readyTimeout = 10 * time.Second

// Issuer publishes keys on loopback and mints tokens. Build it with New; it is safe for concurrent
// use.
type Issuer struct {
	tb       testing.TB
	server   *httptest.Server
	defaults []TokenOption

	mu      sync.Mutex
	now     time.Time
	maxAge  time.Duration
	down    bool
	fetches int
	made    int // keys so far
	order   []keys.Algorithm
	rings   map[keys.Algorithm]*ring
	known   map[string]*pair // every key ever made, by kid
}

// Option changes how New builds an issuer. Every TokenOption is one: it then holds for all tokens.
type Option interface{ applyIssuer(*Issuer) }

type issuerOption func(*Issuer)

func (o issuerOption) applyIssuer(i *Issuer) { o(i) }

// StartAt sets the issuer's clock. The default is the time of New in whole seconds, so that
// services with a clock of their own accept its tokens, too.
func StartAt(now time.Time) Option { return issuerOption(func(i *Issuer) { i.now = now }) }

// CacheFor sets the max-age of the published keys; the default is 5 minutes, as with Signet. It is
// cut to whole seconds.
func CacheFor(maxAge time.Duration) Option {
	return issuerOption(func(i *Issuer) { i.maxAge = maxAge })
}

// Algorithms sets which algorithms have published keys from the start; the first is that of tokens
// that name none. The default is ES256. RSA keys take some hundred milliseconds to make.
func Algorithms(algorithms ...keys.Algorithm) Option {
	return issuerOption(func(i *Issuer) { i.order = algorithms })
}

// New returns a running issuer, which is closed when the test ends.
func New(t testing.TB, options ...Option) *Issuer {
	t.Helper()
	i := &Issuer{
		tb: t, maxAge: 5 * time.Minute, order: []keys.Algorithm{keys.ES256},
		now:   time.Now().UTC().Truncate(time.Second), //nolint:forbidigo // what is tested may read the real clock
		rings: map[keys.Algorithm]*ring{}, known: map[string]*pair{},
	}
	for _, o := range options {
		o.applyIssuer(i)
	}
	if len(i.order) == 0 {
		t.Fatal("signettest: Algorithms needs at least one")
	}
	i.mu.Lock()
	for _, alg := range i.order {
		if _, err := i.ring(alg); err != nil {
			i.mu.Unlock()
			t.Fatalf("signettest: %v", err)
		}
	}
	i.mu.Unlock()
	i.server = httptest.NewServer(i.routes())
	t.Cleanup(i.server.Close)
	return i
}

// URL returns the issuer's identifier, which is its address: http to a port of loopback.
func (i *Issuer) URL() string { return i.server.URL }

// JWKSURL returns the address of its keys.
func (i *Issuer) JWKSURL() string { return i.server.URL + jwksPath }

// Now returns the time of the issuer's clock, which stands still between calls of Advance.
func (i *Issuer) Now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// Advance moves the clock; a negative d sets it back.
func (i *Issuer) Advance(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

// Down makes the issuer unreachable: it drops every connection without an answer. It still mints
// tokens.
func (i *Issuer) Down() { i.setDown(true) }

// Up ends Down.
func (i *Issuer) Up() { i.setDown(false) }

func (i *Issuer) setDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Fetches returns how often the keys were asked for, answered or not.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Verifier returns a verifier of the issuer's tokens for that audience, by the issuer's clock. It
// ends with the test. Unless the issuer is down, its keys are loaded when Verifier returns. For
// other settings use verify.New with Issuer: i.URL() and Now: i.Now.
func (i *Issuer) Verifier(t testing.TB, audience string) *verify.Verifier {
	t.Helper()
	v, err := verify.New(t.Context(), verify.Config{Issuer: i.URL(), Audience: audience, Now: i.Now})
	if err != nil {
		t.Fatalf("signettest: %v", err)
	}
	i.mu.Lock()
	down := i.down
	i.mu.Unlock()
	if down {
		return v
	}
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	if err := v.Ready(ctx); err != nil {
		t.Fatalf("signettest: the issuer's keys were not loaded: %v", err)
	}
	return v
}

// unique returns an identifier that no other token has.
func unique(prefix string) string { return prefix + rand.Text() }
