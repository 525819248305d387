package upstream_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/outbound"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/upstream"
	"github.com/signet-id/signet/keys"
)

// What must never be said or logged.
const (
	theSecret   = "s3cret:/ of the client+%"
	theCode     = "code-that-is-secret"
	theVerifier = "verifier-that-is-secret"
	theAccess   = "access-token-that-is-secret"
	theRefresh  = "refresh-token-that-is-secret"
	theNonce    = "nonce-of-this-sign-in"
)

// t0 is when all of it happens.
var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

type pair struct {
	keys.Key
	private crypto.Signer
}

var newPair = sync.OnceValues(func() (pair, pair) {
	make := func(a keys.Algorithm) pair {
		k, private, err := keys.Generate(a, nil)
		if err != nil {
			panic(err)
		}
		return pair{k, private}
	}
	return make(keys.RS256), make(keys.ES256)
})

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// sign makes a compact JWS with any header at all.
func (p pair) sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	full := map[string]any{"alg": string(p.Algorithm), "kid": p.ID, "typ": "JWT"}
	maps.Copy(full, header)
	maps.DeleteFunc(full, func(_ string, v any) bool { return v == nil })
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return p.signRaw(t, full, body)
}

func (p pair) signRaw(t testing.TB, header map[string]any, body []byte) string {
	t.Helper()
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	input := b64(head) + "." + b64(body)
	var signature []byte
	switch private := p.private.(type) {
	case *rsa.PrivateKey:
		sum := sha256.Sum256([]byte(input))
		signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256([]byte(input))
		r, s, failed := ecdsa.Sign(rand.Reader, private, sum[:])
		signature, err = make([]byte, 64), failed
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	default:
		signature, err = private.Sign(rand.Reader, []byte(input), crypto.Hash(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(signature)
}

// idp is an OpenID Provider whose every answer can be made wrong. Its fields are set before connector
// is called, or through change.
type idp struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	pairs    []pair
	metadata map[string]any                                      // over the right one; nil values take a member out
	answer   map[string]func(http.ResponseWriter, *http.Request) // by path, in place of the right one
	claims   map[string]any                                      // over the right ones; nil takes one out
	header   map[string]any
	token    map[string]any // over the right token response
	idToken  string         // "" for one that is made of claims
	asked    map[string]int
	last     url.Values // form of the last token request
	basic    [2]string  // its credentials
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	tokenPath     = "/oauth/token"
	jwksPath      = "/keys"
)

func newIDP(t testing.TB) *idp {
	t.Helper()
	rsaPair, ecPair := newPair()
	p := &idp{t: t, pairs: []pair{rsaPair, ecPair}, answer: map[string]func(http.ResponseWriter, *http.Request){}, asked: map[string]int{}}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

func (p *idp) change(f func()) { p.mu.Lock(); defer p.mu.Unlock(); f() }

func (p *idp) count(path string) int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked[path] }

func over(right, changes map[string]any) map[string]any {
	out := maps.Clone(right)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	instead := p.answer[r.URL.Path]
	p.mu.Unlock()
	if instead != nil {
		instead(w, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case discoveryPath:
		reply(w, over(map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + tokenPath,
			"jwks_uri": p.server.URL + jwksPath, "id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
			"code_challenge_methods_supported": []string{"S256"},
		}, p.metadata))
	case jwksPath:
		var list []json.RawMessage
		for _, k := range p.pairs {
			jwk, err := keys.MarshalJWK(k.Key)
			if err != nil {
				p.t.Error(err)
			}
			list = append(list, jwk)
		}
		reply(w, map[string]any{"keys": list})
	case tokenPath:
		p.redeem(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *idp) redeem(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.t.Error(err)
	}
	p.last = r.PostForm
	p.basic[0], p.basic[1], _ = r.BasicAuth()
	token := p.idToken
	if token == "" {
		token = p.pairs[0].sign(p.t, p.header, p.right())
	}
	reply(w, over(map[string]any{
		"access_token": theAccess, "refresh_token": theRefresh, "token_type": "Bearer", "expires_in": 3600, "id_token": token,
	}, p.token))
}

// right returns good claims, with what was changed of them.
func (p *idp) right() map[string]any {
	return over(map[string]any{
		"iss": p.server.URL, "sub": "person-1", "aud": "signet", "exp": t0.Add(5 * time.Minute).Unix(), "iat": t0.Unix(), "nonce": theNonce,
		"email": "ada@acme.example", "email_verified": true, "name": "Ada Lovelace", "sid": "session-1",
	}, p.claims)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func text(body string) func(http.ResponseWriter, *http.Request) { return status(http.StatusOK, body) }

// clock is set by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// journal is a log that can be read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) { j.mu.Lock(); defer j.mu.Unlock(); return j.b.Write(p) }
func (j *journal) String() string              { j.mu.Lock(); defer j.mu.Unlock(); return j.b.String() }

type secretOf string

func (s secretOf) Secret(connector.Connector) (secret.Text, error) {
	if s == "" {
		return secret.Text{}, nil
	}
	return secret.New(string(s)), nil
}

type observed struct {
	mu   sync.Mutex
	seen map[string]int
}

func (o *observed) UpstreamRequest(connector, request string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil {
		o.seen = map[string]int{}
	}
	o.seen[connector+" "+request]++
}

func (o *observed) String() string { o.mu.Lock(); defer o.mu.Unlock(); return fmt.Sprint(o.seen) }

// world is providers with the clock, the log and the metrics that they were given.
type world struct {
	*upstream.Providers
	clock    *clock
	log      *journal
	observed *observed
}

func newWorld(t testing.TB, change ...func(*upstream.Config)) *world {
	t.Helper()
	w := &world{clock: &clock{now: t0}, log: &journal{}, observed: &observed{}}
	c := upstream.Config{
		URL: "https://signet.example", Client: here(), Secrets: secretOf(theSecret), Observer: w.observed,
		Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	w.Providers = upstream.New(c)
	t.Cleanup(w.Close)
	t.Cleanup(func() { quiet(t, w.log.String()) })
	return w
}

// here returns a client that reaches this machine.
func here() *http.Client {
	return outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

// quiet fails a test whose texts hold what is secret.
func quiet(t testing.TB, texts ...string) {
	t.Helper()
	for _, s := range texts {
		for _, hidden := range []string{theSecret, theCode, theVerifier, theAccess, theRefresh, theNonce, url.QueryEscape(theSecret), "eyJ"} {
			if strings.Contains(s, hidden) {
				t.Errorf("%q is said: %s", hidden, s)
			}
		}
	}
}

// connector returns one for p. What a test changed of p before is seen by its server.
func (p *idp) connector() connector.Connector {
	p.change(func() {})
	return connector.Connector{
		ID: id.NewConnector(t0), Reference: "acme.idp", Slug: "idp", Kind: connector.OIDC, Name: "IdP", Issuer: p.server.URL, ClientID: "signet",
		Secret: []byte("sealed"), Version: 1,
	}
}

func returned() connector.Return {
	return connector.Return{
		Code: theCode, RedirectURI: "https://signet.example/upstream/acme.idp/callback", Nonce: theNonce, Verifier: theVerifier,
		MaxAge: -1, StartedAt: t0.Add(-10 * time.Second),
	}
}

// failed fails a test unless err has that reason, and its words those parts.
func failed(t testing.TB, err error, want connector.Reason, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	if got := connector.ReasonOf(err); got != want {
		t.Errorf("%s, want %s: %v", got, want, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	quiet(t, err.Error())
}
