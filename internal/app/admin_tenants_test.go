package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestAnInstallationAdministratorLooksAfterEveryTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")

	made := a.Admin(t, opal, http.MethodPost, "/tenants", map[string]any{"slug": "initech", "name": "Initech", "attributes": map[string]any{"plan": "gold"}}, "Idempotency-Key: k1")
	if made.Status != http.StatusCreated || made.Text("slug") != "initech" || made.Header.Get("ETag") != `"1"` {
		t.Fatalf("created: %d %s %v", made.Status, made.Raw, made.Header)
	}
	again := a.Admin(t, opal, http.MethodPost, "/tenants", map[string]any{"slug": "initech", "name": "Initech", "attributes": map[string]any{"plan": "gold"}}, "Idempotency-Key: k1")
	if again.Status != http.StatusCreated || again.Text("id") != made.Text("id") || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("tried again: %d %s", again.Status, again.Raw)
	}
	for what, c := range map[string]struct {
		body   map[string]any
		key    string
		status int
		where  string
	}{
		"the key for something else": {map[string]any{"slug": "other", "name": "Other"}, "k1", 422, ""},
		"a slug that is taken":       {map[string]any{"slug": "acme", "name": "Other"}, "k2", 409, "body.slug"},
		"a slug that is reserved":    {map[string]any{"slug": "signet", "name": "Other"}, "k3", 422, "body.slug"},
		"a slug in capitals":         {map[string]any{"slug": "Other", "name": "Other"}, "k4", 422, "body.slug"},
		"no name":                    {map[string]any{"slug": "other"}, "k5", 422, "body"},
		"an unknown field":           {map[string]any{"slug": "other", "name": "O", "secret": "hunter2"}, "k6", 422, "body"},
	} {
		got := a.Admin(t, opal, http.MethodPost, "/tenants", c.body, "Idempotency-Key: "+c.key)
		if got.Status != c.status || !strings.Contains(got.Raw, c.where) || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json") || strings.Contains(got.Raw, "hunter2") {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}

	path := "/tenants/initech"
	for what, c := range map[string]struct {
		ifMatch string
		status  int
	}{
		"no version":      {"", 428},
		"another version": {`"7"`, 412},
		"a weak tag":      {`W/"1"`, 412},
	} {
		var headers []string
		if c.ifMatch != "" {
			headers = []string{"If-Match: " + c.ifMatch}
		}
		if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "X"}, headers...); got.Status != c.status {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	edited := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "Initech Ltd"}, `If-Match: "1"`)
	if edited.Status != http.StatusOK || edited.Text("name") != "Initech Ltd" || edited.Header.Get("ETag") != `"2"` || edited.JSON["attributes"].(map[string]any)["plan"] != "gold" {
		t.Errorf("edited: %d %s", edited.Status, edited.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, path, nil); got.Status != http.StatusConflict {
		t.Errorf("deleting what is enabled: %d %s", got.Status, got.Raw)
	}
	done(t, a.Admin(t, opal, http.MethodPatch, path, map[string]any{"disabled": true}, `If-Match: "2"`))
	if got := a.Admin(t, opal, http.MethodDelete, path, nil, `If-Match: "3"`); got.Status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, path, nil); got.Status != http.StatusNotFound {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	for what, c := range map[string]struct {
		tenant string
		body   map[string]any
		status int
	}{
		"disabling the administration":   {"signet", map[string]any{"disabled": true}, 409},
		"renaming its slug":              {"signet", map[string]any{"slug": "other"}, 409},
		"naming it":                      {"signet", map[string]any{"name": "Operations"}, 200},
		"taking its slug":                {"acme", map[string]any{"slug": "signet"}, 422},
		"taking another's slug":          {"acme", map[string]any{"slug": "globex"}, 409},
		"a slug that is no slug":         {"acme", map[string]any{"slug": "A c"}, 422},
		"keeping the slug beside a name": {"acme", map[string]any{"slug": "acme", "name": "Acme 2"}, 200},
	} {
		if got := a.Admin(t, opal, http.MethodPatch, "/tenants/"+c.tenant, c.body, `If-Match: *`); got.Status != c.status {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
}

func TestListsComeInPagesThatNeitherSkipNorRepeat(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	want := map[string]bool{"signet": true, "acme": true, "globex": true}
	for n := range 7 {
		slug := fmt.Sprintf("page-%d", n)
		done(t, a.Admin(t, opal, http.MethodPost, "/tenants", map[string]any{"slug": slug, "name": slug}))
		want[slug] = true
	}
	cursor, pages := "", 0
	for {
		got := a.Admin(t, opal, http.MethodGet, "/tenants?limit=3&cursor="+cursor, nil)
		if got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		for _, item := range got.JSON["items"].([]any) {
			slug := item.(map[string]any)["slug"].(string)
			if !want[slug] {
				t.Errorf("%s is listed twice, or not there", slug)
			}
			delete(want, slug)
		}
		if pages++; got.Text("next_cursor") == "" {
			break
		}
		cursor = got.Text("next_cursor")
	}
	if len(want) > 0 || pages != 4 {
		t.Errorf("%d pages; not listed: %v", pages, want)
	}
	for _, bad := range []string{"?limit=0", "?limit=201", "?cursor=nonsense", "?unknown=1"} {
		if got := a.Admin(t, opal, http.MethodGet, "/tenants"+bad, nil); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", bad, got.Status, got.Raw)
		}
	}
}

func TestATenantAdministratorSeesExactlyTheirTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	list := a.Admin(t, ada, http.MethodGet, "/tenants", nil)
	if items, _ := list.JSON["items"].([]any); len(items) != 1 || !strings.Contains(list.Raw, `"acme"`) {
		t.Errorf("list: %d %s", list.Status, list.Raw)
	}
	unknown := a.Admin(t, ada, http.MethodGet, "/tenants/no-such-tenant", nil)
	for _, foreign := range []string{"globex", "signet"} {
		if got := a.Admin(t, ada, http.MethodGet, "/tenants/"+foreign, nil); got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
			t.Errorf("%s: %d %s", foreign, got.Status, got.Raw)
		}
		if got := a.Admin(t, ada, http.MethodPatch, "/tenants/"+foreign, map[string]any{"name": "Mine"}, "If-Match: *"); got.Status != http.StatusNotFound {
			t.Errorf("editing %s: %d %s", foreign, got.Status, got.Raw)
		}
		if got := a.Admin(t, ada, http.MethodDelete, "/tenants/"+foreign, nil); got.Status != http.StatusNotFound {
			t.Errorf("deleting %s: %d %s", foreign, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, ada, http.MethodPatch, "/tenants/acme", map[string]any{"name": "Acme & Daughters"}, "If-Match: *"); got.Status != http.StatusOK {
		t.Errorf("own name: %d %s", got.Status, got.Raw)
	}
	for what, body := range map[string]map[string]any{"slug": {"slug": "mine"}, "disabled": {"disabled": true}, "attributes": {"attributes": map[string]any{}}} {
		if got := a.Admin(t, ada, http.MethodPatch, "/tenants/acme", body, "If-Match: *"); got.Status != http.StatusForbidden {
			t.Errorf("own %s: %d %s", what, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, ada, http.MethodPost, "/tenants", map[string]any{"slug": "mine", "name": "Mine"}); got.Status != http.StatusForbidden {
		t.Errorf("creating: %d %s", got.Status, got.Raw)
	}
}

func TestWhoAdministersNothingIsTurnedAway(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	if got := a.Admin(t, "", http.MethodGet, "/tenants", nil); got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("no token: %d %v", got.Status, got.Header)
	}
	orders := a.Tokens(t, "spa", apptest.Ada).Text("access_token")
	for what, token := range map[string]string{"of another audience": orders, "malformed": "null.null.x"} {
		got := a.Admin(t, token, http.MethodGet, "/tenants", nil)
		if got.Status != http.StatusUnauthorized || !strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	for _, who := range []struct{ email, tenant string }{{apptest.Grace, "acme"}, {apptest.Ada, "globex"}} {
		got := a.Admin(t, a.AdminToken(t, who.email, who.tenant), http.MethodGet, "/tenants", nil)
		if got.Status != http.StatusForbidden {
			t.Errorf("%s in %s: %d %s", who.email, who.tenant, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, "", http.MethodGet, "/openapi.json", nil); got.Status != http.StatusOK || got.Text("openapi") != "3.1.0" {
		t.Errorf("document: %d %.200s", got.Status, got.Raw)
	}
	if got := a.Admin(t, "", http.MethodGet, "/nothing/here", nil); got.Status != http.StatusNotFound || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("unknown path: %d %s", got.Status, got.Raw)
	}
}

func TestABodyThatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		body   string
		status int
	}{
		"a field twice":                  {`{"slug":"twice","name":"A","name":"B"}`, 400},
		"a field twice, in another case": {`{"slug":"twice","name":"A","Name":"B"}`, 400},
		"an attribute twice":             {`{"slug":"twice","name":"A","attributes":{"a":{"x":1,"x":2}}}`, 400},
		"attributes twice":               {`{"slug":"twice","name":"A","attributes":{"a":1},"attributes":{"b":1}}`, 400},
		"what is not UTF-8":              {"{\"slug\":\"twice\",\"name\":\"A\xff\"}", 400},
		"a number that nothing can hold": {`{"slug":"twice","name":"A","attributes":{"hunter":8888e8888}}`, 400},
		"what nests too deeply":          {`{"slug":"twice","name":"A","attributes":` + strings.Repeat("[", 1<<13), 400},
		"half an object":                 {`{"slug":"twice","name":"hunter`, 400},
		"two objects":                    {`{"slug":"twice","name":"A"}{"hunter":2}`, 400},
		"nothing":                        {`null`, 422},
		"attributes that differ in case": {`{"slug":"cases","name":"A","attributes":{"a":{"X":1,"x":2},"A":2}}`, 201},
		"the same name in other objects": {`{"slug":"nests","name":"A","attributes":{"name":"B","slug":{"name":"C"}}}`, 201},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+"/admin/v1/tenants", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		apptest.Bearer(opal)(req)
		if got := apptest.Do(t, req); got.Status != c.status || strings.Contains(got.Raw, "hunter") || strings.Contains(got.Raw, "8888") {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
}
