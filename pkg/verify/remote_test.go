package verify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/verify"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// nowhere is a client that reaches nobody.
func nowhere() *http.Client {
	return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("nowhere") })}
}

// remote serves the keys of all pairs at the usual place, unless down is set.
func remote(t testing.TB, down *atomic.Bool) *httptest.Server {
	t.Helper()
	var all []keys.Key
	for _, p := range pairs() {
		k := p.Key
		k.CreatedAt, k.PublishedAt = t0, t0
		all = append(all, k)
	}
	body, etag, err := keys.Document(all, t0)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path != "/id/.well-known/jwks.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", keys.DocumentType)
		w.Header().Set("Cache-Control", "max-age=300")
		w.Header().Set("ETag", etag)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestKeysAreFetchedFromTheIssuer(t *testing.T) {
	t.Parallel()
	for _, slash := range []string{"", "/"} {
		server := remote(t, new(atomic.Bool))
		v, err := verify.New(t.Context(), verify.Config{Issuer: server.URL + "/id" + slash, Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		now := map[string]any{"iss": server.URL + "/id" + slash, "exp": 1 << 33}
		if _, err := v.Verify(t.Context(), mint(t, pairs()[keys.ES256], merge(now, "iat", 0))); err != nil {
			t.Error(err)
		}
		if err := v.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		if h := v.Health(); !h.OK() || len(h.Keys) != 3 {
			t.Errorf("Health = %v", h)
		}
		if err := v.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func merge(m map[string]any, name string, value any) map[string]any {
	m[name] = value
	return m
}

func TestAnIssuerThatIsDownMakesTokensUnjudgeable(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	server := remote(t, &down)
	v, err := verify.New(t.Context(), verify.Config{Issuer: server.URL + "/id", Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), mint(t, pairs()[keys.ES256], map[string]any{"iss": server.URL + "/id", "exp": 1 << 33, "iat": 0}))
	refused(t, err, verify.ErrUnavailable)
	if !errors.Is(err, jwks.ErrStatus) {
		t.Errorf("the cause is lost: %v", err)
	}
	if h := v.Health(); h.OK() || h.State != jwks.Never {
		t.Errorf("Health = %v", h)
	}
}

func TestAServiceStartsWhileTheIssuerIsDownIfItEverSawTheKeys(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	server := remote(t, &down)
	config := verify.Config{Issuer: server.URL + "/id", Audience: audience, CacheFile: filepath.Join(t.TempDir(), "jwks.json")}
	token := mint(t, pairs()[keys.ES256], map[string]any{"iss": config.Issuer, "exp": 1 << 33, "iat": 0})
	before, err := verify.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	// The copy is written behind; wait until it can be used.
	for t.Context().Err() == nil {
		after, err := verify.New(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = after.Verify(t.Context(), token); err == nil {
			if h := after.Health(); !h.FromDisk {
				t.Errorf("Health = %v", h)
			}
			return
		}
		refused(t, err, verify.ErrUnavailable)
	}
	t.Error("the copy on disk was never usable")
}

func TestAKeySetIsSharedBetweenAudiences(t *testing.T) {
	t.Parallel()
	server := remote(t, new(atomic.Bool))
	set, err := jwks.New(t.Context(), jwks.Config{URL: server.URL + "/id/.well-known/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	counted := struct{ *jwks.Set }{set} // as one that counts look-ups would
	for name, source := range map[string]verify.KeySource{"orders": set, "billing": counted} {
		v := build(t, func(c *verify.Config) { c.Audience, c.Keys = name, source })
		if _, err := v.Verify(t.Context(), mint(t, pairs()[keys.RS256], map[string]any{"aud": name})); err != nil {
			t.Error(err)
		}
		if !v.Health().OK() {
			t.Errorf("Health = %v", v.Health())
		}
	}
}
