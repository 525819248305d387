package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func holds(pairs ...string) []any {
	out := []any{}
	for _, p := range pairs {
		audience, slug, _ := strings.Cut(p, " ")
		out = append(out, map[string]any{"audience": audience, "slug": slug})
	}
	return out
}

const (
	readOrders  = apptest.Orders + " orders:read"
	writeOrders = apptest.Orders + " orders:write"
)

func TestARoleIsMadeEditedAndDeletedAndTokensFollow(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	create := map[string]any{"name": "buyer", "description": "Buys", "permissions": holds(writeOrders), "includes": []string{"clerk"}}
	made := a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", create, "Idempotency-Key: buyer")
	if made.Status != http.StatusCreated || made.Header.Get("ETag") != `"1"` || fmt.Sprint(made.JSON["includes"]) != "[clerk]" || !strings.HasSuffix(made.Header.Get("Location"), "/roles/buyer") {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	if got := a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", create, "Idempotency-Key: buyer"); got.Status != http.StatusCreated || got.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("tried again: %d %s", got.Status, got.Raw)
	}
	fault(t, "a name that is taken", a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", create), http.StatusConflict, "body.name")

	permissions := func() string {
		return fmt.Sprint(apptest.Claims(t, tokensOf(t, a, apptest.Grace, apptest.Password, "acme"))["permissions"])
	}
	grace := "/tenants/acme/members/" + userID(t, a, opal, apptest.Grace)
	if got := a.Admin(t, ada, http.MethodPatch, grace, map[string]any{"roles": []string{"buyer"}}, "If-Match: *"); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	if got := permissions(); got != "[orders:read orders:write]" {
		t.Errorf("who holds the role may %s", got)
	}
	path := "/tenants/acme/roles/buyer"
	if got := a.Admin(t, ada, http.MethodPatch, path, map[string]any{"includes": []string{}}); got.Status != http.StatusPreconditionRequired {
		t.Errorf("no version: %d", got.Status)
	}
	if got := a.Admin(t, ada, http.MethodPatch, path, map[string]any{"includes": []string{}}, `If-Match: "1"`); got.Status != http.StatusOK || got.Header.Get("ETag") != `"2"` || got.Text("description") != "Buys" {
		t.Errorf("edited: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodPatch, path, map[string]any{"description": "x"}, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", got.Status)
	}
	if got := permissions(); got != "[orders:write]" {
		t.Errorf("without the inclusion they may %s", got)
	}
	if got := a.Admin(t, ada, http.MethodDelete, path, nil, `If-Match: "2"`); got.Status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", got.Status, got.Raw)
	}
	if got := permissions(); got != "[]" {
		t.Errorf("without the role they may %s", got)
	}
	acts := a.Admin(t, ada, http.MethodGet, "/audit?action=role", nil)
	for _, want := range []string{`"role.created"`, `"role.updated"`, `"role.deleted"`, `"includes_removed":"clerk"`, `"permissions_added":"` + writeOrders + `"`, `"target":"buyer"`} {
		if !strings.Contains(acts.Raw, want) {
			t.Errorf("the audit log has no %s: %s", want, acts.Raw)
		}
	}
}

