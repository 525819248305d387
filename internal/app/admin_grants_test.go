package app_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestAGrantIsRevokedByWhoeverAdministersItsTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	ada := a.AdminToken(t, apptest.Ada, "acme")
	greta := a.AdminToken(t, apptest.Greta, "globex")
	grace := a.Tokens(t, "spa", apptest.Grace, "scope=openid offline_access orders:read")
	linus := a.Tokens(t, "spa", apptest.Linus, "organization=globex", "scope=openid orders:read")
	claims := apptest.Claims(t, grace.Text("access_token"))
	id, user := claims["grant_id"].(string), claims["sub"].(string)

	list := a.Admin(t, opal, http.MethodGet, "/grants", nil)
	if got := entries(list, "client_id"); len(got) != 5 || !slices.IsSorted(entries(list, "id")) {
		t.Errorf("all: %s", list.Raw)
	}
	for query, want := range map[string]int{
		"?client=spa": 2, "?client=nothing": 0, "?tenant=acme": 2, "?tenant=acme&client=spa": 1, "?user=" + user: 1, "?user=" + user + "&tenant=globex": 0,
		"?user=" + user + "&client=signet-cli": 0, "?client=spa&tenant=globex": 1,
	} {
		if got := a.Admin(t, opal, http.MethodGet, "/grants"+query, nil); len(entries(got, "id")) != want {
			t.Errorf("%s: %s", query, got.Raw)
		}
	}
	var paged []string
	for cursor := ""; ; {
		got := a.Admin(t, opal, http.MethodGet, "/grants?limit=2&cursor="+cursor, nil)
		paged = append(paged, entries(got, "id")...)
		if cursor = got.Text("next_cursor"); cursor == "" {
			break
		}
	}
	if !slices.Equal(paged, entries(list, "id")) {
		t.Errorf("in pages: %v", paged)
	}
	if got := a.Admin(t, ada, http.MethodGet, "/grants", nil); len(entries(got, "id")) != 2 || slices.Contains(entries(got, "tenant_id"), apptest.Claims(t, linus.Text("access_token"))["tenant_id"].(string)) {
		t.Errorf("of acme: %s", got.Raw)
	}
	if got := a.Admin(t, greta, http.MethodGet, "/grants?user="+user, nil); len(entries(got, "id")) != 0 {
		t.Errorf("of a foreigner: %s", got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodGet, "/grants?user=someone", nil); got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{"query.user"}) {
		t.Errorf("no identifier: %d %s", got.Status, got.Raw)
	}
	unknown := a.Admin(t, greta, http.MethodGet, "/grants/gra_01h2xcejqtf2nbrexx3vqjhp41", nil)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if got := a.Admin(t, greta, method, "/grants/"+id, nil); got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
			t.Errorf("foreign %s: %d %s", method, got.Status, got.Raw)
		}
	}
	if !active(t, a, grace.Text("access_token")) {
		t.Fatal("the token is no good to begin with")
	}
	if got := a.Admin(t, ada, http.MethodGet, "/grants/"+id, nil); got.JSON["active"] != true || got.JSON["offline"] != true || got.Text("session_id") != "" {
		t.Errorf("read: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodDelete, "/grants/"+id, nil); got.Status != http.StatusNoContent {
		t.Fatalf("revoked: %d %s", got.Status, got.Raw)
	}
	if active(t, a, grace.Text("access_token")) {
		t.Error("the access token of a revoked grant is active")
	}
	if got := a.PostForm(t, "/token", apptest.RefreshForm("spa", grace.Text("refresh_token"))); got.Error() != "invalid_grant" {
		t.Errorf("the refresh token: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodGet, "/grants/"+id, nil); got.JSON["active"] != false || got.Text("revoked_at") == "" {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'grant.revoked' AND target = $1 AND tenant_id IS NOT NULL AND user_id IS NOT NULL AND actor LIKE 'usr_%'", id); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestASessionIsEndedByTheInstallationAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	ada := a.AdminToken(t, apptest.Ada, "acme")
	greta := a.AdminToken(t, apptest.Greta, "globex")
	// Ada is a member of globex too, where nothing hangs on her sessions yet.
	grace := a.Tokens(t, "spa", apptest.Grace, "scope=openid orders:read")
	claims := apptest.Claims(t, grace.Text("access_token"))
	user, session := claims["sub"].(string), "/sessions/"+claims["sid"].(string)
	adas := apptest.Claims(t, ada)["sub"].(string)

	list := a.Admin(t, opal, http.MethodGet, "/sessions?user="+user, nil)
	if got := entries(list, "id"); len(got) != 1 || "/sessions/"+got[0] != session {
		t.Errorf("list: %s", list.Raw)
	}
	for what, c := range map[string]struct {
		token, user string
		want        int
	}{
		"a member whose grant hangs on it":          {ada, user, 1},
		"a stranger":                                {greta, user, 0},
		"a member who signed in for another tenant": {greta, adas, 0},
	} {
		if got := a.Admin(t, c.token, http.MethodGet, "/sessions?user="+c.user, nil); got.Status != http.StatusOK || len(entries(got, "id")) != c.want {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	for _, query := range []string{"", "?user=", "?user=grace"} {
		if got := a.Admin(t, opal, http.MethodGet, "/sessions"+query, nil); got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{"query.user"}) {
			t.Errorf("%q: %d %s", query, got.Status, got.Raw)
		}
	}
	unknown := a.Admin(t, greta, http.MethodGet, "/sessions/ses_01h2xcejqtf2nbrexx3vqjhp41", nil)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if got := a.Admin(t, greta, method, session, nil); got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
			t.Errorf("foreign %s: %d %s", method, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, ada, http.MethodGet, session, nil); got.Status != http.StatusOK || got.Text("user_id") != user {
		t.Errorf("read: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, ada, http.MethodDelete, session, nil); got.Status != http.StatusForbidden || !active(t, a, grace.Text("access_token")) {
		t.Errorf("ended by a tenant: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, session, nil); got.Status != http.StatusNoContent {
		t.Fatalf("ended: %d %s", got.Status, got.Raw)
	}
	if active(t, a, grace.Text("access_token")) {
		t.Error("the access token of an ended session is active")
	}
	if got := a.PostForm(t, "/token", apptest.RefreshForm("spa", grace.Text("refresh_token"))); got.Error() != "invalid_grant" {
		t.Errorf("the refresh token: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, session, nil); got.Status != http.StatusNotFound {
		t.Errorf("again: %d %s", got.Status, got.Raw)
	}
}
