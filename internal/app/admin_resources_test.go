package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestAResourceServerIsRegisteredEditedAndDeletedWhenNobodyUsesIt(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	body := map[string]any{"audience": "https://stock.example", "name": "Stock"}
	made := a.Admin(t, opal, http.MethodPost, "/resource-servers", body, "Idempotency-Key: k")
	again := a.Admin(t, opal, http.MethodPost, "/resource-servers", body, "Idempotency-Key: k")
	if made.Status != http.StatusCreated || again.Text("id") != made.Text("id") || again.Header.Get("Idempotent-Replayed") != "true" || made.Header.Get("ETag") != `"1"` {
		t.Fatalf("created: %d %s\n%d %s", made.Status, made.Raw, again.Status, again.Raw)
	}
	path := "/resource-servers/" + made.Text("id")
	for _, slug := range []string{"stock:read", "stock/write"} {
		got := a.Admin(t, opal, http.MethodPut, path+"/permissions/"+url.PathEscape(slug), map[string]any{"description": "May " + slug})
		if got.Status != http.StatusOK || got.Text("slug") != slug {
			t.Fatalf("%s: %d %s", slug, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodPut, path+"/permissions/stock:read", map[string]any{"description": "See the stock"}, `If-Match: "3"`); got.Header.Get("ETag") != `"4"` {
		t.Errorf("described anew: %d %s %v", got.Status, got.Raw, got.Header)
	}
	if got := a.Admin(t, opal, http.MethodPut, path+"/permissions/stock:read", map[string]any{}); got.Status != http.StatusPreconditionRequired {
		t.Errorf("what is declared, without having been read: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPut, path+"/permissions/stock:read", map[string]any{}, `If-Match: "3"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d %s", got.Status, got.Raw)
	}
	first := a.Admin(t, opal, http.MethodGet, path+"/permissions?limit=1", nil)
	second := a.Admin(t, opal, http.MethodGet, path+"/permissions?limit=1&cursor="+first.Text("next_cursor"), nil)
	if got := append(entries(first, "slug"), entries(second, "slug")...); !slices.Equal(got, []string{"stock/write", "stock:read"}) && !slices.Equal(got, []string{"stock:read", "stock/write"}) || second.Text("next_cursor") != "" {
		t.Errorf("permissions: %v", got)
	}
	claims := []any{map[string]any{"name": "https://stock.example/plan", "value": "${tenant.slug}"}}
	edited := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "Stock room", "claims": claims}, `If-Match: "4"`)
	if edited.Status != http.StatusOK || edited.Text("name") != "Stock room" || !strings.Contains(edited.Raw, "${tenant.slug}") {
		t.Errorf("edited: %d %s", edited.Status, edited.Raw)
	}
	for what, c := range map[string]struct {
		body  map[string]any
		field string
	}{
		"a reserved claim":     {map[string]any{"claims": []any{map[string]any{"name": "sub", "value": "x"}}}, "body.claims[0].name"},
		"a claim without name": {map[string]any{"claims": []any{claims[0], map[string]any{"name": "", "value": "x"}}}, "body.claims[1].name"},
		"no name":              {map[string]any{"name": " "}, "body.name"},
	} {
		if got := a.Admin(t, opal, http.MethodPatch, path, c.body, "If-Match: *"); got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{c.field}) {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	// What is used is not taken away by accident.
	done(t, a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"id": "stock-app", "name": "S", "grant_types": []string{}, "audiences": []string{apptest.Orders, "https://stock.example"}, "serves_audience": "https://stock.example"}))
	if got := a.Admin(t, opal, http.MethodDelete, path, nil); got.Status != http.StatusConflict {
		t.Errorf("deleting what a client uses: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, path+"?force=true", nil, `If-Match: "5"`); got.Status != http.StatusNoContent {
		t.Errorf("by force: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/clients/stock-app", nil); strings.Contains(got.Raw, "stock.example") || !strings.Contains(got.Raw, apptest.Orders) || got.Header.Get("ETag") != `"2"` {
		t.Errorf("its client: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, path+"/permissions", nil); got.Status != http.StatusNotFound {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	for _, action := range []string{"resource_server.created", "resource_server.updated", "resource_server.deleted"} {
		if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = $1 AND target = $2 AND actor LIKE 'usr_%'", action, made.Text("id")); n != 1 {
			t.Errorf("%d records of %s", n, action)
		}
	}
}

func TestAPermissionThatRolesHoldStaysUnlessForced(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	ada := a.Tokens(t, "spa", apptest.Ada, "scope=openid offline_access")
	path := "/resource-servers/" + entries(a.Admin(t, opal, http.MethodGet, "/resource-servers?audience_prefix="+apptest.Orders, nil), "id")[0]
	for _, what := range []string{path + "/permissions/orders:write", path} {
		if got := a.Admin(t, opal, http.MethodDelete, what, nil); got.Status != http.StatusConflict {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodDelete, path+"/permissions/orders:write?force=true", nil); got.Status != http.StatusNoContent {
		t.Fatalf("by force: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, path+"/permissions/orders:write?force=true", nil); got.Status != http.StatusNotFound {
		t.Errorf("again: %d %s", got.Status, got.Raw)
	}
	fresh := a.PostForm(t, "/token", apptest.RefreshForm("spa", ada.Text("refresh_token")))
	if got := apptest.Claims(t, fresh.Text("access_token"))["permissions"].([]any); len(got) != 1 || got[0] != "orders:read" {
		t.Errorf("permissions: %v", got)
	}
}

func TestARefusedResourceServerNamesItsFields(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		audience string
		status   int
	}{
		"taken": {apptest.Orders, 409}, "the issuer": {a.URL, 422}, "the administration": {"urn:signet:admin", 422}, "no URI": {"orders", 422},
		"with a fragment": {"https://x.example/#y", 422}, "none": {"", 422},
	} {
		got := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": c.audience, "name": "X"})
		if got.Status != c.status || !slices.Equal(faulty(got), []string{"body.audience"}) {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://x.example", "name": "X", "tenant_id": "initech"}); got.Status != 422 || !slices.Equal(faulty(got), []string{"body.tenant_id"}) {
		t.Errorf("an unknown tenant: %d %s", got.Status, got.Raw)
	}
	claims := []any{map[string]any{"name": "plan", "value": "x"}}
	if got := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://x.example", "name": "X", "tenant_id": "acme", "claims": claims}); got.Status != 422 || !slices.Equal(faulty(got), []string{"body.claims"}) {
		t.Errorf("claims of a tenant's: %d %s", got.Status, got.Raw)
	}
	// What makes administrators is not for editing.
	path := "/resource-servers/" + entries(a.Admin(t, opal, http.MethodGet, "/resource-servers?audience_prefix=urn:signet:admin", nil), "id")[0]
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPatch, "", map[string]any{"name": "Mine"}},
		{http.MethodDelete, "?force=true", nil},
		{http.MethodPut, "/permissions/tenant:own", map[string]any{}},
		{http.MethodPut, "/permissions/tenant:read", map[string]any{}},
		{http.MethodDelete, "/permissions/tenant:manage?force=true", nil},
	} {
		if got := a.Admin(t, opal, c.method, path+c.path, c.body, "If-Match: *"); got.Status != http.StatusConflict {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodPut, "/resource-servers/rsv_nonsense/permissions/a", map[string]any{}); got.Status != http.StatusNotFound {
		t.Errorf("no identifier: %d %s", got.Status, got.Raw)
	}
}

func TestATenantAdministratorDeclaresPermissionsOfTheTenantsResourceServersAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	ada := a.AdminToken(t, apptest.Ada, "acme")
	paths := map[string]string{}
	for _, tenant := range []string{"acme", "globex"} {
		got := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://" + tenant + "-api.example", "name": tenant, "tenant_id": tenant})
		paths[tenant] = "/resource-servers/" + got.Text("id")
	}
	list := a.Admin(t, ada, http.MethodGet, "/resource-servers", nil)
	if got, want := entries(list, "audience"), []string{"https://acme-api.example", "https://billing.example", apptest.Orders, "urn:signet:admin"}; !slices.Equal(got, want) {
		t.Errorf("list: %v", got)
	}
	orders := "/resource-servers/" + entries(list, "id")[2]
	if got := a.Admin(t, ada, http.MethodGet, "/resource-servers?tenant=acme", nil); !slices.Equal(entries(got, "audience"), []string{"https://acme-api.example"}) {
		t.Errorf("its own: %s", got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodPut, paths["acme"]+"/permissions/things:do", map[string]any{}); got.Status != http.StatusOK {
		t.Errorf("its own: %d %s", got.Status, got.Raw)
	}
	unknown := a.Admin(t, ada, http.MethodGet, "/resource-servers/rsv_01h2xcejqtf2nbrexx3vqjhp41", nil)
	for _, c := range []struct {
		method, path string
		body         any
		own          int
	}{
		{http.MethodGet, "", nil, 200},
		{http.MethodGet, "/permissions", nil, 200},
		{http.MethodPatch, "", map[string]any{"name": "Mine"}, 403},
		{http.MethodPut, "/permissions/things:do", map[string]any{}, 200},
		{http.MethodDelete, "/permissions/things:do", nil, 204},
		{http.MethodDelete, "?force=true", nil, 403},
	} {
		if got := a.Admin(t, ada, c.method, paths["globex"]+c.path, c.body, "If-Match: *"); got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
			t.Errorf("foreign: %s %s: %d %s", c.method, c.path, got.Status, got.Raw)
		}
		shared := 403
		if c.method == http.MethodGet {
			shared = 200
		}
		if got := a.Admin(t, ada, c.method, orders+c.path, c.body, "If-Match: *"); got.Status != shared {
			t.Errorf("shared: %s %s: %d %s", c.method, c.path, got.Status, got.Raw)
		}
		if got := a.Admin(t, ada, c.method, paths["acme"]+c.path, c.body, "If-Match: *"); got.Status != c.own {
			t.Errorf("own: %s %s: %d %s", c.method, c.path, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, ada, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://x.example", "name": "X", "tenant_id": "acme"}); got.Status != http.StatusForbidden {
		t.Errorf("creating: %d %s", got.Status, got.Raw)
	}
}
