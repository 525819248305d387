package issuer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestABearerTokenComesFromOnePlace(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, contentType, body string
		headers                   []string
		token                     string
		ok                        bool
	}{
		"header":                           {"GET", "", "", []string{"Bearer abc"}, "abc", true},
		"header in another case":           {"GET", "", "", []string{"bEARER abc"}, "abc", true},
		"header with space":                {"GET", "", "", []string{"Bearer   abc "}, "abc", true},
		"none":                             {"GET", "", "", nil, "", true},
		"another scheme":                   {"GET", "", "", []string{"Basic abc"}, "", true},
		"no blank":                         {"GET", "", "", []string{"Bearerabc"}, "", true},
		"two headers":                      {"GET", "", "", []string{"Bearer abc", "Bearer abc"}, "", false},
		"body":                             {"POST", form, "access_token=abc", nil, "abc", true},
		"body of a GET":                    {"GET", form, "access_token=abc", nil, "", true},
		"body of another type":             {"POST", "application/json", `{"access_token":"abc"}`, nil, "", true},
		"body and header":                  {"POST", form, "access_token=abc", []string{"Bearer abc"}, "", false},
		"body empty and header":            {"POST", form, "access_token=", []string{"Bearer abc"}, "", false},
		"body twice":                       {"POST", form, "access_token=abc&access_token=abc", nil, "", false},
		"malformed body":                   {"POST", form, "access_token=%zz", nil, "", false},
		"malformed body beside the header": {"POST", form, "%zz", []string{"Bearer abc"}, "", false},
		"other parameters and the header":  {"POST", form, "x=y", []string{"Bearer abc"}, "abc", true},
	} {
		// The query is never looked at (RFC 6750 §2.3).
		r := httptest.NewRequest(c.method, "/userinfo?access_token=query", strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		for _, h := range c.headers {
			r.Header.Add("Authorization", h)
		}
		token, ok := bearerToken(httptest.NewRecorder(), r)
		if ok != c.ok || ok && token != c.token {
			t.Errorf("%s: %q, %v", name, token, ok)
		}
	}
}

func TestAChallengeNamesTheErrorOnlyWhenThereIsOne(t *testing.T) {
	t.Parallel()
	i, _ := press(DefaultTokenBudget)
	for want, args := range map[string][3]string{
		`Bearer realm="https://id.example"`: {},
		`Bearer realm="https://id.example", error="insufficient_scope", error_description="d", scope="openid"`: {"insufficient_scope", "d", "openid"},
	} {
		w := httptest.NewRecorder()
		i.challenge(w, http.StatusUnauthorized, args[0], args[1], args[2])
		if got := w.Header().Get("WWW-Authenticate"); got != want || w.Header().Get("Cache-Control") != "no-store" || (w.Body.Len() == 0) != (args[0] == "") {
			t.Errorf("%s: body %q", got, w.Body)
		}
	}
}