func TestARoleThatBreaksARuleIsRefusedWithTheFieldNamed(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	done(t, a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", map[string]any{"name": "one", "includes": []string{"clerk"}}))
	done(t, a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", map[string]any{"name": "two", "includes": []string{"one"}}))
	for what, c := range map[string]struct {
		body  map[string]any
		where string
	}{
		"a name with a space":            {map[string]any{"name": "a b"}, "body.name"},
		"a name with a comma":            {map[string]any{"name": "a,b"}, "body.name"},
		"an unknown permission":          {map[string]any{"name": "new", "permissions": holds(readOrders, apptest.Orders+" orders:none")}, "body.permissions[1]"},
		"an unknown audience":            {map[string]any{"name": "new", "permissions": holds("https://none.example orders:read")}, "body.permissions[0]"},
		"a permission twice":             {map[string]any{"name": "new", "permissions": holds(readOrders, readOrders)}, "body.permissions[1]"},
		"a permission over all tenants":  {map[string]any{"name": "new", "permissions": holds("urn:signet:admin installation:manage")}, "body.permissions[0]"},
		"an unknown inclusion":           {map[string]any{"name": "new", "includes": []string{"clerk", "none"}}, "body.includes[1]"},
		"an inclusion of another tenant": {map[string]any{"name": "new", "includes": []string{"viewer"}}, "body.includes[0]"},
		"itself":                         {map[string]any{"name": "new", "includes": []string{"new"}}, "body.includes[0]"},
	} {
		fault(t, what, a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", c.body), http.StatusUnprocessableEntity, c.where)
	}
	fault(t, "a cycle", a.Admin(t, ada, http.MethodPatch, "/tenants/acme/roles/clerk", map[string]any{"includes": []string{"member", "two"}}, "If-Match: *"), http.StatusUnprocessableEntity, "body.includes[1]")
	got := a.Admin(t, ada, http.MethodPatch, "/tenants/acme/roles/admin", map[string]any{"permissions": holds(readOrders)}, "If-Match: *")
	if got.Status != http.StatusConflict || !strings.Contains(got.Raw, "administrator") {
		t.Errorf("the role of the last administrator: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodDelete, "/tenants/acme/roles/admin", nil); got.Status != http.StatusConflict {
		t.Errorf("deleting it: %d %s", got.Status, got.Raw)
	}
}

func TestRolesComeInPagesByName(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	want := []string{"admin", "clerk", "member"}
	for n := range 5 {
		name := fmt.Sprintf("page-%d", n)
		done(t, a.Admin(t, ada, http.MethodPost, "/tenants/acme/roles", map[string]any{"name": name}))
		want = append(want, name)
	}
	var got []string
	for cursor := ""; ; {
		p := a.Admin(t, ada, http.MethodGet, "/tenants/acme/roles?limit=3&cursor="+cursor, nil)
		got = append(got, column(p, "name")...)
		if cursor = p.Text("next_cursor"); cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestNewTenantsHaveTheRolesOfTheTemplates(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	made := a.Admin(t, opal, http.MethodPost, "/role-templates", map[string]any{"name": "reader", "permissions": holds(readOrders)}, "Idempotency-Key: reader")
	if made.Status != http.StatusCreated || made.JSON["built_in"] != false {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/role-templates", map[string]any{"name": "reader", "permissions": holds(readOrders)}, "Idempotency-Key: reader"); got.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("tried again: %d %s", got.Status, got.Raw)
	}
	done(t, a.Admin(t, opal, http.MethodPost, "/tenants", map[string]any{"slug": "initech", "name": "Initech"}))
	role := a.Admin(t, opal, http.MethodGet, "/tenants/initech/roles/reader", nil)
	if role.Status != http.StatusOK || role.Text("template") != "reader" || fmt.Sprint(role.JSON["permissions"]) != "[map[audience:"+apptest.Orders+" slug:orders:read]]" {
		t.Errorf("%d %s", role.Status, role.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/role-templates/reader", map[string]any{"permissions": holds()}, `If-Match: "1"`); got.Status != http.StatusOK || got.Header.Get("ETag") != `"2"` {
		t.Errorf("edited: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/role-templates/reader", map[string]any{"description": "x"}, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", got.Status)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/tenants/initech/roles/reader", nil); got.Raw != role.Raw {
		t.Errorf("a role that exists changed: %s", got.Raw)
	}
	for what, c := range map[string]struct {
		got    apptest.Answer
		status int
		where  string
	}{
		"taken":                        {a.Admin(t, opal, http.MethodPost, "/role-templates", map[string]any{"name": "member"}), 409, "body.name"},
		"over all tenants":             {a.Admin(t, opal, http.MethodPost, "/role-templates", map[string]any{"name": "x", "permissions": holds("urn:signet:admin installation:read")}), 422, "body.permissions[0]"},
		"an unknown permission":        {a.Admin(t, opal, http.MethodPost, "/role-templates", map[string]any{"name": "x", "permissions": holds("https://none.example x")}), 422, "body.permissions[0]"},
		"administrators without power": {a.Admin(t, opal, http.MethodPatch, "/role-templates/admin", map[string]any{"permissions": holds()}, "If-Match: *"), 422, "body.permissions"},
		"built in":                     {a.Admin(t, opal, http.MethodDelete, "/role-templates/member", nil), 409, "body.name"},
	} {
		fault(t, what, c.got, c.status, c.where)
	}
	if got := a.Admin(t, opal, http.MethodDelete, "/role-templates/reader", nil, `If-Match: "2"`); got.Status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", got.Status, got.Raw)
	}
	if got := column(a.Admin(t, opal, http.MethodGet, "/role-templates", nil), "name"); !slices.Equal(got, []string{"admin", "member"}) {
		t.Errorf("left: %v", got)
	}
	for _, c := range []struct {
		method, path string
		body         map[string]any
	}{
		{http.MethodGet, "/role-templates", nil},
		{http.MethodGet, "/role-templates/member", nil},
		{http.MethodPost, "/role-templates", map[string]any{"name": "x"}},
		{http.MethodPatch, "/role-templates/member", map[string]any{"description": "x"}},
		{http.MethodDelete, "/role-templates/member", nil},
	} {
		if got := a.Admin(t, ada, c.method, c.path, c.body, "If-Match: *"); got.Status != http.StatusForbidden {
			t.Errorf("%s %s by a tenant's administrator: %d", c.method, c.path, got.Status)
		}
	}
}
