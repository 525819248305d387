package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestATenantAdministratorManagesMembershipsOfTheirTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	grace := userID(t, a, opal, apptest.Grace)
	path := "/tenants/acme/members/" + grace

	read := a.Admin(t, ada, http.MethodGet, path, nil)
	if read.Status != http.StatusOK || fmt.Sprint(read.JSON["roles"]) != "[clerk]" || read.Header.Get("ETag") != `"1"` || read.Text("granted_by") != "installation" {
		t.Fatalf("%d %s", read.Status, read.Raw)
	}
	edit := func(body map[string]any, headers ...string) apptest.Answer {
		return a.Admin(t, ada, http.MethodPatch, path, body, headers...)
	}
	if got := edit(map[string]any{"roles": []string{"member"}}); got.Status != http.StatusPreconditionRequired {
		t.Errorf("no version: %d", got.Status)
	}
	if got := edit(map[string]any{"roles": []string{"member", "clerk"}}, `If-Match: "1"`); got.Status != http.StatusOK || fmt.Sprint(got.JSON["roles"]) != "[clerk member]" || got.Header.Get("ETag") != `"2"` {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := edit(map[string]any{"roles": []string{}}, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", got.Status)
	}
	fault(t, "a role of another tenant", edit(map[string]any{"roles": []string{"clerk", "viewer"}}, "If-Match: *"), http.StatusUnprocessableEntity, "body.roles[1]")
	fault(t, "a role twice", edit(map[string]any{"roles": []string{"clerk", "clerk"}}, "If-Match: *"), http.StatusUnprocessableEntity, "body.roles[1]")
	if got := edit(map[string]any{"attributes": map[string]any{"level": 9}}, "If-Match: *"); got.Status != http.StatusForbidden {
		t.Errorf("attributes: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"attributes": map[string]any{"level": 9}}, "If-Match: *"); got.Status != http.StatusOK || fmt.Sprint(got.JSON["attributes"]) != "map[level:9]" {
		t.Errorf("attributes by the installation: %d %s", got.Status, got.Raw)
	}
	linus := userID(t, a, opal, apptest.Linus)
	join := map[string]any{"user": linus, "roles": []string{"clerk"}}
	if got := a.Admin(t, ada, http.MethodPost, "/tenants/acme/members", join); got.Status != http.StatusForbidden {
		t.Errorf("adding: %d %s", got.Status, got.Raw)
	}
	made := a.Admin(t, opal, http.MethodPost, "/tenants/acme/members", join, "Idempotency-Key: linus")
	if made.Status != http.StatusCreated || !strings.HasSuffix(made.Header.Get("Location"), "/members/"+linus) {
		t.Errorf("added: %d %s", made.Status, made.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/tenants/acme/members", join, "Idempotency-Key: linus"); got.Status != http.StatusCreated || got.Header.Get("Idempotent-Replayed") != "true" || got.Raw != made.Raw {
		t.Errorf("tried again: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/tenants/globex/members", join, "Idempotency-Key: linus"); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("the key for another tenant: %d %s", got.Status, got.Raw)
	}
	fault(t, "a member already", a.Admin(t, opal, http.MethodPost, "/tenants/acme/members", join), http.StatusConflict, "body.user")
	fault(t, "nobody", a.Admin(t, opal, http.MethodPost, "/tenants/acme/members", map[string]any{"user": "usr_01h2xcejqtf2nbrexx3vqjhp41"}), http.StatusUnprocessableEntity, "body.user")
	fault(t, "no identifier", a.Admin(t, opal, http.MethodPost, "/tenants/acme/members", map[string]any{"user": apptest.Linus}), http.StatusUnprocessableEntity, "body.user")

	if got := column(a.Admin(t, ada, http.MethodGet, "/tenants/acme/members?role=clerk", nil), "email"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{apptest.Grace, apptest.Linus}) {
		t.Errorf("clerks: %v", got)
	}
	if got := a.Admin(t, ada, http.MethodDelete, "/tenants/acme/members/"+linus, nil, `If-Match: "1"`); got.Status != http.StatusNoContent {
		t.Errorf("removed: %d %s", got.Status, got.Raw)
	}
	if got := column(a.Admin(t, ada, http.MethodGet, "/tenants/acme/members?limit=1", nil), "email"); len(got) != 1 {
		t.Errorf("a page of one: %v", got)
	}
	me := "/tenants/acme/members/" + userID(t, a, opal, apptest.Ada)
	for _, got := range []apptest.Answer{
		a.Admin(t, ada, http.MethodDelete, me, nil),
		a.Admin(t, ada, http.MethodPatch, me, map[string]any{"suspended": true}, "If-Match: *"),
		a.Admin(t, ada, http.MethodPatch, me, map[string]any{"roles": []string{}}, "If-Match: *"),
	} {
		if got.Status != http.StatusConflict || !strings.Contains(got.Raw, "administrator") {
			t.Errorf("the last administrator: %d %s", got.Status, got.Raw)
		}
	}

	acts := a.Admin(t, ada, http.MethodGet, "/audit?action=member", nil)
	for _, want := range []string{`"member.updated"`, `"member.added"`, `"member.removed"`, `"roles_added":"member"`, `"roles_removed":"clerk"`} {
		if !strings.Contains(acts.Raw, want) {
			t.Errorf("the audit log has no %s: %s", want, acts.Raw)
		}
	}
	done(t, events(t, a, ada, "action=admin.denied", "add-member"))
	done(t, events(t, a, ada, "action=admin.denied", "update-member"))
}

func TestASuspendedMemberIsRecalledInThatTenantUntilTheyAreLetIn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	ada := userID(t, a, opal, apptest.Ada)
	there := tokensOf(t, a, apptest.Ada, apptest.Password, "globex")
	elsewhere := tokensOf(t, a, apptest.Ada, apptest.Password, "acme")
	live := func(token string) any {
		return a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api")).JSON["active"]
	}
	if live(there) != true || live(elsewhere) != true {
		t.Fatal("both tokens should be live")
	}
	path := "/tenants/globex/members/" + ada
	if got := a.Admin(t, greta, http.MethodPatch, path, map[string]any{"suspended": true}, "If-Match: *"); got.Status != http.StatusOK || got.Text("suspended_at") == "" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if live(there) != false || live(elsewhere) != true {
		t.Errorf("globex: %v, acme: %v", live(there), live(elsewhere))
	}
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("spa", "organization=globex")), apptest.Ada, apptest.Password)
	if p.Away != nil && p.Away.Query().Get("code") != "" {
		t.Error("who is suspended gets a code")
	}
	if got := a.Admin(t, greta, http.MethodPatch, path, map[string]any{"suspended": false}, "If-Match: *"); got.Status != http.StatusOK || strings.Contains(got.Raw, "suspended_at") {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if live(tokensOf(t, a, apptest.Ada, apptest.Password, "globex")) != true || live(there) != false {
		t.Error("whoever is let in again gets new tokens, and the old ones stay recalled")
	}
}

