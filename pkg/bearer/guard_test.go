package bearer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

const audience = "https://orders.example"

// answer is what came back over HTTP.
type answer struct {
	status    int
	header    http.Header
	body      string
	challenge string
}

// ask sends a request with those Authorization headers over a real connection.
func ask(t *testing.T, h http.Handler, target string, authorization ...string) answer {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	req, err := http.NewRequest(http.MethodGet, s.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = authorization
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(res.Header.Values("WWW-Authenticate")); n > 1 {
		t.Errorf("%d challenges", n)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Header.Get("WWW-Authenticate")}
}

// hello answers with the subject of the caller.
func hello(w http.ResponseWriter, r *http.Request) {
	c, ok := bearer.FromContext(r.Context())
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprint(w, c.Subject)
}

// verifierFunc is a Verifier of one function.
type verifierFunc func(ctx context.Context, token string) (*verify.Claims, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (*verify.Claims, error) {
	return f(ctx, token)
}

func failing(err error) verifierFunc {
	return func(context.Context, string) (*verify.Claims, error) { return nil, err }
}

func TestEveryRequestGetsTheAnswerOfRFC6750(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	h := bearer.New(issuer.Verifier(t, audience), bearer.Realm(audience)).
		Require(bearer.Scope("orders:read"))(http.HandlerFunc(hello))
	good := issuer.Token(signettest.Subject("usr_ada"), signettest.Scope("orders:read"))
	const realm = `Bearer realm="` + audience + `"`
	invalid := func(description string) string {
		return realm + `, error="invalid_token", error_description="` + description + `"`
	}
	const oneHeader = realm + `, error="invalid_request", error_description="The Authorization header must be the word Bearer, a blank, and one access token."`
	const fixed = "The access token is not valid."
	for name, test := range map[string]struct {
		target        string
		authorization []string
		status        int
		challenge     string
	}{
		"a good token":                     {"/", []string{"Bearer " + good}, 200, ""},
		"the scheme in lower case":         {"/", []string{"bearer " + good}, 200, ""},
		"the scheme in capitals":           {"/", []string{"BEARER " + good}, 200, ""},
		"several blanks":                   {"/", []string{"Bearer   " + good}, 200, ""},
		"a query of another name":          {"/?token=x&a=%41", []string{"Bearer " + good}, 200, ""},
		"no header":                        {"/", nil, 401, realm},
		"an empty header":                  {"/", []string{""}, 401, realm},
		"another scheme":                   {"/", []string{"Basic eDp5"}, 401, realm},
		"a scheme that begins so":          {"/", []string{"BearerX " + good}, 401, realm},
		"the token alone":                  {"/", []string{good}, 401, realm},
		"a token in the query alone":       {"/?access_token=" + good, nil, 401, realm},
		"the scheme alone":                 {"/", []string{"Bearer"}, 400, oneHeader},
		"a tab for the blank":              {"/", []string{"Bearer\t" + good}, 400, oneHeader},
		"two words":                        {"/", []string{"Bearer " + good + " " + good}, 400, oneHeader},
		"two headers that a proxy joined":  {"/", []string{"Bearer " + good + ", Bearer " + good}, 400, oneHeader},
		"a token in quotes":                {"/", []string{`Bearer "` + good + `"`}, 400, oneHeader},
		"a token that is not ASCII":        {"/", []string{"Bearer tökén"}, 400, oneHeader},
		"padding and nothing else":         {"/", []string{"Bearer ==="}, 400, oneHeader},
		"two headers":                      {"/", []string{"Bearer " + good, "Bearer " + good}, 400, realm + `, error="invalid_request", error_description="There is more than one Authorization header."`},
		"two headers of different schemes": {"/", []string{"Basic eDp5", "Bearer " + good}, 400, `error="invalid_request"`},
		"a token in query and header":      {"/?access_token=x", []string{"Bearer " + good}, 400, `error="invalid_request"`},
		"the same in disguise":             {"/?%61ccess_token=x", []string{"Bearer " + good}, 400, `error="invalid_request"`},
		"the same with a broken value":     {"/?access_token=%zz", []string{"Bearer " + good}, 400, `error="invalid_request"`},
		"the same behind a semicolon":      {"/?a=1;access_token=x", []string{"Bearer " + good}, 400, `error="invalid_request"`},
		"the same without a value":         {"/?access_token", []string{"Bearer " + good}, 400, `error="invalid_request"`},
		"a name that contains it":          {"/?my_access_token=x&access_tokens=x&a=access_token", []string{"Bearer " + good}, 200, ""},
		"no JWT":                           {"/", []string{"Bearer null"}, 401, invalid(fixed)},
		"no JWT of three parts":            {"/", []string{"Bearer null.null.x"}, 401, invalid(fixed)},
		"padding at its end":               {"/", []string{"Bearer " + good + "=="}, 401, invalid(fixed)},
		"a huge token":                     {"/", []string{"Bearer " + strings.Repeat("a", 200_000)}, 401, invalid(fixed)},
		"a large token of the issuer":      {"/", []string{"Bearer " + issuer.Token(signettest.Claim("x", strings.Repeat("a", 20_000)))}, 401, invalid(fixed)},
		"an unsigned token":                {"/", []string{"Bearer " + issuer.Token(signettest.Unsigned())}, 401, invalid(fixed)},
		"HMAC with the public key":         {"/", []string{"Bearer " + issuer.Token(signettest.SignedWithPublicKey())}, 401, invalid(fixed)},
		"a stranger's signature":           {"/", []string{"Bearer " + issuer.Token(signettest.SignedByStranger())}, 401, invalid(fixed)},
		"a changed token":                  {"/", []string{"Bearer " + issuer.Token(signettest.Tampered())}, 401, invalid(fixed)},
		"an unknown key":                   {"/", []string{"Bearer " + issuer.Token(signettest.KeyID("invented"))}, 401, invalid(fixed)},
		"a claim missing":                  {"/", []string{"Bearer " + issuer.Token(signettest.Without("jti"))}, 401, invalid(fixed)},
		"an ID token":                      {"/", []string{"Bearer " + issuer.Token(signettest.Type("JWT"))}, 401, invalid("This is not an access token.")},
		"an expired token":                 {"/", []string{"Bearer " + issuer.Token(signettest.ExpiresIn(-time.Hour))}, 401, invalid("The access token has expired.")},
		"a token of tomorrow":              {"/", []string{"Bearer " + issuer.Token(signettest.NotBefore(issuer.Now().Add(5*time.Minute)))}, 401, invalid("The access token is not valid yet.")},
		"another service's token":          {"/", []string{"Bearer " + issuer.Token(signettest.Audience("https://billing.example"))}, 401, invalid("The access token is meant for another service.")},
		"another issuer's token":           {"/", []string{"Bearer " + issuer.Token(signettest.IssuedBy("https://evil.example"))}, 401, invalid("The access token is from another issuer.")},
		"a rule that is not met":           {"/", []string{"Bearer " + issuer.Token()}, 403, realm + `, error="insufficient_scope", error_description="This needs the scope orders:read.", scope="orders:read"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, h, test.target, test.authorization...)
			if got.status != test.status {
				t.Errorf("status %d, want %d\n%s", got.status, test.status, got.body)
			}
			whole := strings.HasPrefix(test.challenge, "Bearer") || test.challenge == ""
			if whole && got.challenge != test.challenge || !strings.Contains(got.challenge, test.challenge) {
				t.Errorf("challenge\n%s, want\n%s", got.challenge, test.challenge)
			}
			if test.status == 200 {
				if got.body != "usr_ada" {
					t.Errorf("the handler saw %q", got.body)
				}
				return
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", got.header)
			}
			var body struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
				Scope       string `json:"scope"`
			}
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Description == "" {
				t.Fatalf("body %q: %v", got.body, err)
			}
			if (body.Error == "") != (got.challenge == realm) || !strings.Contains(got.challenge, body.Error) || !strings.Contains(got.challenge, body.Scope) {
				t.Errorf("body %+v, challenge %s", body, got.challenge)
			}
		})
	}
}

func TestWhatNobodyCanTellIsAnswered503AndNot401(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	issuer.Down()
	for name, v := range map[string]bearer.Verifier{
		"the issuer is down and its keys were never known": issuer.Verifier(t, audience),
		"revocations are stale":                            failing(fmt.Errorf("feed: %w", verify.ErrRevocationStale)),
		"keys are unavailable":                             failing(fmt.Errorf("keys: %w", verify.ErrUnavailable)),
		"a context that ended":                             failing(context.Canceled),
		"an error of somebody else's":                      failing(errors.New("secret: s3cr3t")),
		"a Verifier that says nothing at all":              failing(nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			g := bearer.New(v, bearer.Log(slog.New(slog.NewTextHandler(&log, nil))))
			token := issuer.Token()
			got := ask(t, g.Require()(http.HandlerFunc(hello)), "/", "Bearer "+token)
			if got.status != 503 || got.challenge != "" || got.header.Get("Retry-After") != "10" {
				t.Errorf("%d, challenge %q, Retry-After %q", got.status, got.challenge, got.header.Get("Retry-After"))
			}
			if strings.Contains(got.body, "s3cr3t") || !strings.Contains(got.body, `"temporarily_unavailable"`) {
				t.Errorf("body %s", got.body)
			}
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "cause=") || strings.Contains(log.String(), token) {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

func TestRevokedTokensAreInvalid(t *testing.T) {
	t.Parallel()
	h := bearer.New(failing(fmt.Errorf("session ses_1: %w", verify.ErrRevoked))).Require()(http.HandlerFunc(hello))
	got := ask(t, h, "/", "Bearer x")
	if got.status != 401 || !strings.Contains(got.challenge, `error="invalid_token", error_description="The access token has been revoked."`) {
		t.Errorf("%d %s", got.status, got.challenge)
	}
	if strings.Contains(got.challenge+got.body, "ses_1") {
		t.Error("the cause leaks")
	}
}

func TestTheCauseOfARefusalIsLoggedAndTheTokenIsNot(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	var log bytes.Buffer
	g := bearer.New(issuer.Verifier(t, audience), bearer.Log(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	token := issuer.Token(signettest.SignedByStranger())
	ask(t, g.Require()(http.HandlerFunc(hello)), "/", "Bearer "+token)
	if !strings.Contains(log.String(), "status=401") || !strings.Contains(log.String(), "signature") || strings.Contains(log.String(), token) {
		t.Errorf("log %s", log.String())
	}
}

func TestWhatAHeaderCannotCarryIsReplaced(t *testing.T) {
	t.Parallel()
	nobody := failing(verify.ErrSignature)
	for realm, want := range map[string]string{
		`orders`:             `Bearer realm="orders"`,
		`the "orders" \ it`:  `Bearer realm="the \"orders\" \\ it"`,
		"a\r\nSet-Cookie: x": `Bearer realm="a??Set-Cookie: x"`,
		"caf\u00e9\x00\x7f":  `Bearer realm="caf???"`,
		"":                   `Bearer realm=""`,
	} {
		if got := ask(t, bearer.New(nobody, bearer.Realm(realm)).Require()(http.HandlerFunc(hello)), "/"); got.challenge != want {
			t.Errorf("%q: %s, want %s", realm, got.challenge, want)
		}
	}
	if got := ask(t, bearer.New(nobody).Require()(http.HandlerFunc(hello)), "/"); got.challenge != `Bearer realm="api"` {
		t.Errorf("without Realm: %s", got.challenge)
	}

	anybody := verifierFunc(func(context.Context, string) (*verify.Claims, error) { return &verify.Claims{}, nil })
	rule := bearer.Check(func(*http.Request, *verify.Claims) error {
		return &bearer.Refusal{Code: "a\"b", Description: "a \"b\" \\ c\r\nd \u00e9", Scope: "s\n\"t"}
	})
	got := ask(t, bearer.New(anybody).Require(rule)(http.HandlerFunc(hello)), "/", "Bearer x")
	const want = `Bearer realm="api", error="a'b", error_description="a 'b' / c??d ?", scope="s?'t"`
	if got.status != 403 || got.challenge != want {
		t.Errorf("%d %s, want %s", got.status, got.challenge, want)
	}
	if !strings.Contains(got.body, `a \"b\" \\ c\r\nd é`) {
		t.Errorf("the body can carry it: %s", got.body)
	}
}

func TestARefusalKeepsItsStatusWhateverOnErrorDoes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		f      func(http.ResponseWriter, *http.Request, *bearer.Refusal)
		status int
		body   string
	}{
		"it does nothing":    {func(http.ResponseWriter, *http.Request, *bearer.Refusal) {}, 401, ""},
		"it writes a body":   {func(w http.ResponseWriter, _ *http.Request, r *bearer.Refusal) { _, _ = io.WriteString(w, r.Code) }, 401, "invalid_token"},
		"it sets the status": {func(w http.ResponseWriter, _ *http.Request, _ *bearer.Refusal) { w.WriteHeader(418) }, 418, ""},
		"it sends hints":     {func(w http.ResponseWriter, _ *http.Request, _ *bearer.Refusal) { w.WriteHeader(103) }, 401, ""},
		"it flushes": {func(w http.ResponseWriter, _ *http.Request, _ *bearer.Refusal) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, 401, ""},
		"it flushes its own status": {func(w http.ResponseWriter, _ *http.Request, r *bearer.Refusal) {
			w.WriteHeader(r.Status)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := bearer.New(failing(verify.ErrSignature), bearer.OnError(test.f)).Require()(http.HandlerFunc(hello))
			got := ask(t, h, "/", "Bearer x")
			if got.status != test.status || got.body != test.body || !strings.Contains(got.challenge, "invalid_token") || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %q %q", got.status, got.body, got.challenge)
			}
		})
	}
}

