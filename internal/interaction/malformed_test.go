package interaction_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/authorization"
)

func TestMalformedFormsGetTheirStatusAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const form = "application/x-www-form-urlencoded"
	const good = "email=bob%40acme.example&password=velvet+umbrella+ninety+moons"
	for _, path := range []string{"/login", "/login/account", "/login/tenant", "/consent", "/logout/confirm", "/account/password"} {
		for _, c := range []struct {
			name, contentType, body string
			status                  int
		}{
			{"JSON", "application/json", `{"email":"x"}`, 400},
			{"multipart", "multipart/form-data; boundary=x", "--x--", 400},
			{"no type", "", good, 400},
			{"a type that is none", "a/b/c;;", good, 400},
			{"a repeated field", form, good + "&email=ada%40acme.example", 400},
			{"a broken escape", form, good + "&x=%zz", 400},
			{"a semicolon", form, good + ";x=1", 400},
			{"broken UTF-8", form, good + "&x=%ff", 400},
			{"NUL", form, good + "&x=%00", 400},
			{"too many fields", form, good + strings.Repeat("&", 70), 400},
			{"a long value", form, good + "&x=" + strings.Repeat("y", 20_000), 400},
			{"a long body", form, good + "&x=" + strings.Repeat("y", 70_000), 413},
		} {
			b := s.browser(t)
			r := b.postRequest(path, nil)
			r2, err := http.NewRequest(http.MethodPost, r.URL.String(), strings.NewReader(c.body))
			check(t, err)
			if c.contentType != "" {
				r2.Header.Set("Content-Type", c.contentType)
			}
			if p := b.do(r2); p.status != c.status {
				t.Errorf("%s at %s: %d, want %d", c.name, path, p.status, c.status)
			}
			if b.cookie("signet") != "" {
				t.Errorf("%s at %s: signed in", c.name, path)
			}
		}
	}
	for _, query := range []string{"flow=a&flow=b", "flow=%zz", "flow=%ff", "flow=%00", "x;y"} {
		s.browser(t).get("/login?"+query).want(http.StatusBadRequest, "")
	}
	s.browser(t).get("/login?flow="+strings.Repeat("a", 17_000)).want(http.StatusRequestEntityTooLarge, "")
}

func TestHEADIsAnsweredLikeGET(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/", "/login", "/logout/done", "/account"} {
		res, err := http.Head(s.url + path)
		check(t, err)
		get, err := http.Get(s.url + path)
		check(t, err)
		_, _ = res.Body.Close(), get.Body.Close()
		if res.StatusCode != get.StatusCode || res.Header.Get("Content-Security-Policy") != get.Header.Get("Content-Security-Policy") {
			t.Errorf("%s: HEAD %d, GET %d", path, res.StatusCode, get.StatusCode)
		}
	}
}

func TestRefusalsAreAPageForPeopleAndJSONForPrograms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := authorization.Failure{Code: "invalid_request", Description: "say <b> what"}
	for accept, contentType := range map[string]string{"text/html,*/*;q=0.8": "text/html", "": "application/json", "*/*": "application/json"} {
		r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.in.Refuse(w, r, http.StatusBadRequest, f)
		if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) {
			t.Errorf("Accept %q: %d %s", accept, w.Code, w.Header().Get("Content-Type"))
		}
		if w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "<b>") {
			t.Errorf("Accept %q: cacheable or not escaped: %s", accept, w.Body)
		}
		w = httptest.NewRecorder()
		s.in.RefuseStatus(w, r, http.StatusNotFound)
		if w.Code != http.StatusNotFound {
			t.Errorf("not found: %d", w.Code)
		}
	}
}

func TestFormPostCarriesTheAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := httptest.NewRecorder()
	s.in.FormPost(w, httptest.NewRequest(http.MethodGet, "/authorize", nil), callback, url.Values{"code": {"c"}, "state": {`"><script>`}})
	p := page{t: t, status: w.Code, body: w.Body.String(), url: &url.URL{}}
	if form := p.form(callback); form.Get("code") != "c" || form.Get("state") != `"><script>` {
		t.Errorf("form %v", form)
	}
}