func TestATenantAdministratorFindsNothingOfAnotherTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	greta, opalID := userID(t, a, opal, apptest.Greta), userID(t, a, opal, apptest.Opal)
	const nobody = "usr_01h2xcejqtf2nbrexx3vqjhp41"
	for _, c := range []struct {
		method, foreign, unknown string
		body                     map[string]any
	}{
		{http.MethodGet, "/tenants/globex/members", "/tenants/nowhere/members", nil},
		{http.MethodGet, "/tenants/globex/members/" + greta, "/tenants/nowhere/members/" + nobody, nil},
		{http.MethodGet, "/tenants/acme/members/" + greta, "/tenants/acme/members/" + nobody, nil},
		{http.MethodPost, "/tenants/globex/members", "/tenants/nowhere/members", map[string]any{"user": greta}},
		{http.MethodPatch, "/tenants/globex/members/" + greta, "/tenants/nowhere/members/" + nobody, map[string]any{"roles": []string{}}},
		{http.MethodPatch, "/tenants/acme/members/" + greta, "/tenants/acme/members/" + nobody, map[string]any{"roles": []string{}}},
		{http.MethodDelete, "/tenants/globex/members/" + greta, "/tenants/nowhere/members/" + nobody, nil},
		{http.MethodDelete, "/tenants/signet/members/" + opalID, "/tenants/nowhere/members/" + nobody, nil},
		{http.MethodGet, "/tenants/globex/roles", "/tenants/nowhere/roles", nil},
		{http.MethodGet, "/tenants/globex/roles/viewer", "/tenants/nowhere/roles/none", nil},
		{http.MethodGet, "/tenants/acme/roles/viewer", "/tenants/acme/roles/none", nil},
		{http.MethodPost, "/tenants/globex/roles", "/tenants/nowhere/roles", map[string]any{"name": "mine"}},
		{http.MethodPatch, "/tenants/globex/roles/viewer", "/tenants/nowhere/roles/none", map[string]any{"includes": []string{"admin"}}},
		{http.MethodDelete, "/tenants/globex/roles/viewer", "/tenants/nowhere/roles/none", nil},
		{http.MethodDelete, "/tenants/signet/roles/auditor", "/tenants/nowhere/roles/none", nil},
	} {
		foreign := a.Admin(t, ada, c.method, c.foreign, c.body, "If-Match: *")
		unknown := a.Admin(t, ada, c.method, c.unknown, c.body, "If-Match: *")
		if foreign.Status != http.StatusNotFound || foreign.Raw != unknown.Raw || unknown.Status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s, unknown: %d %s", c.method, c.foreign, foreign.Status, foreign.Raw, unknown.Status, unknown.Raw)
		}
	}
	// A plain member administers nothing of their own tenant either.
	grace := a.AdminToken(t, apptest.Grace, "acme")
	for _, path := range []string{"/tenants/acme/members", "/tenants/acme/roles", "/users", "/role-templates", "/me"} {
		if got := a.Admin(t, grace, http.MethodGet, path, nil); got.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}

