package frontend

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	h := New(Config{
		Issuer: "http://localhost:8080", ClientID: "spa", Origin: "http://localhost:8081", Orders: "http://localhost:8082",
		Audience: "https://orders.example", Organizations: []Organization{{Slug: "acme", Name: "Acme"}},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestEveryAnswerComesUnderTheStrictPolicy(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{
		"/": 200, "/callback?code=x": 200, "/app.js": 200, "/auth.js": 200, "/style.css": 200, "/mark.svg": 200, "/config.json": 200,
		"/nowhere": 404, "/static": 404, "/../frontend.go": 404, "/index.html/": 404,
	} {
		w := get(t, http.MethodGet, path)
		if w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
		policy := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self' http://localhost:8080 http://localhost:8082;",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		if strings.Contains(policy, "unsafe") || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
	if w := get(t, http.MethodPost, "/callback"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestTheSettingsNameTheRegisteredAddresses(t *testing.T) {
	t.Parallel()
	var c struct {
		Issuer, ClientID, RedirectURI, HomeURI, Orders, Audience string
		Organizations                                            []Organization
	}
	if err := json.Unmarshal(get(t, http.MethodGet, "/config.json").Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if c.RedirectURI != "http://localhost:8081/callback" || c.HomeURI != "http://localhost:8081/" || len(c.Organizations) != 1 {
		t.Errorf("%+v", c)
	}
}

// elsewhere matches what would fetch from another host, and markup made from text.
var elsewhere = regexp.MustCompile(`(src|href)="(https?:)?//|@import|\burl\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|style="|onclick=`)

func TestNothingIsFetchedFromElsewhereAndNoTextBecomesMarkup(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(embedded, "static/*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v %v", files, err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := elsewhere.FindString(string(b)); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
}
