package orders

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
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
	asked   atomic.Int64                  // for the discovery document, answered or not
	hold    atomic.Pointer[chan struct{}] // if set, discovery answers once it is closed
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
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		if hold := i.hold.Load(); hold != nil {
			select {
			case <-*hold:
			case <-r.Context().Done():
			}
		}
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		w.Header().Set("Cache-Control", "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400")
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
	return i.signWith(t, alg, key, (&jose.SignerOptions{}).WithHeader(jose.HeaderKey("kid"), "k1"), typ, claims)
}

func (i *issuer) signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, opts *jose.SignerOptions, typ string, claims map[string]any) string {
	t.Helper()
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
	v.keys.freshTill, v.keys.discardedAt = start.Add(time.Hour), start.Add(time.Hour)
	if _, err := v.Verify(context.Background(), i.token(t, "at+jwt", nil)); err == nil || !strings.Contains(err.Error(), "algorithm") {
		t.Error(err)
	}
}

// meter judges tokens at a time of its own and counts what the issuer was asked.
type meter struct {
	*Verifier
	issuer *issuer
	clock  atomic.Int64 // nanoseconds after start
}

func newMeter(i *issuer) *meter {
	m := &meter{issuer: i}
	m.Verifier = NewVerifier(i.URL, audience, m.time)
	return m
}

func (m *meter) time() time.Time      { return start.Add(time.Duration(m.clock.Load())) }
func (m *meter) pass(d time.Duration) { m.clock.Add(int64(d)) }

// verify judges a token signed with the key k1, whose header says kid.
func (m *meter) verify(t *testing.T, kid string) error {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithHeader(jose.HeaderKey("kid"), kid)
	token := m.issuer.signWith(t, jose.ES256, m.issuer.private, opts, "at+jwt", m.issuer.claims(map[string]any{"exp": m.time().Add(time.Hour).Unix()}))
	_, err := m.Verify(t.Context(), token)
	return err
}

// landed waits until no fetch is under way.
func (m *meter) landed() {
	m.mu.Lock()
	flight := m.flight
	m.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

const maxAge = 5 * time.Minute // that the issuer of these tests names

func TestKeysAreFetchedOnceAndWhenTheyChange(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	m := newMeter(i)
	expect := func(fetches int64, ok bool) {
		t.Helper()
		err := m.verify(t, "k1")
		m.landed()
		if (err == nil) != ok || i.fetches.Load() != fetches {
			t.Errorf("%d fetches, want %d; %v", i.fetches.Load(), fetches, err)
		}
	}
	expect(1, true)
	expect(1, true)
	m.pass(maxAge + time.Second)
	expect(2, true) // max-age has passed

	i.down.Store(true)
	m.pass(maxAge + time.Second)
	expect(2, true) // the issuer is away: what is known still serves
	i.down.Store(false)

	i.kid.Store("k2")
	m.pass(refetchPause)
	expect(3, true)  // the issuer was away when last asked: nobody waits for it
	expect(3, false) // k1 is gone
	expect(3, false) // and asking again at once costs nothing
	i.kid.Store("k1")
	m.pass(refetchPause)
	expect(4, true)
}

// A key withdrawn while nobody called must not open the door to the first who does.
func TestAfterAnIdleTimeTheKeysAreAskedForBeforeATokenIsBelieved(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	m := newMeter(i)
	if err := m.verify(t, "k1"); err != nil {
		t.Fatal(err)
	}
	i.kid.Store("k2")
	m.pass(maxAge + time.Hour)
	if err := m.verify(t, "k1"); err == nil || !strings.Contains(err.Error(), "does not publish") {
		t.Errorf("believed, or refused for another reason: %v", err)
	}
}

func TestATokenCannotBeJudgedWhileTheKeysCannotBeFetched(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	m := newMeter(i)
	i.down.Store(true)
	if err := m.verify(t, "k1"); !errors.Is(err, errUnavailable) {
		t.Fatal(err)
	}
	i.down.Store(false)
	m.pass(refetchPause)
	if err := m.verify(t, "k1"); err != nil {
		t.Errorf("the failure outlives the pause: %v", err)
	}
}

func TestInventedKeyIDsCauseOneFetchPerPauseWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.down.Store(true)
	m := newMeter(i)
	for range 2 {
		before := i.asked.Load()
		for n := range 20 {
			err := m.verify(t, "invented-"+strconv.Itoa(n))
			// The reason is kept: a key that cannot be looked up is not called unpublished.
			if !errors.Is(err, errUnavailable) || !strings.Contains(err.Error(), "503") {
				t.Fatal(err)
			}
		}
		if got := i.asked.Load() - before; got != 1 {
			t.Errorf("the issuer was asked %d times", got)
		}
		m.pass(refetchPause)
	}
}

