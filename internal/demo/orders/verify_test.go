package orders

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const audience = "https://orders.example"

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// issuer publishes keys and signs whatever a test asks for.
type issuer struct {
	*httptest.Server
	private *ecdsa.PrivateKey
	kid     atomic.Value
	fetches atomic.Int64
	down    atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{private: private}
	i.kid.Store("k1")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		w.Header().Set("Cache-Control", "public, max-age=300")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: private.Public(), KeyID: i.kid.Load().(string), Algorithm: "ES256", Use: "sig"},
		}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token signs good claims, changed by those given; nil removes one.
func (i *issuer) token(t *testing.T, typ string, change map[string]any) string {
	t.Helper()
	return i.sign(t, jose.ES256, i.private, typ, i.claims(change))
}

func (i *issuer) claims(change map[string]any) map[string]any {
	c := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "usr_1", "client_id": "spa", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(),
		"tenant": "acme", "scope": "openid orders:read orders:write", "permissions": []string{"orders:read", "orders:refund"},
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (i *issuer) sign(t *testing.T, alg jose.SignatureAlgorithm, key any, typ string, claims map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	opts.WithHeader(jose.HeaderKey("kid"), "k1")
	if typ != "" {
		opts.WithType(jose.ContentType(typ))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func TestAGenuineTokenYieldsItsClaims(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	for name, change := range map[string]map[string]any{
		"for this service alone":              nil,
		"for this service and others":         {"aud": []string{"https://other.example", audience}},
		"expired within the clocks' leeway":   {"exp": start.Add(-20 * time.Second).Unix()},
		"not valid before the other's clock":  {"nbf": start.Add(20 * time.Second).Unix()},
		"with claims this service never read": {"cnf": map[string]string{"x": "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := NewVerifier(i.URL, audience, at(start)).Verify(context.Background(), i.token(t, "at+jwt", change))
			if err != nil {
				t.Fatal(err)
			}
			if c.Subject != "usr_1" || c.Tenant != "acme" || !c.Allows("orders:read") {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestAnyOtherTokenIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := i.token(t, "at+jwt", nil)
	parts := strings.Split(good, ".")
	publicBytes, err := i.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ token, want string }{
		"another audience":            {i.token(t, "at+jwt", map[string]any{"aud": "https://billing.example"}), "another service"},
		"no audience":                 {i.token(t, "at+jwt", map[string]any{"aud": nil}), "another service"},
		"an audience that begins so":  {i.token(t, "at+jwt", map[string]any{"aud": audience + "/v2"}), "another service"},
		"another issuer":              {i.token(t, "at+jwt", map[string]any{"iss": "https://evil.example"}), "another issuer"},
		"expired":                     {i.token(t, "at+jwt", map[string]any{"exp": start.Add(-leeway).Unix()}), "expired"},
		"no expiry":                   {i.token(t, "at+jwt", map[string]any{"exp": nil}), "expired"},
		"not valid yet":               {i.token(t, "at+jwt", map[string]any{"nbf": start.Add(time.Hour).Unix()}), "not valid yet"},
		"no subject":                  {i.token(t, "at+jwt", map[string]any{"sub": nil}), "no subject"},
		"an expiry that is no number": {i.token(t, "at+jwt", map[string]any{"exp": "soon"}), "cannot be read"},
		"an ID token":                 {i.token(t, "JWT", nil), "not an access token"},
		"no type":                     {i.token(t, "", nil), "not an access token"},
		"a logout token":              {i.token(t, "logout+jwt", nil), "not an access token"},
		"a stranger's key":            {i.sign(t, jose.ES256, stranger, "at+jwt", i.claims(nil)), "signature is wrong"},
		"HMAC with the public key":    {i.sign(t, jose.HS256, publicBytes, "at+jwt", i.claims(nil)), "of a kind accepted"},
		"alg none":                    {"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiazEifQ." + parts[1] + ".", "of a kind accepted"},
		"a changed payload":           {parts[0] + "." + strings.TrimSuffix(parts[1], parts[1][len(parts[1])-4:]) + "AAAA." + parts[2], "signature is wrong"},
		"no signature":                {parts[0] + "." + parts[1] + ".", "signature is wrong"},
		"not a JWT":                   {"null.null.x", "of a kind accepted"},
		"nothing":                     {"", "of a kind accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewVerifier(i.URL, audience, at(start)).Verify(context.Background(), test.token)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, errUnavailable) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestAKeyServesItsOwnAlgorithmAlone(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := NewVerifier(i.URL, audience, at(start))
	v.keys.Keys = []jose.JSONWebKey{{Key: i.private.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}
	v.freshTill = start.Add(time.Hour)
	if _, err := v.Verify(context.Background(), i.token(t, "at+jwt", nil)); err == nil || !strings.Contains(err.Error(), "algorithm") {
		t.Error(err)
	}
}

func TestKeysAreFetchedOnceAndWhenTheyChange(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	now := start
	v := NewVerifier(i.URL, audience, func() time.Time { return now })
	verify := func() error {
		_, err := v.Verify(context.Background(), i.token(t, "at+jwt", map[string]any{"exp": now.Add(time.Hour).Unix()}))
		return err
	}
	expect := func(fetches int64, ok bool) {
		t.Helper()
		if err := verify(); (err == nil) != ok || i.fetches.Load() != fetches {
			t.Errorf("%d fetches, want %d; %v", i.fetches.Load(), fetches, err)
		}
	}
	expect(1, true)
	expect(1, true)
	now = now.Add(5*time.Minute + time.Second)
	expect(2, true) // max-age has passed

	i.down.Store(true)
	now = now.Add(5*time.Minute + time.Second)
	expect(2, true) // the issuer is away: what is known still serves
	i.down.Store(false)

	i.kid.Store("k2")
	now = now.Add(5*time.Minute + time.Second)
	expect(3, false) // k1 is gone
	expect(3, false) // and asking again at once costs nothing
	i.kid.Store("k1")
	now = now.Add(refetchPause)
	expect(4, true)
}

func TestATokenCannotBeJudgedWhileTheKeysCannotBeFetched(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.down.Store(true)
	v := NewVerifier(i.URL, audience, at(start))
	if _, err := v.Verify(context.Background(), i.token(t, "at+jwt", nil)); !errors.Is(err, errUnavailable) {
		t.Fatal(err)
	}
	i.down.Store(false)
	if _, err := v.Verify(context.Background(), i.token(t, "at+jwt", nil)); err != nil {
		t.Errorf("the next caller still meets the failure: %v", err)
	}
}
