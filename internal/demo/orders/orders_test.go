package orders

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/pkg/signettest"
)

const (
	audience = "https://orders.example"
	origin   = "http://localhost:8081"
)

type shop struct {
	*httptest.Server
	issuer *signettest.Issuer
}

func newShop(t *testing.T) shop {
	t.Helper()
	i := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "acme"))
	return openShop(t, i)
}

func openShop(t *testing.T, i *signettest.Issuer) shop {
	t.Helper()
	h, err := New(t.Context(), Config{
		Issuer: i.URL(), Audience: audience, Origin: origin, Log: slog.New(slog.DiscardHandler), Now: i.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return shop{s, i}
}

func (s shop) do(t *testing.T, method, path, token, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestEveryRouteAsksForItsPermission(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	all := []string{Read, Write, Refund}
	person := func(scopes []string, permissions ...string) string {
		return s.issuer.Token(signettest.Permission(permissions...), signettest.Scope(scopes...))
	}
	machine := s.issuer.Token(signettest.Machine("job"), signettest.Scope(Read))
	order := `{"customer":"Ada","item":"Anvil","cents":8950}`
	for name, test := range map[string]struct {
		method, path, token, body string
		status                    int
		challenge                 string
	}{
		"no token":                      {"GET", "/orders", "", "", 401, `Bearer realm="` + audience + `"`},
		"a token that is none":          {"GET", "/orders", "null.null.x", "", 401, `error="invalid_token"`},
		"a token for another service":   {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.Audience("https://billing.example")), "", 401, `error="invalid_token"`},
		"another issuer's token":        {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.IssuedBy("https://evil.example")), "", 401, `error="invalid_token"`},
		"an expired token":              {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.ExpiresIn(-time.Minute)), "", 401, `error="invalid_token"`},
		"an ID token":                   {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.Type("JWT")), "", 401, `error="invalid_token"`},
		"an unsigned token":             {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.Unsigned()), "", 401, `error="invalid_token"`},
		"HMAC with the public key":      {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.SignedWithPublicKey()), "", 401, `error="invalid_token"`},
		"a stranger's key":              {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.SignedByStranger()), "", 401, `error="invalid_token"`},
		"a changed payload":             {"GET", "/orders", s.issuer.Token(signettest.Permission(Read), signettest.Tampered()), "", 401, `error="invalid_token"`},
		"a reader reads":                {"GET", "/orders", person(all, Read), "", 200, ""},
		"a reader does not write":       {"POST", "/orders", person(all, Read), order, 403, `scope="orders:write"`},
		"a reader does not refund":      {"POST", "/orders/acm-1041/refund", person(all, Read, Write), "", 403, `error="insufficient_scope"`},
		"a clerk writes":                {"POST", "/orders", person(all, Read, Write), order, 201, ""},
		"an admin of too weak a client": {"POST", "/orders", person([]string{Read}, Read, Write), order, 403, `scope="orders:write"`},
		"a machine reads by its scope":  {"GET", "/orders", machine, "", 200, ""},
		"a machine does not write":      {"POST", "/orders", machine, order, 403, `scope="orders:write"`},
		"a person without permissions":  {"GET", "/orders", person(all), "", 403, `scope="orders:read"`},
		"no tenant":                     {"GET", "/orders", s.issuer.Token(signettest.Machine("job"), signettest.Scope(all...), signettest.NoTenant()), "", 403, `error="insufficient_scope"`},
		"an unknown path":               {"GET", "/order", person(all, Read), "", 404, ""},
		"a wrong method":                {"DELETE", "/orders", person(all, Read), "", 405, ""},
		"the front door":                {"GET", "/", "", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body := s.do(t, test.method, test.path, test.token, test.body)
			if res.StatusCode != test.status {
				t.Errorf("status %d, want %d\n%s", res.StatusCode, test.status, body)
			}
			if got := res.Header.Get("WWW-Authenticate"); !strings.Contains(got, test.challenge) || (test.challenge == "") != (got == "") {
				t.Errorf("challenge %q, want %q", got, test.challenge)
			}
			if test.status == 401 && test.token == "" && strings.Contains(res.Header.Get("WWW-Authenticate"), "error=") {
				t.Error("RFC 6750 §3.1: no error is named to a caller who sent no token")
			}
		})
	}
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := func(id, slug string) string {
		return s.issuer.Token(signettest.Tenant(id, slug), signettest.Permission(Read, Write, Refund))
	}
	acme, globex := token("ten_1", "acme"), token("ten_2", "globex")
	res, body := s.do(t, "POST", "/orders", acme, `{"customer":"Ada","item":"Anvil","cents":8950}`)
	var made Order
	if err := json.Unmarshal([]byte(body), &made); err != nil || res.StatusCode != 201 || made.CreatedBy != "usr_test" {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if _, body := s.do(t, "GET", "/orders", acme, ""); !strings.Contains(body, made.ID) {
		t.Errorf("acme does not see its order %s: %s", made.ID, body)
	}
	if _, body := s.do(t, "GET", "/orders", globex, ""); strings.Contains(body, made.ID) || strings.Contains(body, "acm-") {
		t.Errorf("globex sees acme's orders: %s", body)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", globex, ""); res.StatusCode != 404 {
		t.Errorf("globex refunds acme's order: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", acme, ""); res.StatusCode != 200 {
		t.Errorf("acme does not refund its own: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", acme, ""); res.StatusCode != 409 {
		t.Errorf("a second refund: %d", res.StatusCode)
	}
	// Slugs are given away and taken again: the orders stay with the tenant.
	if _, body := s.do(t, "GET", "/orders", token("ten_1", "acme-old"), ""); !strings.Contains(body, `"Ada"`) {
		t.Errorf("acme, renamed, does not see its orders: %s", body)
	}
	if _, body := s.do(t, "GET", "/orders", token("ten_3", "acme"), ""); strings.Contains(body, `"Ada"`) {
		t.Errorf("the new acme sees the orders of the old one: %s", body)
	}
}

func TestTheServiceOutlivesItsIssuerAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	read := signettest.Permission(Read)
	known := s.issuer.Token(read)
	status := func(s shop, path, token string) int {
		t.Helper()
		res, _ := s.do(t, "GET", path, token, "")
		return res.StatusCode
	}
	if got := []int{status(s, "/orders", known), status(s, "/readyz", "")}; !slices.Equal(got, []int{200, 200}) {
		t.Fatalf("at first: %v", got)
	}
	rotated := s.issuer.Rotate()
	if got := status(s, "/orders", s.issuer.Token(read, signettest.KeyID(rotated))); got != 200 {
		t.Errorf("after a rotation: %d", got)
	}
	s.issuer.Down()
	if got := []int{status(s, "/orders", known), status(s, "/readyz", "")}; !slices.Equal(got, []int{200, 200}) {
		t.Errorf("the issuer is down and its keys are known: %v", got)
	}
	late := openShop(t, s.issuer)
	res, body := late.do(t, "GET", "/orders", known, "")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("the issuer is down and its keys were never known: %d %s", res.StatusCode, body)
	}
	res, body = late.do(t, "GET", "/readyz", "", "")
	if res.StatusCode != 503 || !strings.Contains(body, `"ready":false`) {
		t.Errorf("readyz: %d %s", res.StatusCode, body)
	}
	s.issuer.Advance(25 * time.Hour) // past max-age and stale-if-error
	if got := []int{status(s, "/orders", s.issuer.Token(read)), status(s, "/readyz", "")}; !slices.Equal(got, []int{503, 503}) {
		t.Errorf("after a day without the issuer: %v", got)
	}
}