func TestAHangingIssuerKeepsNoKnownKeyWaiting(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	m := newMeter(i)
	if err := m.verify(t, "k1"); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	i.hold.Store(&release)
	m.pass(refetchPause)
	const callers = 5
	invented := make(chan error, callers)
	for n := range callers {
		go func() { invented <- m.verify(t, "invented-"+strconv.Itoa(n)) }()
	}
	for i.asked.Load() < 2 {
		runtime.Gosched()
	}
	known := func(when string) {
		t.Helper()
		if err := m.verify(t, "k1"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.flight == nil {
			t.Errorf("%s: waited until the fetch had ended", when)
		}
	}
	known("fresh")
	m.pass(maxAge)
	known("being renewed")
	close(release)
	for range callers {
		if err := <-invented; err == nil || errors.Is(err, errUnavailable) {
			t.Error(err)
		}
	}
	if got := i.asked.Load(); got != 2 {
		t.Errorf("the issuer was asked %d times, want one fetch for all", got)
	}
}

func TestWhoeverHangsUpDoesNotWaitForTheKeys(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	release := make(chan struct{})
	i.hold.Store(&release)
	defer close(release)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := newMeter(i).Verify(ctx, i.token(t, "at+jwt", nil)); !errors.Is(err, context.Canceled) || !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
}

func TestStaleKeysServeForADayAtMostWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	m := newMeter(i)
	if err := m.verify(t, "k1"); err != nil {
		t.Fatal(err)
	}
	i.down.Store(true)
	m.pass(maxAge + 24*time.Hour - time.Second)
	if err := m.verify(t, "k1"); err != nil {
		t.Errorf("within the day: %v", err)
	}
	m.pass(time.Second)
	if err := m.verify(t, "k1"); !errors.Is(err, errUnavailable) || !strings.Contains(err.Error(), "too old") {
		t.Errorf("after the day: %v", err)
	}
	i.down.Store(false)
	m.pass(refetchPause)
	if err := m.verify(t, "k1"); err != nil {
		t.Errorf("once the issuer is back: %v", err)
	}
}

func TestHowLongKeysServeIsReadFromTheAnswerWithinBounds(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct{ fresh, renew, discarded time.Duration }{
		"":                          {minKeyAge, minKeyAge, minKeyAge},
		"no-store":                  {minKeyAge, minKeyAge, minKeyAge},
		"max-age=x, stale-if-error": {minKeyAge, minKeyAge, minKeyAge},
		"public, Max-Age=300":       {maxAge, maxAge, maxAge},
		"max-age=300, stale-if-error=60, stale-while-revalidate=30": {maxAge, maxAge + 30*time.Second, maxAge + time.Minute},
		"max-age=99999999, stale-if-error=99999999":                 {maxKeyAge, maxKeyAge, maxKeyAge + maxStale},
	} {
		mux := http.NewServeMux()
		s := httptest.NewServer(mux)
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", header)
			_, _ = io.WriteString(w, `{"issuer":"`+s.URL+`","jwks_uri":"`+s.URL+`/jwks","keys":[]}`)
		})
		got, err := NewVerifier(s.URL, audience, at(start)).fetch(t.Context())
		s.Close()
		if err != nil || got.freshTill.Sub(start) != want.fresh || got.renewTill.Sub(start) != want.renew || got.discardedAt.Sub(start) != want.discarded {
			t.Errorf("%q: %v %v %v, %v", header, got.freshTill.Sub(start), got.renewTill.Sub(start), got.discardedAt.Sub(start), err)
		}
	}
}