func TestWithoutAGuardThereAreNoClaims(t *testing.T) {
	t.Parallel()
	if c, ok := bearer.FromContext(t.Context()); ok || c != nil {
		t.Errorf("%+v", c)
	}
}

func TestTheGuardedHandlerKeepsTheContextOfItsRequest(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	type key struct{}
	seen := ""
	h := bearer.New(issuer.Verifier(t, audience)).Require()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen, _ = r.Context().Value(key{}).(string)
		seen += r.PathValue("id")
	}))
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", h)
	r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
	r = r.WithContext(context.WithValue(r.Context(), key{}, "kept "))
	r.Header.Set("Authorization", "Bearer "+issuer.Token())
	mux.ServeHTTP(httptest.NewRecorder(), r)
	if seen != "kept 7" {
		t.Errorf("%q", seen)
	}
}

func FuzzNoAuthorizationHeaderPanicsOrPasses(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "bearer a", "Bearer a,b", "Bearer\t", "Basic x", "Bearer a==", "Bearer =", "\xff", "Bearer \x00"} {
		f.Add(s, "access_token=x")
	}
	h := bearer.New(failing(verify.ErrMalformed)).Require()(http.HandlerFunc(hello))
	f.Fuzz(func(t *testing.T, header, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"] = []string{header}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != 400 && w.Code != 401 || !strings.HasPrefix(challenge, `Bearer realm="api"`) || strings.ContainsAny(challenge, "\r\n") {
			t.Errorf("%d %q", w.Code, challenge)
		}
	})
}
