package orders

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const origin = "http://localhost:8081"

type shop struct {
	*httptest.Server
	issuer *issuer
}

func newShop(t *testing.T) shop {
	t.Helper()
	i := newIssuer(t)
	s := httptest.NewServer(New(Config{
		Issuer: i.URL, Audience: audience, Origin: origin, Log: slog.New(slog.DiscardHandler), Now: at(start),
	}))
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
	all := "orders:read orders:write orders:refund"
	person := func(scope string, permissions ...string) string {
		return s.issuer.token(t, "at+jwt", map[string]any{"scope": scope, "permissions": permissions})
	}
	machine := s.issuer.token(t, "at+jwt", map[string]any{"sub": "job", "client_id": "job", "scope": Read, "permissions": nil})
	order := `{"customer":"Ada","item":"Anvil","cents":8950}`
	for name, test := range map[string]struct {
		method, path, token, body string
		status                    int
		challenge                 string
	}{
		"no token":                      {"GET", "/orders", "", "", 401, `Bearer realm="` + audience + `"`},
		"a token that is none":          {"GET", "/orders", "null.null.x", "", 401, `error="invalid_token"`},
		"a reader reads":                {"GET", "/orders", person(all, Read), "", 200, ""},
		"a reader does not write":       {"POST", "/orders", person(all, Read), order, 403, `scope="orders:write"`},
		"a reader does not refund":      {"POST", "/orders/acm-1041/refund", person(all, Read, Write), "", 403, `error="insufficient_scope"`},
		"a clerk writes":                {"POST", "/orders", person(all, Read, Write), order, 201, ""},
		"an admin of too weak a client": {"POST", "/orders", person(Read, Read, Write), order, 403, `scope="orders:write"`},
		"a machine reads by its scope":  {"GET", "/orders", machine, "", 200, ""},
		"a machine does not write":      {"POST", "/orders", machine, order, 403, `scope="orders:write"`},
		"a person without permissions":  {"GET", "/orders", person(all), "", 403, `scope="orders:read"`},
		"no tenant": {"GET", "/orders", s.issuer.token(t, "at+jwt", map[string]any{"tenant": nil, "scope": all}),
			"", 403, `error="insufficient_scope"`},
		"an unknown path": {"GET", "/order", person(all, Read), "", 404, ""},
		"a wrong method":  {"DELETE", "/orders", person(all, Read), "", 405, ""},
		"the front door":  {"GET", "/", "", "", 200, ""},
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
	token := func(tenant string) string {
		return s.issuer.token(t, "at+jwt", map[string]any{
			"tenant": tenant, "scope": "orders:read orders:write orders:refund", "permissions": []string{Read, Write, Refund},
		})
	}
	res, body := s.do(t, "POST", "/orders", token("acme"), `{"customer":"Ada","item":"Anvil","cents":8950}`)
	var made Order
	if err := json.Unmarshal([]byte(body), &made); err != nil || res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if _, body := s.do(t, "GET", "/orders", token("acme"), ""); !strings.Contains(body, made.ID) {
		t.Errorf("acme does not see its order %s: %s", made.ID, body)
	}
	if _, body := s.do(t, "GET", "/orders", token("globex"), ""); strings.Contains(body, made.ID) || strings.Contains(body, "acm-") {
		t.Errorf("globex sees acme's orders: %s", body)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", token("globex"), ""); res.StatusCode != 404 {
		t.Errorf("globex refunds acme's order: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", token("acme"), ""); res.StatusCode != 200 {
		t.Errorf("acme does not refund its own: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "POST", "/orders/"+made.ID+"/refund", token("acme"), ""); res.StatusCode != 409 {
		t.Errorf("a second refund: %d", res.StatusCode)
	}
}

func TestBadOrdersAreRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := s.issuer.token(t, "at+jwt", map[string]any{"permissions": []string{Write}})
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
