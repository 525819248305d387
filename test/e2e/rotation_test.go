package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/verify"
)

// hasty is a period of seconds, as settings. The least lead is 2.5 s: one for max-age, and half a second
// each for propagation, refetch and signer lag. What is above that is for a busy machine.
func hasty() []string {
	return []string{
		"SIGNET_KEYS_PERIOD=3s", "SIGNET_KEYS_LEAD=3s", "SIGNET_KEYS_REMOVAL=90s", "SIGNET_KEYS_JWKS_MAX_AGE=1s",
		"SIGNET_KEYS_JWKS_STALE_WHILE_REVALIDATE=0s", "SIGNET_KEYS_JWKS_STALE_IF_ERROR=0s", "SIGNET_KEYS_PROPAGATION=500ms",
		"SIGNET_KEYS_REFETCH=500ms", "SIGNET_KEYS_SIGNER_LAG=500ms", "SIGNET_KEYS_LEEWAY=1s", "SIGNET_KEYS_FLOOR=0s",
		"SIGNET_TOKENS_ACCESS_TTL=1m", "SIGNET_TOKENS_ID_TTL=1m",
	}
}

// TestKeysRotateAndNobodyNotices is the short form of the live run (make bench ARGS=rotation): keys change
// every few seconds on two replicas, meanwhile the database is away for one change and a replica dies for
// another, and a service that honours the headers never refuses a token, whichever replica it fetches keys
// from.
func TestKeysRotateAndNobodyNotices(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	install(t, direct)
	wire := newWire(t, direct)
	a := newReplica(t, "", wire.dsn())
	b := newReplica(t, a.issuer, wire.dsn())
	for _, r := range []*replica{a, b} {
		r.settings = hasty()
		r.Start()
	}
	w := &watch{services: []*service{newService(t, a.issuer, fetching(t, a, b)), newService(t, a.issuer, fetching(t, b, a))}}
	// A service that never fetches keys again: were a key to sign unannounced, the others would be like it.
	careless := newService(t, a.issuer, frozen(t, a))
	w.services = append(w.services, careless)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for i, r := range []*replica{a, b} {
		wg.Go(func() { w.issue(ctx, r, i) })
	}
	rotated := func(what string, also func() bool) {
		t.Helper()
		before := w.rotations()
		eventually(t, what, func() bool { return w.rotations() > before && also() })
	}
	always := func() bool { return true }
	rotated("a rotation", always)
	wire.cut()
	rotated("a rotation on both replicas without a database", w.agree)
	wire.mend()
	rotated("a rotation with the database again", w.agree)
	b.Kill()
	rotated("a rotation without the other replica", always)
	b.Start()
	eventually(t, "both replicas signing with the same key", w.agree)
	stop()
	wg.Wait()

	for i, s := range w.services[:2] {
		if len(s.refused) > 0 {
			t.Errorf("service %d refused %d of %d good tokens, the first: %v", i, len(s.refused), s.judged, s.refused[0])
		}
		if s.judged < 100 {
			t.Errorf("service %d judged %d tokens only", i, s.judged)
		}
	}
	if len(careless.refused) == 0 {
		t.Error("this test would not have noticed anything: a service that never fetches keys again refused nothing")
	}
}

// watch fetches tokens and shows them to services.
type watch struct {
	services []*service

	mu     sync.Mutex
	kids   []string // in the order in which they signed
	latest [2]string
	tokens []string // one of each key, which stays good all the time
}

// issue fetches tokens from a replica until ctx ends. Each is judged at once, and with it one of every key
// before, for which the services must have the public half as long as tokens live.
func (w *watch) issue(ctx context.Context, r *replica, number int) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {apptest.Orders}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		status, body, err := post(ctx, r.url()+"/token", form, apptest.Basic("machine"))
		token, _ := body["access_token"].(string)
		if err != nil || status != http.StatusOK || token == "" {
			continue // without a database, or a process, that is no wonder
		}
		for _, one := range w.note(token, number) {
			for _, s := range w.services {
				s.judge(ctx, one)
			}
		}
	}
}

// note returns what is to be judged now.
func (w *watch) note(token string, number int) []string {
	var head struct {
		KeyID string `json:"kid"`
	}
	b, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	_ = json.Unmarshal(b, &head) // no kid: a service says so
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest[number] = head.KeyID
	if !slices.Contains(w.kids, head.KeyID) {
		w.kids, w.tokens = append(w.kids, head.KeyID), append(w.tokens, token)
	}
	return append(slices.Clone(w.tokens), token)
}

// rotations is how often the key changed.
func (w *watch) rotations() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, len(w.kids)-1)
}

// agree reports whether both replicas sign with the key that was seen last.
func (w *watch) agree() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	newest := w.kids[len(w.kids)-1]
	return w.latest == [2]string{newest, newest}
}

// service verifies tokens with pkg/verify.
type service struct {
	verifier *verify.Verifier

	mu      sync.Mutex
	judged  int
	refused []error
}

func newService(t *testing.T, issuer string, source verify.KeySource) *service {
	t.Helper()
	v, err := verify.New(t.Context(), verify.Config{Issuer: issuer, Audience: apptest.Orders, Keys: source})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &service{verifier: v}
}

func (s *service) judge(ctx context.Context, token string) {
	_, err := s.verifier.Verify(ctx, token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	s.judged++
	if err != nil {
		s.refused = append(s.refused, fmt.Errorf("judgement %d: %w", s.judged, err))
	}
}

// fetching is keys that are fetched from the first replica, and from the other when there is no answer, as
// through a balancer.
func fetching(t *testing.T, first, second *replica) *jwks.Set {
	t.Helper()
	set, err := jwks.New(t.Context(), jwks.Config{
		URL: first.url() + "/.well-known/jwks.json", MinTTL: time.Second, Client: &http.Client{Transport: either{first.public, second.public}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// either asks one host and then the other.
type either [2]string

// RoundTrip implements http.RoundTripper.
func (e either) RoundTrip(r *http.Request) (*http.Response, error) {
	var failed error
	for _, host := range e {
		out := r.Clone(r.Context())
		out.URL.Host = host
		res, err := http.DefaultTransport.RoundTrip(out)
		if err == nil {
			return res, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// frozenKeys are keys that are never fetched again.
type frozenKeys map[string]keys.Key

func frozen(t *testing.T, r *replica) frozenKeys {
	t.Helper()
	set := fetching(t, r, r)
	if err := set.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := frozenKeys{}
	for _, kid := range set.Health().Keys {
		all[kid], _ = set.Lookup(kid)
	}
	return all
}

// Lookup implements verify.KeySource.
func (f frozenKeys) Lookup(kid string) (keys.Key, bool) {
	k, ok := f[kid]
	return k, ok
}

// Key implements verify.KeySource.
func (f frozenKeys) Key(_ context.Context, kid string) (keys.Key, error) {
	if k, ok := f[kid]; ok {
		return k, nil
	}
	return keys.Key{}, fmt.Errorf("%w: %s", verify.ErrUnknownKey, kid)
}
