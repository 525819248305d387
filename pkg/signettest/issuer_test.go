package signettest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

const audience = "https://orders.example"

func newIssuer(t *testing.T, options ...signettest.Option) *signettest.Issuer {
	t.Helper()
	return signettest.New(t, append(options, signettest.Audience(audience))...)
}

func accepted(t *testing.T, v *verify.Verifier, token, when string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("%s: %v", when, err)
	}
}

func refused(t *testing.T, v *verify.Verifier, token string, want error, when string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", when, err, want)
	}
}

// get returns the status, body and header of one of the issuer's documents.
func get(t *testing.T, url string, header ...string) (int, []byte, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body, res.Header
}

func kids(t *testing.T, i *signettest.Issuer) map[string]bool {
	t.Helper()
	_, body, _ := get(t, i.JWKSURL())
	var doc struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, k := range doc.Keys {
		out[k.Kid] = true
	}
	return out
}

func TestTheDocumentsAreThoseOfAnIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, signettest.CacheFor(90*time.Second))
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		_, body, _ := get(t, i.URL()+path)
		var d struct {
			Issuer string
			JWKS   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(body, &d); err != nil || d.Issuer != i.URL() || d.JWKS != i.JWKSURL() {
			t.Errorf("%s: %s", path, body)
		}
	}
	status, _, h := get(t, i.JWKSURL())
	if status != 200 || h.Get("Content-Type") != keys.DocumentType || h.Get("Cache-Control") != "public, max-age=90, stale-while-revalidate=60, stale-if-error=86400" {
		t.Errorf("%d %v", status, h)
	}
	if status, body, _ := get(t, i.JWKSURL(), "If-None-Match", h.Get("ETag")); status != 304 || len(body) != 0 {
		t.Errorf("with its tag: %d %s", status, body)
	}
	if got := i.Fetches(); got != 2 {
		t.Errorf("%d fetches of the keys", got)
	}
}

// Services that verify with another library can be tested with it too.
func TestAnotherLibraryAcceptsItsTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, signettest.Algorithms(keys.RS256, keys.ES256, keys.EdDSA))
	provider, err := oidc.NewProvider(t.Context(), i.URL())
	if err != nil {
		t.Fatal(err)
	}
	v := provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"RS256", "ES256", "EdDSA"}, Now: i.Now})
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		token, err := v.Verify(t.Context(), i.Token(signettest.Subject("usr_ada"), signettest.Algorithm(alg)))
		if err != nil || token.Subject != "usr_ada" {
			t.Errorf("%s: %v", alg, err)
		}
	}
	if _, err := v.Verify(t.Context(), i.Token(signettest.SignedByStranger())); err == nil {
		t.Error("a stranger's token was accepted: the test proves nothing")
	}
}

func TestARotationIsUnnoticed(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.Verifier(t, audience)
	fetches := i.Fetches()
	first := i.Kid(keys.ES256)
	old := i.Token()
	second := i.Rotate()
	if second == first || second != i.Kid(keys.ES256) {
		t.Errorf("kid %s after %s", second, first)
	}
	accepted(t, v, i.Token(), "signed with the new key, which was published before")
	accepted(t, v, old, "signed before the rotation")
	accepted(t, v, i.Token(signettest.KeyID(first)), "signed with the old key")
	if got := i.Fetches(); got != fetches {
		t.Errorf("%d fetches because of a rotation", got-fetches)
	}
	if got := kids(t, i); len(got) != 3 || !got[first] || !got[second] {
		t.Errorf("published: %v", got)
	}
	// Two rotations ahead of the verifier: it has to fetch the key, and does.
	i.Rotate()
	accepted(t, v, i.Token(), "signed with a key that was published meanwhile")

	i.Remove(first)
	if kids(t, i)[first] {
		t.Error("a removed key is published")
	}
	if err := v.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, v, old, verify.ErrUnknownKey, "its key was removed")
	accepted(t, v, i.Token(), "signed with the active key")
}

