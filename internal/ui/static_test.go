package ui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestStaticFilesAreCachedForEverUnderTheirHash(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	css, err := r.assets.path("signet.css")
	if err != nil {
		t.Fatal(err)
	}
	other := StaticPrefix + strings.Repeat("0", 16) + "/signet.css"
	for name, c := range map[string]struct {
		method, path string
		status       int
		cache        string
	}{
		"the style sheet under its hash":      {"GET", css, 200, "public, max-age=31536000, immutable"},
		"its head":                            {"HEAD", css, 200, "public, max-age=31536000, immutable"},
		"another release's hash":              {"GET", other, 200, "no-store"},
		"no hash":                             {"GET", StaticPrefix + "signet.css", 404, "no-store"},
		"a hash of another length":            {"GET", StaticPrefix + "00/signet.css", 404, "no-store"},
		"an unknown file":                     {"GET", strings.Replace(css, "signet", "other", 1), 404, "no-store"},
		"the directory":                       {"GET", StaticPrefix, 404, "no-store"},
		"a way out":                           {"GET", StaticPrefix + "0000000000000000/../signet.css", 404, "no-store"},
		"a write":                             {"POST", css, 405, "no-store"},
		"an unknown method on a missing file": {"DELETE", StaticPrefix + "x", 405, "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r.Static().ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			if got := w.Header().Get("Cache-Control"); got != c.cache {
				t.Errorf("Cache-Control %q, want %q", got, c.cache)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("no nosniff")
			}
			if c.status == 200 && w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
				t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
			}
			if c.status == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestAPageLinksFilesThatExist(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	page, _ := rendered(t, SignIn{})
	links := parse(t, page).all("link")
	if len(links) != 2 {
		t.Fatalf("%d links", len(links))
	}
	for _, link := range links {
		w := httptest.NewRecorder()
		r.Static().ServeHTTP(w, httptest.NewRequest("GET", attr(link, "href"), nil))
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d", attr(link, "href"), w.Code)
		}
		again := httptest.NewRequest("GET", attr(link, "href"), nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		second := httptest.NewRecorder()
		r.Static().ServeHTTP(second, again)
		if second.Code != http.StatusNotModified {
			t.Errorf("%s asked for again: %d", attr(link, "href"), second.Code)
		}
	}
}
