package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// Whatever is wrong with a request to the administration, the answer is a problem (RFC 9457) that
// says so, from whichever layer it comes.
func TestEveryRefusalOfTheAdministrationIsAProblemThatNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	const json = "application/json"
	for what, c := range map[string]struct {
		method, path, contentType, body string
		status                          int
		says                            string
	}{
		"an unknown path":          {"GET", "/nothing", "", "", 404, "openapi.json"},
		"the root":                 {"GET", "", "", "", 404, "openapi.json"},
		"a trailing slash":         {"GET", "/tenants/", "", "", 404, "openapi.json"},
		"a method that is not":     {"PUT", "/tenants", json, "{}", 405, "Allow"},
		"a body that is too large": {"POST", "/tenants", json, strings.Repeat(" ", 3<<20), 413, "too large"},
		"a form":                   {"POST", "/tenants", "application/x-www-form-urlencoded", `{"slug":"x","name":"X"}`, 415, json},
		"text":                     {"PATCH", "/tenants/acme", "text/plain", `{"name":"X"}`, 415, json},
		"nonsense for a type":      {"POST", "/tenants", ";;;", `{"slug":"x","name":"X"}`, 415, json},
		"no body":                  {"POST", "/tenants", json, "", 400, "body"},
		"broken JSON":              {"POST", "/tenants", json, `{"slug":`, 400, `"body"`},
		"a field that is missing":  {"POST", "/tenants", json, `{"slug":"x"}`, 422, `{"location":"body.name","message":"is required"}`},
		"a parameter missing":      {"GET", "/tenants/acme/token-preview", "", "", 422, `"query.client"`},
		"a cursor that is none":    {"GET", "/tenants?cursor=x", "", "", 422, `"query.cursor"`},
		"a page that is too large": {"GET", "/tenants?limit=1000", "", "", 422, `"query.limit"`},
	} {
		req, err := http.NewRequest(c.method, a.URL+"/admin/v1"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.contentType)
		apptest.Bearer(opal)(req)
		out := apptest.Do(t, req)
		if out.Status != c.status || out.Header.Get("Content-Type") != "application/problem+json" || out.JSON["status"] != float64(c.status) || out.Text("title") != http.StatusText(c.status) || !strings.Contains(out.Raw, c.says) {
			t.Errorf("%s: %d %s %s, want %d and %s", what, out.Status, out.Header.Get("Content-Type"), out.Raw, c.status, c.says)
		}
	}
}

// TestTheDocumentSaysWhatIsAnswered holds what a generated client is told about errors against what
// the server does.
func TestTheDocumentSaysWhatIsAnswered(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	doc := a.Admin(t, "", http.MethodGet, "/openapi.json", nil).JSON
	for path, item := range doc["paths"].(map[string]any) {
		for method, v := range item.(map[string]any) {
			op := v.(map[string]any)
			if op["summary"] == nil || op["tags"] == nil {
				t.Errorf("%s %s has no summary or no tag", method, path)
			}
			want := []int{400, 401, 403, 404, 422, 500, 503}
			if method != "get" {
				want = append(want, 409)
			}
			if method == "patch" {
				want = append(want, 412, 428)
			}
			if op["requestBody"] != nil {
				want = append(want, 413, 415)
			}
			responses := op["responses"].(map[string]any)
			for _, status := range want {
				r, ok := responses[fmt.Sprint(status)].(map[string]any)
				if !ok || !strings.Contains(fmt.Sprint(r["content"]), "application/problem+json") || !strings.Contains(fmt.Sprint(r["content"]), "#/components/schemas/Problem") {
					t.Errorf("%s %s does not say that it may answer a problem of %d: %v", method, path, status, r)
				}
			}
			parameters, _ := op["parameters"].([]any)
			for _, p := range parameters {
				if p := p.(map[string]any); p["description"] == nil {
					t.Errorf("%s %s does not say what %v is", method, path, p["name"])
				}
			}
		}
	}
	members := doc["components"].(map[string]any)["schemas"].(map[string]any)["Problem"].(map[string]any)["properties"].(map[string]any)
	for name := range a.Admin(t, "", http.MethodGet, "/me", nil).JSON {
		if members[name] == nil {
			t.Errorf("problems have a member %q that the document does not know", name)
		}
	}
}