func TestACompromisedKeyEndsWithTheNextFetch(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.Verifier(t, audience)
	old := i.Token()
	accepted(t, v, old, "before")
	stolen := i.Compromise()
	if stolen == i.Kid(keys.ES256) || kids(t, i)[stolen] || len(kids(t, i)) != 2 {
		t.Errorf("stolen %s, active %s, published %v", stolen, i.Kid(keys.ES256), kids(t, i))
	}
	accepted(t, v, i.Token(), "signed with the next key, which was published before")
	accepted(t, v, i.Token(signettest.KeyID(stolen)), "forged, while the verifier knows nothing of it")
	if err := v.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, v, i.Token(signettest.KeyID(stolen)), verify.ErrUnknownKey, "forged")
	refused(t, v, old, verify.ErrUnknownKey, "signed before and seen before")
}

func TestRemovingTheNextKeyPublishesAnother(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	active := i.Kid(keys.ES256)
	for kid := range kids(t, i) {
		if kid != active {
			i.Remove(kid)
		}
	}
	if got := kids(t, i); len(got) != 2 || !got[active] || i.Kid(keys.ES256) != active {
		t.Errorf("active %s, was %s; published %v", i.Kid(keys.ES256), active, got)
	}
	if i.Kid(keys.RS256) != "" {
		t.Error("keys of an algorithm that nobody asked for")
	}
}

func TestTheIssuerCanBeDown(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	early := i.Verifier(t, audience)
	i.Down()
	if res, err := http.Get(i.JWKSURL()); err == nil {
		_ = res.Body.Close()
		t.Errorf("it answers %d", res.StatusCode)
	}
	late := i.Verifier(t, audience)
	if late.Health().State != jwks.Never {
		t.Errorf("health %v", late.Health())
	}
	accepted(t, early, i.Token(), "down, with known keys")
	refused(t, late, i.Token(), verify.ErrUnavailable, "down, with no keys")
	i.Up()
	if err := late.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	accepted(t, late, i.Token(), "up again")
}

func TestTheClockStandsStillUntilItIsMoved(t *testing.T) {
	t.Parallel()
	start := time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	i := newIssuer(t, signettest.StartAt(start))
	v := i.Verifier(t, audience)
	token := i.Token(signettest.ExpiresIn(time.Hour))
	i.Advance(time.Hour + verify.DefaultLeeway - time.Second)
	accepted(t, v, token, "just before its end")
	i.Advance(time.Second)
	refused(t, v, token, verify.ErrExpired, "at its end")
	i.Advance(-2 * time.Hour)
	if want := start.Add(verify.DefaultLeeway - time.Hour); !i.Now().Equal(want) {
		t.Errorf("%v, want %v", i.Now(), want)
	}
	refused(t, v, token, verify.ErrNotYetValid, "before it was issued")
	accepted(t, v, i.Token(), "issued by the clock that was set back")
}

func TestServicesWithAClockOfTheirOwnAcceptItsTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v, err := verify.New(t.Context(), verify.Config{Issuer: i.URL(), Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, v, i.Token(), "by the real clock")
}

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	said int
}

func (r *recorder) Errorf(string, ...any) { r.said++ }

func TestWhatCannotBeMintedFailsTheTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	i := signettest.New(r)
	for name, option := range map[string]signettest.TokenOption{
		"a claim that is no JSON":    signettest.Claim("x", make(chan int)),
		"a header that is none":      signettest.Header("x", make(chan int)),
		"an algorithm nobody has":    signettest.Algorithm("HS256"),
		"changing what has no claim": func() signettest.TokenOption { return signettest.Payload([]byte("null")) }(),
	} {
		options := []signettest.TokenOption{option}
		if name == "changing what has no claim" {
			options = append(options, signettest.Tampered())
		}
		before := r.said
		if token := i.Token(options...); token != "" || r.said != before+1 {
			t.Errorf("%s: %q, %d failures", name, token, r.said-before)
		}
	}
	before := r.said
	if token := i.Token(signettest.KeyID(i.Kid(keys.ES256)), signettest.Algorithm(keys.RS256)); token != "" || r.said != before+1 {
		t.Errorf("a key of another algorithm: %q", token)
	}
	if i.Remove("none-such"); r.said != before+2 {
		t.Error("Remove of no key said nothing")
	}
}
