package adminclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func serve(t *testing.T, f http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return &Client{BaseURL: s.URL, Token: StaticToken("t0ken")}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func TestAnEditCarriesItsConditionAndOnlyTheFieldsThatChange(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPatch || r.URL.Path != "/admin/v1/tenants/acme" || r.Header.Get("If-Match") != `"7"` ||
			r.Header.Get("Authorization") != "Bearer t0ken" || string(body) != `{"name":"Acme Inc"}` {
			t.Errorf("got %s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		w.Header().Set("ETag", `"8"`)
		answer(w, http.StatusOK, map[string]any{"slug": "acme", "name": "Acme Inc", "attributes": map[string]any{"seats": json.Number("9007199254740993")}})
	})
	name := "Acme Inc"
	tenant, etag, err := c.UpdateTenant(t.Context(), "acme", UpdateTenantBody{Name: &name}, IfMatch(`"7"`))
	if err != nil || etag != `"8"` || tenant.Name != name || tenant.Attributes["seats"] != json.Number("9007199254740993") {
		t.Errorf("got %+v, %s, %v", tenant, etag, err)
	}
}

func TestARefusalNamesTheFieldsAndTheRequest(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "req-1")
		w.Header().Set("Retry-After", "3")
		answer(w, http.StatusConflict, map[string]any{"title": "Conflict", "status": 409, "detail": "Taken.", "errors": []any{map[string]any{"location": "body.slug", "message": "is taken"}}})
	})
	_, _, err := c.CreateTenant(t.Context(), CreateTenantBody{Slug: "acme"})
	p, ok := errors.AsType[*Problem](err)
	if !ok || !IsConflict(err) || IsChanged(err) || p.RequestID != "req-1" || p.RetryAfter != 3*time.Second || len(p.Fields) != 1 || p.Fields[0].Location != "body.slug" {
		t.Fatalf("got %#v", err)
	}
	if err.Error() != "Taken.; body.slug: is taken" {
		t.Errorf("the text is %q", err)
	}
}

func TestAnAnswerOfSomethingElseIsAnErrorThatSaysSo(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]http.HandlerFunc{
		"a page of a proxy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<h1>Bad gateway</h1>", http.StatusBadGateway)
		},
		"a page with status 200": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
		"JSON of another shape": func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []int{1}) },
		"half of an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"slug":`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tenant, _, err := serve(t, f).GetTenant(t.Context(), "acme"); err == nil {
				t.Errorf("got %+v and no error", tenant)
			} else if strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), "<h1>") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestARejectedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "acme") {
			t.Errorf("the body is gone at the second attempt: %q", body)
		}
		if r.Header.Get("Authorization") == "Bearer fresh" {
			answer(w, http.StatusCreated, map[string]any{"slug": "acme"})
			return
		}
		answer(w, http.StatusUnauthorized, map[string]any{"detail": "no"})
	})
	fresh := "fresh"
	c.Token = func(_ context.Context, rejected string) (string, error) {
		asked = append(asked, rejected)
		if rejected != "" {
			return fresh, nil
		}
		return "stale", nil
	}
	if _, _, err := c.CreateTenant(t.Context(), CreateTenantBody{Slug: "acme"}); err != nil || len(asked) != 2 || asked[1] != "stale" {
		t.Errorf("error %v, asked for %q", err, asked)
	}
	fresh = "stale too"
	asked = nil
	if _, _, err := c.CreateTenant(t.Context(), CreateTenantBody{Slug: "acme"}); !IsUnauthenticated(err) || len(asked) != 2 {
		t.Errorf("error %v after %q", err, asked)
	}
}

func TestIdentifiersOfAnyShapeArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	var got string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/v1/tenants/{tenant}", func(w http.ResponseWriter, r *http.Request) {
		got = r.PathValue("tenant")
		answer(w, http.StatusOK, map[string]any{})
	})
	c := serve(t, mux.ServeHTTP)
	for _, id := range []string{"legacy:id/with+odd chars", "..", ".", "a//b", "100%", "a?b#c", "ü", `"quoted"\`, "a;b=c,d", "%2F"} {
		got = ""
		if _, _, err := c.GetTenant(t.Context(), id); err != nil || got != id {
			t.Errorf("%q arrived as %q, error %v", id, got, err)
		}
	}
}

func TestAListIsWalkedToItsEnd(t *testing.T) {
	t.Parallel()
	fail := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("slug_prefix") != "a" || q.Get("limit") != "200" {
			t.Errorf("query %v", q)
		}
		switch cursor := q.Get("cursor"); {
		case cursor == "":
			answer(w, http.StatusOK, map[string]any{"items": []any{map[string]any{"slug": "a1"}, map[string]any{"slug": "a2"}}, "next_cursor": "n"})
		case cursor == "n" && fail:
			answer(w, http.StatusServiceUnavailable, map[string]any{})
		default:
			answer(w, http.StatusOK, map[string]any{"items": []any{map[string]any{"slug": "a3"}}})
		}
	})
	all, err := Collect(c.AllTenants(t.Context(), ListTenantsParams{SlugPrefix: "a"}))
	if err != nil || len(all) != 3 || all[2].Slug != "a3" {
		t.Errorf("got %v, %v", all, err)
	}
	for tenant, err := range c.AllTenants(t.Context(), ListTenantsParams{SlugPrefix: "a"}) {
		if err != nil || tenant.Slug != "a1" {
			t.Errorf("got %v, %v", tenant, err)
		}
		break
	}
	fail = true
	if all, err := Collect(c.AllTenants(t.Context(), ListTenantsParams{SlugPrefix: "a"})); err == nil {
		t.Errorf("half of a list without an error: %v", all)
	}
}

func TestTokensGoNowhereUnencrypted(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "id.example.com", "http://id.example.com", "ftp://id.example.com", "https://u:p@id.example.com", "https://id.example.com?x=1", "https://id.example.com#x"} {
		c := &Client{BaseURL: base, Token: func(context.Context, string) (string, error) {
			t.Errorf("a token was fetched for %q", base)
			return "", nil
		}}
		if _, _, err := c.GetTenant(t.Context(), "acme"); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	if _, err := baseURL("http://127.0.0.1:8080/"); err != nil {
		t.Error(err)
	}
	if _, _, err := (&Client{BaseURL: "https://id.example.com"}).GetTenant(t.Context(), "acme"); err == nil {
		t.Error("no token source, no error")
	}
}

func TestAMachineFetchesOneTokenForMany(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil || id != "odd%3Aid" || secret != "s+p%25" || r.PostForm.Get("resource") != Audience || r.URL.Path != "/token" {
			t.Errorf("got %s %s %v", id, secret, r.PostForm)
		}
		n := fetched.Add(1)
		answer(w, http.StatusOK, map[string]any{"access_token": "token" + string(rune('0'+n)), "expires_in": 300})
	}))
	defer s.Close()
	source, err := ClientCredentials(Machine{Issuer: s.URL, ClientID: "odd:id", ClientSecret: "s p%", Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if token, err := source(t.Context(), ""); err != nil || token != "token1" {
				t.Errorf("got %s, %v", token, err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	now = now.Add(271 * time.Second)
	mu.Unlock()
	if token, err := source(t.Context(), ""); err != nil || token != "token2" {
		t.Errorf("near its expiry: got %s, %v", token, err)
	}
	if token, err := source(t.Context(), "token2"); err != nil || token != "token3" {
		t.Errorf("after a rejection: got %s, %v", token, err)
	}
	if fetched.Load() != 3 {
		t.Errorf("fetched %d tokens, want 3", fetched.Load())
	}
}

func TestARefusedMachineIsToldWhyAndItsSecretStaysUnsaid(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "unknown client"})
	}))
	defer s.Close()
	source, err := ClientCredentials(Machine{Issuer: s.URL, ClientID: "m", ClientSecret: "very secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "very secret") {
		t.Errorf("got %v", err)
	}
	if _, err := ClientCredentials(Machine{Issuer: "http://id.example.com", ClientID: "m", ClientSecret: "x"}); err == nil {
		t.Error("a secret would be sent unencrypted")
	}
}

func TestParametersAreSentAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	q := query{}
	q.list("one", []string{"a", "b"})
	q.each("many", []string{"a", "b"})
	q.list("none", nil)
	q.truth("no", new(bool))
	q.truth("absent", nil)
	q.instant("at", time.Date(2026, 1, 31, 12, 0, 0, 5, time.FixedZone("", 3600)))
	q.number("n", 0)
	if got, want := url.Values(q).Encode(), "at=2026-01-31T11%3A00%3A00.000000005Z&many=a&many=b&no=false&one=a%2Cb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnAnswerThatIsNoJSONIsHandedOverAsItComes(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Header.Get("Content-Type")+" "+string(body))
	})
	out, err := c.open(t.Context(), call{method: http.MethodPost, path: "/x", stream: strings.NewReader("a,b"), media: "text/csv"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if b, err := io.ReadAll(out); err != nil || string(b) != "text/csv a,b" {
		t.Errorf("got %q, %v", b, err)
	}
}