// Whoever could give roles in the installation's own tenant could take every tenant.
func TestRolesOfTheInstallationAreGivenByItsAdministratorsAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	done(t, a.Admin(t, opal, http.MethodPost, "/tenants/signet/roles", map[string]any{"name": "local", "permissions": []any{
		map[string]any{"audience": "urn:signet:admin", "slug": "tenant:manage"},
	}}))
	lena := a.Admin(t, opal, http.MethodPost, "/users", map[string]any{
		"email": "lena@signet.example", "password": "seven quiet lanterns by the harbour", "memberships": []any{map[string]any{"tenant": "signet", "roles": []string{"local"}}},
	})
	if lena.Status != http.StatusCreated {
		t.Fatalf("%d %s", lena.Status, lena.Raw)
	}
	token := a.AdminTokenFor(t, "lena@signet.example", "seven quiet lanterns by the harbour", "signet")
	if got := a.Admin(t, token, http.MethodGet, "/tenants/signet/members", nil); got.Status != http.StatusOK {
		t.Errorf("reading: %d %s", got.Status, got.Raw)
	}
	for path, body := range map[string]map[string]any{
		"/tenants/signet/members/" + lena.Text("id"): {"roles": []string{"admin"}},
		"/tenants/signet/roles/local":                {"includes": []string{"admin"}},
	} {
		if got := a.Admin(t, token, http.MethodPatch, path, body, "If-Match: *"); got.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, token, http.MethodPost, "/tenants/signet/invitations", map[string]any{"email": "eve@signet.example", "roles": []string{"admin"}}); got.Status != http.StatusForbidden {
		t.Errorf("inviting: %d %s", got.Status, got.Raw)
	}
}

func TestOfTwoAdministratorsWhoRemoveEachOtherOneStays(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	const chosen = "seven quiet lanterns by the harbour"
	done(t, a.Admin(t, opal, http.MethodPost, "/users", map[string]any{
		"email": "second@acme.example", "password": chosen, "memberships": []any{map[string]any{"tenant": "acme", "roles": []string{"admin"}}},
	}))
	tokens := []string{a.AdminToken(t, apptest.Ada, "acme"), a.AdminTokenFor(t, "second@acme.example", chosen, "acme")}
	others := []string{userID(t, a, opal, "second@acme.example"), userID(t, a, opal, apptest.Ada)}
	var wg sync.WaitGroup
	answers := make([]apptest.Answer, 2)
	for i := range answers {
		wg.Go(func() { answers[i] = a.Admin(t, tokens[i], http.MethodDelete, "/tenants/acme/members/"+others[i], nil) })
	}
	wg.Wait()
	removed := 0
	for _, got := range answers {
		switch got.Status {
		case http.StatusNoContent:
			removed++
		case http.StatusConflict, http.StatusUnauthorized: // too late: either the last one, or out already
		default:
			t.Errorf("%d %s", got.Status, got.Raw)
		}
	}
	if left := column(a.Admin(t, opal, http.MethodGet, "/tenants/acme/members?role=admin", nil), "email"); removed != 1 || len(left) != 1 {
		t.Errorf("%d removed, left %v", removed, left)
	}
}
