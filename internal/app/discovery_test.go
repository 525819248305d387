package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestDiscoveryDocumentsAreTheSameBytesAndSayWhatWorks(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	one, two := a.Get(t, "/.well-known/openid-configuration"), a.Get(t, "/.well-known/oauth-authorization-server")
	if one.Status != http.StatusOK || one.Raw != two.Raw {
		t.Fatalf("%d %s\n%d %s", one.Status, one.Raw, two.Status, two.Raw)
	}
	golden := map[string]any{}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(discoveryGolden, "ISSUER", a.URL)), &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range golden {
		got, err1 := json.Marshal(one.JSON[name])
		expected, err2 := json.Marshal(want)
		if err1 != nil || err2 != nil || string(got) != string(expected) {
			t.Errorf("%s is %s, want %s", name, got, expected)
		}
	}
	for name := range one.JSON {
		if _, ok := golden[name]; !ok {
			t.Errorf("%s is advertised and not in the golden document", name)
		}
	}
	// A Host header changes nothing: addresses come from the settings.
	odd := a.Get(t, "/.well-known/openid-configuration", func(r *http.Request) { r.Host = "evil.example" })
	if odd.Raw != one.Raw {
		t.Error("the document follows the Host header")
	}
	for _, name := range []string{"token_endpoint", "introspection_endpoint", "revocation_endpoint", "userinfo_endpoint", "authorization_endpoint", "end_session_endpoint", "jwks_uri"} {
		path := strings.TrimPrefix(one.Text(name), a.URL)
		if out := a.Get(t, path); out.Status == http.StatusNotFound {
			t.Errorf("%s is advertised and not there", name)
		}
	}
}

const discoveryGolden = `{
  "issuer": "ISSUER",
  "authorization_endpoint": "ISSUER/authorize",
  "token_endpoint": "ISSUER/token",
  "userinfo_endpoint": "ISSUER/userinfo",
  "jwks_uri": "ISSUER/.well-known/jwks.json",
  "introspection_endpoint": "ISSUER/introspect",
  "revocation_endpoint": "ISSUER/revoke",
  "end_session_endpoint": "ISSUER/logout",
  "scopes_supported": ["openid", "profile", "email", "offline_access"],
  "response_types_supported": ["code"],
  "response_modes_supported": ["query", "fragment", "form_post"],
  "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
  "subject_types_supported": ["public"],
  "id_token_signing_alg_values_supported": ["ES256", "RS256"],
  "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
  "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
  "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
  "code_challenge_methods_supported": ["S256"],
  "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
    "name", "given_name", "family_name", "picture", "locale", "updated_at", "email", "email_verified", "tenant_id", "tenant", "roles"],
  "acr_values_supported": ["urn:signet:acr:password", "urn:signet:acr:upstream"],
  "prompt_values_supported": ["none", "login", "consent", "select_account"],
  "authorization_response_iss_parameter_supported": true,
  "claims_parameter_supported": false,
  "request_parameter_supported": false,
  "request_uri_parameter_supported": false
}`

func TestTheKeySetIsPublicCachedAndHoldsNoPrivatePart(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	settled(t, a)
	out := a.Get(t, "/.well-known/jwks.json")
	h := out.Header
	if h.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(h.Get("Cache-Control"), "max-age=300") ||
		!strings.HasPrefix(h.Get("ETag"), `"`) || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", h)
	}
	for _, private := range []string{`"d"`, `"p"`, `"q"`, `"k"`} {
		if strings.Contains(out.Raw, private) {
			t.Errorf("the document holds %s", private)
		}
	}
	if n := len(out.JSON["keys"].([]any)); n < 2 {
		t.Errorf("%d keys: there is always a next one", n)
	}
	asking := func(condition string) apptest.Answer {
		return a.Get(t, "/.well-known/jwks.json", func(r *http.Request) { r.Header.Set("If-None-Match", condition) })
	}
	etag := h.Get("ETag")
	for name, condition := range map[string]string{"the same": etag, "made weak by a proxy": "W/" + etag, "one of several": `"x", ` + etag, "any": "*"} {
		if again := asking(condition); again.Status != http.StatusNotModified || again.Raw != "" || again.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match, %s: %d %q", name, again.Status, again.Raw)
		}
	}
	if other := asking(`"x"`); other.Status != http.StatusOK || other.Raw != out.Raw {
		t.Errorf("If-None-Match of another document: %d", other.Status)
	}
}

func TestCORSIsPerRegisteredOriginAndNeverAtAuthorize(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ask := func(method, path, origin string) apptest.Answer {
		req, err := http.NewRequest(method, a.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			req.Header.Set("Access-Control-Request-Method", "POST")
			req.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		}
		return apptest.Do(t, req)
	}
	for _, path := range []string{"/token", "/refresh", "/userinfo", "/revoke", "/.well-known/openid-configuration"} {
		for _, method := range []string{http.MethodOptions, http.MethodPost, http.MethodGet} {
			out := ask(method, path, "https://app.example")
			allowed := out.Header.Get("Access-Control-Allow-Origin")
			if out.Status == http.StatusMethodNotAllowed {
				continue
			}
			if allowed != "https://app.example" || out.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s %s: allowed %q, credentials %q", method, path, allowed, out.Header.Get("Access-Control-Allow-Credentials"))
			}
			for _, origin := range []string{"https://evil.example", "null", "https://app.example.evil.example", "http://app.example", "https://APP.example"} {
				if got := ask(method, path, origin).Header.Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("%s %s: %s is allowed as %q", method, path, origin, got)
				}
			}
		}
	}
	for _, path := range []string{"/authorize", "/login", "/introspect"} {
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
			if got := ask(method, path, "https://app.example").Header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s %s allows %q", method, path, got)
			}
		}
	}
}