func TestAServiceThatIsConfiguredWronglyDoesNotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"no issuer":     {Audience: audience},
		"no audience":   {Issuer: "https://id.example.com"},
		"plain http":    {Issuer: "http://id.example.com", Audience: audience},
		"no URL at all": {Issuer: "id.example.com", Audience: audience},
	} {
		if h, err := New(t.Context(), c); err == nil || h != nil {
			t.Errorf("%s: it starts", name)
		}
	}
}

func TestBadOrdersAreRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := s.issuer.Token(signettest.Permission(Write))
	for name, body := range map[string]string{
		"nothing": "", "not JSON": "customer=Ada", "null": "null", "a list": "[]", "an unknown field": `{"customer":"A","item":"B","cents":1,"tenant":"globex"}`,
		"no customer": `{"item":"B","cents":1}`, "a fraction": `{"customer":"A","item":"B","cents":1.5}`, "free": `{"customer":"A","item":"B","cents":0}`,
		"a long name": `{"customer":"` + strings.Repeat("x", 101) + `","item":"B","cents":1}`,
		"too large":   `{"customer":"` + strings.Repeat("x", maxBody) + `","item":"B","cents":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, body := s.do(t, "POST", "/orders", token, body); res.StatusCode != 400 && res.StatusCode != 422 {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
}

func TestOnlyTheFrontendsScriptsMayCall(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for from, allowed := range map[string]bool{
		origin: true, "http://localhost:8080": false, "http://localhost:80811": false, "null": false, "": false,
	} {
		res, _ := s.do(t, "OPTIONS", "/orders", "", "", "Origin", from, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 204 || (got == origin) != allowed || (!allowed && got != "") {
			t.Errorf("preflight from %q: %d, allowed %q", from, res.StatusCode, got)
		}
		res, _ = s.do(t, "GET", "/orders", "", "", "Origin", from)
		if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 401 || (got != "") != allowed {
			t.Errorf("request from %q: %d, allowed %q", from, res.StatusCode, got)
		}
		if !strings.Contains(res.Header.Get("Vary"), "Origin") {
			t.Errorf("an answer that depends on the origin does not say so")
		}
	}
}
