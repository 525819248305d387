package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPolicyNamesTheTargetsOfAForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target string
		want   string // the sources after 'self'
	}{
		"https becomes its origin":                          {"https://App.Acme.test/cb?x=1", " https://app.acme.test"},
		"a port is kept":                                    {"http://127.0.0.1:8123/cb", " http://127.0.0.1:8123"},
		"a private-use scheme stands alone":                 {"com.example.app:/cb", " com.example.app:"},
		"an IPv6 literal falls back to the scheme":          {"http://[::1]:8123/cb", " http:"},
		"a bare scheme is taken as it is":                   {"https:", " https:"},
		"our own origin is not repeated":                    {"", ""},
		"javascript is refused":                             {"javascript:alert(1)", ""},
		"data is refused":                                   {"data:text/html,x", ""},
		"a path is no target":                               {"/cb", ""},
		"a semicolon in the host cannot add a directive":    {"https://a;script-src *", ""},
		"a quote in the host cannot add a keyword":          {"https://a'unsafe-inline'/", " https:"},
		"a comma in the host cannot start another policy":   {"https://a,b/", " https:"},
		"an upper-case scheme is refused like a lower-case": {"JavaScript:alert(1)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := Policy(c.target)
			want := "form-action 'self'" + c.want + "; "
			if !strings.Contains(policy, want) {
				t.Errorf("%q is not in %q", want, policy)
			}
		})
	}
}

func FuzzAFormSourceNeverLeavesItsDirective(f *testing.F) {
	f.Add("https://a.test/cb")
	f.Add("com.example.app:/cb")
	f.Add("https://a;b,c 'self'/")
	f.Fuzz(func(t *testing.T, raw string) {
		source, ok := formSource(raw)
		if ok == (source == "") {
			t.Fatalf("%q: %q, %v", raw, source, ok)
		}
		if strings.ContainsAny(source, ";,'\"* \t\r\n") {
			t.Fatalf("%q became %q", raw, source)
		}
		for _, c := range source {
			if c > 0x7e {
				t.Fatalf("%q became %q", raw, source)
			}
		}
	})
}

func TestEveryPageCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		_, w := rendered(t, s.page)
		csp := w.Header().Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "} {
			if !strings.Contains(csp, directive) {
				t.Errorf("%s: no %s in %q", s.name, directive, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %q", s.name, csp)
		}
		if _, ok := s.page.(FormPost); !ok && strings.Contains(csp, "script-src") {
			t.Errorf("%s may run scripts", s.name)
		}
		for header, want := range map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"Cache-Control":          "no-store",
			"Referrer-Policy":        "same-origin",
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s: %q", s.name, header, got)
			}
		}
	}
}

func TestAPageWithoutAFormAllowsNone(t *testing.T) {
	t.Parallel()
	_, w := rendered(t, Error{Status: 400})
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'none'") {
		t.Error(csp)
	}
}

func TestAStepOfSigningInKeepsItsOpenerAndTheAccountDoesNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page Page
		want string
	}{{SignIn{}, ""}, {Consent{}, ""}, {SignedOut{}, ""}, {Account{}, "same-origin"}, {ChangePassword{}, "same-origin"}, {Home{}, "same-origin"}} {
		_, w := rendered(t, c.page)
		if got := w.Header().Get("Cross-Origin-Opener-Policy"); got != c.want {
			t.Errorf("%T: %q, want %q", c.page, got, c.want)
		}
	}
}

func TestFormPostAllowsItsOwnScriptAndTargetOnly(t *testing.T) {
	t.Parallel()
	for target, source := range map[string]string{
		"https://orders.acme.test/cb": "https://orders.acme.test",
		"test.acme.field:/cb":         "test.acme.field:",
	} {
		page, w := rendered(t, FormPost{Action: target, Params: []Hidden{{"code", "a\"b"}}})
		d := parse(t, page)
		sum := sha256.Sum256([]byte(d.all("script")[0].FirstChild.Data))
		csp := w.Header().Get("Content-Security-Policy")
		if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(csp, want) {
			t.Errorf("%s is not in %s", want, csp)
		}
		if !strings.Contains(csp, "form-action "+source+";") {
			t.Error(csp)
		}
		if got := attr(d.all("form")[0], "action"); got != target {
			t.Errorf("the form posts to %q", got)
		}
	}
}

func TestFormPostRefusesTargetsThatABrowserWouldRun(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "javascript:alert(1)", "data:text/html,x", "/cb", "//evil.test", "https:///cb", "vbscript:x", "\tjavascript:alert(1)"} {
		w := httptest.NewRecorder()
		if err := newRenderer(t).Render(w, 200, FormPost{Action: target}); err == nil {
			t.Errorf("%q was rendered", target)
		}
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<") {
			t.Errorf("%q: %d %s", target, w.Code, w.Body)
		}
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q: the failure lost its headers", target)
		}
	}
}
