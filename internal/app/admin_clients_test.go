package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// faulty returns the locations that a problem names.
func faulty(a apptest.Answer) (out []string) {
	list, _ := a.JSON["errors"].([]any)
	for _, e := range list {
		out = append(out, e.(map[string]any)["location"].(string))
	}
	return out
}

// entries returns the values of a text member of the items of a list.
func entries(a apptest.Answer, member string) (out []string) {
	list, _ := a.JSON["items"].([]any)
	for _, e := range list {
		s, _ := e.(map[string]any)[member].(string)
		out = append(out, s)
	}
	return out
}

// records counts rows.
func records(t *testing.T, a *apptest.App, sql string, args ...any) (n int) {
	t.Helper()
	conn := connect(t, a)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// ownToken asks for a token with a client's own credentials.
func ownToken(t *testing.T, a *apptest.App, clientID, secret string) apptest.Answer {
	t.Helper()
	return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) {
		r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret))
	})
}

func active(t *testing.T, a *apptest.App, token string) bool {
	t.Helper()
	out := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api"))
	return out.JSON["active"] == true
}

func TestAClientIsRegisteredUsedEditedAndDeletedUnderAnyID(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for _, id := range []string{"plain", "a:b", "a/b", "a+b", "a b", "a%2Fb", "?x=1&y=2#z", "~!@$^*(){}[]|;',<>`\\\"", "urn:x:/a b+c%20d", "%", "..a", "a/../b", "a//b"} {
		made := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{
			"id": id, "name": "Migrated", "grant_types": []string{"client_credentials"}, "scopes": []string{"orders:read"}, "audiences": []string{apptest.Orders},
		})
		if made.Status != http.StatusCreated || made.Text("id") != id || len(made.Text("secret")) != 43 || made.Header.Get("ETag") != `"1"` {
			t.Errorf("%q: created: %d %s", id, made.Status, made.Raw)
			continue
		}
		path := "/clients/" + url.PathEscape(id)
		if got := made.Header.Get("Location"); got != "/admin/v1"+path {
			t.Errorf("%q: location %s", id, got)
		}
		if got := a.Admin(t, opal, http.MethodGet, path, nil); got.Text("id") != id || strings.Contains(got.Raw, made.Text("secret")) || strings.Contains(got.Raw, "hash") {
			t.Errorf("%q: read: %d %s", id, got.Status, got.Raw)
		}
		token := ownToken(t, a, id, made.Text("secret"))
		if token.Status != http.StatusOK || !active(t, a, token.Text("access_token")) {
			t.Errorf("%q: token: %d %s", id, token.Status, token.Raw)
		}
		if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "Edited"}, `If-Match: "1"`); got.Status != http.StatusOK || got.Text("name") != "Edited" || got.Header.Get("ETag") != `"2"` {
			t.Errorf("%q: edited: %d %s", id, got.Status, got.Raw)
		}
		if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "Again"}, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
			t.Errorf("%q: an old version: %d %s", id, got.Status, got.Raw)
		}
		if got := a.Admin(t, opal, http.MethodDelete, path, nil); got.Status != http.StatusNoContent {
			t.Errorf("%q: deleted: %d %s", id, got.Status, got.Raw)
		}
		if got := a.Admin(t, opal, http.MethodGet, path, nil); got.Status != http.StatusNotFound {
			t.Errorf("%q: afterwards: %d %s", id, got.Status, got.Raw)
		}
		if active(t, a, token.Text("access_token")) || ownToken(t, a, id, made.Text("secret")).Status != http.StatusUnauthorized {
			t.Errorf("%q: a deleted client still counts", id)
		}
	}
}

func TestARefusedRegistrationNamesItsFields(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		body   map[string]any
		status int
		fields []string
	}{
		"a wildcard among others": {map[string]any{"redirect_uris": []string{"https://a.example/cb", "https://*.example/cb"}}, 422, []string{"body.redirect_uris[1]"}},
		"two faults":              {map[string]any{"redirect_uris": []string{"http://a.example/cb"}, "scopes": []string{"a b"}}, 422, []string{"body.redirect_uris[0]", "body.scopes[0]"}},
		"no redirect URI":         {map[string]any{"redirect_uris": []string{}}, 422, []string{"body.redirect_uris"}},
		"an origin with a path":   {map[string]any{"origins": []string{"https://a.example/"}}, 422, []string{"body.origins[0]"}},
		"an id that is taken":     {map[string]any{"id": "spa"}, 409, []string{"body.id"}},
		"an id of a person":       {map[string]any{"id": "usr_01h2xcejqtf2nbrexx3vqjhp41"}, 422, []string{"body.id"}},
		"an id that is no path":   {map[string]any{"id": ".."}, 422, []string{"body.id"}},
		"an unknown audience":     {map[string]any{"audiences": []string{apptest.Orders, "https://unknown.example"}}, 422, []string{"body.audiences[1]"}},
		"an unknown service":      {map[string]any{"serves_audience": "https://unknown.example"}, 422, []string{"body.serves_audience"}},
		"the administration":      {map[string]any{"serves_audience": "urn:signet:admin"}, 422, []string{"body.serves_audience"}},
		"an unknown tenant":       {map[string]any{"tenant_id": "initech"}, 422, []string{"body.tenant_id"}},
		"what is reserved":        {map[string]any{"tenant_id": "acme", "scopes": []string{"openid", "installation:read"}}, 422, []string{"body.scopes[1]"}},
		"a short secret":          {map[string]any{"secret": "changeit"}, 422, []string{"body.secret"}},
		"a secret in public":      {map[string]any{"auth_method": "none", "secret": "5c0fd0a8-3c1e-4f0a-9d5e-2b7f6f1d3e4a"}, 422, []string{"body.secret"}},
		"a lifetime of years":     {map[string]any{"access_token_lifetime": 1 << 40}, 422, []string{"body.access_token_lifetime"}},
		"an unknown method":       {map[string]any{"auth_method": "private_key_jwt"}, 422, []string{"body.auth_method"}},
		"a reserved claim":        {map[string]any{"claims": []any{map[string]any{"name": "sub", "value": "x"}}}, 422, []string{"body.claims[0].name"}},
		"claims of a tenant's":    {map[string]any{"tenant_id": "acme", "claims": []any{map[string]any{"name": "plan", "value": "x"}}}, 422, []string{"body.claims"}},
		"an unknown field":        {map[string]any{"client_secret": "s3cr3t-s3cr3t-s3cr3t"}, 422, []string{"body"}},
	} {
		body := map[string]any{"name": "New", "redirect_uris": []string{"https://new.example/cb"}}
		for k, v := range c.body {
			body[k] = v
		}
		got := a.Admin(t, opal, http.MethodPost, "/clients", body)
		if got.Status != c.status || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
		fields := faulty(got)
		if len(fields) != len(c.fields) || what != "an unknown field" && !slices.Equal(fields, c.fields) {
			t.Errorf("%s: %v", what, fields)
		}
		for _, v := range []string{"*.example", "changeit", "s3cr3t", "5c0fd0a8", "unknown.example", "private_key"} {
			if strings.Contains(got.Raw, v) {
				t.Errorf("%s: repeats what was sent: %s", what, got.Raw)
			}
		}
	}
}

func TestAsLargeARegistrationAsTheRulesAllowIsTaken(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	var uris []string
	for i := range 100 {
		base := fmt.Sprintf("https://a.example/%d/", i)
		uris = append(uris, base+strings.Repeat("x", 2048-len(base)))
	}
	made := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"id": "large", "name": "L", "redirect_uris": uris, "post_logout_redirect_uris": uris})
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %.300s", made.Status, made.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/clients/large", map[string]any{"redirect_uris": uris}, "If-Match: *"); got.Status != http.StatusOK {
		t.Errorf("%d %.300s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/clients/large", map[string]any{"redirect_uris": append(uris, "https://a.example/one-more")}, "If-Match: *"); got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{"body.redirect_uris"}) {
		t.Errorf("%d %.300s", got.Status, got.Raw)
	}
}

func TestASecretIsShownOnceAndATriedCreationShowsItAgain(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	body := map[string]any{"name": "Batch", "grant_types": []string{"client_credentials"}, "audiences": []string{apptest.Orders}}
	first := a.Admin(t, opal, http.MethodPost, "/clients", body, "Idempotency-Key: one")
	again := a.Admin(t, opal, http.MethodPost, "/clients", body, "Idempotency-Key: one")
	if first.Status != http.StatusCreated || again.Status != http.StatusCreated || again.Text("id") != first.Text("id") ||
		again.Text("secret") != first.Text("secret") || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("%s\n%s", first.Raw, again.Raw)
	}
	other := a.Admin(t, opal, http.MethodPost, "/clients", body, "Idempotency-Key: two")
	if other.Text("secret") == first.Text("secret") || other.Text("id") == first.Text("id") {
		t.Error("another key made the same client")
	}
	id, path := first.Text("id"), "/clients/"+first.Text("id")+"/secrets"

	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	rotation := map[string]any{"previous_expires_at": soon}
	second := a.Admin(t, opal, http.MethodPost, path, rotation, "Idempotency-Key: rotate")
	retried := a.Admin(t, opal, http.MethodPost, path, rotation, "Idempotency-Key: rotate")
	if second.Status != http.StatusCreated || retried.Text("secret") != second.Text("secret") || retried.Text("id") != second.Text("id") || retried.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("rotation: %d %s\n%d %s", second.Status, second.Raw, retried.Status, retried.Raw)
	}
	for name, secret := range map[string]string{"old": first.Text("secret"), "new": second.Text("secret")} {
		if got := ownToken(t, a, id, secret); got.Status != http.StatusOK {
			t.Errorf("the %s secret during the rotation: %d %s", name, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodPost, path, nil); got.Status != http.StatusConflict {
		t.Errorf("a third secret: %d %s", got.Status, got.Raw)
	}
	list := a.Admin(t, opal, http.MethodGet, path, nil)
	known := entries(list, "id")
	if len(known) != 2 || !slices.Contains(known, second.Text("id")) || !strings.Contains(list.Raw, soon[:16]) || strings.Contains(list.Raw, second.Text("secret")) {
		t.Errorf("list: %s", list.Raw)
	}
	old := known[slices.IndexFunc(known, func(s string) bool { return s != second.Text("id") })]
	if got := a.Admin(t, opal, http.MethodDelete, path+"/"+old, nil); got.Status != http.StatusNoContent {
		t.Errorf("deleting the old one: %d %s", got.Status, got.Raw)
	}
	if got := ownToken(t, a, id, first.Text("secret")); got.Status != http.StatusUnauthorized {
		t.Errorf("the deleted secret: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, path+"/"+second.Text("id"), nil); got.Status != http.StatusConflict {
		t.Errorf("deleting the last one: %d %s", got.Status, got.Raw)
	}
	// A key that is used again long after computes no secret that there was.
	if _, err := connect(t, a).Exec(t.Context(), "DELETE FROM idempotency_key"); err != nil {
		t.Fatal(err)
	}
	if got := a.Admin(t, opal, http.MethodPost, path, rotation, "Idempotency-Key: rotate"); got.Status != http.StatusCreated || got.Text("secret") == second.Text("secret") {
		t.Errorf("the key a day later: %d %s", got.Status, got.Raw)
	}
	given := "Brought-Along/0123456789+xyz"
	imported := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"id": "kc", "name": "KC", "grant_types": []string{"client_credentials"}, "secret": given})
	if imported.Status != http.StatusCreated || ownToken(t, a, "kc", given).Status != http.StatusOK {
		t.Errorf("a secret that was given: %d %s", imported.Status, imported.Raw)
	}
	for what, secret := range map[string]string{"given": given, "made": first.Text("secret"), "derived": second.Text("secret")} {
		if strings.Contains(a.Log.String(), secret) {
			t.Errorf("the %s secret is in the log", what)
		}
	}
}

func TestDisablingAClientRecallsWhatWasIssuedToItForGood(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	person := a.Tokens(t, "spa", apptest.Ada, "scope=openid offline_access orders:read")
	made := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"name": "Batch", "grant_types": []string{"client_credentials"}, "audiences": []string{apptest.Orders}})
	machine := ownToken(t, a, made.Text("id"), made.Text("secret")).Text("access_token")
	code := a.Code(t, "spa", apptest.Grace)
	userinfo := func() int { return a.Get(t, "/userinfo", apptest.Bearer(person.Text("access_token"))).Status }
	if !active(t, a, person.Text("access_token")) || !active(t, a, machine) || userinfo() != http.StatusOK {
		t.Fatal("the tokens are no good to begin with")
	}
	for _, id := range []string{"spa", made.Text("id")} {
		if got := a.Admin(t, opal, http.MethodPatch, "/clients/"+id, map[string]any{"disabled": true}, "If-Match: *"); got.Status != http.StatusOK || got.Text("disabled_at") == "" {
			t.Fatalf("disabling %s: %d %s", id, got.Status, got.Raw)
		}
	}
	if active(t, a, person.Text("access_token")) || active(t, a, machine) || userinfo() != http.StatusUnauthorized {
		t.Error("tokens of a disabled client are good")
	}
	if got := ownToken(t, a, made.Text("id"), made.Text("secret")); got.Status != http.StatusUnauthorized {
		t.Errorf("a disabled client got a token: %d", got.Status)
	}
	for _, id := range []string{"spa", made.Text("id")} {
		done(t, a.Admin(t, opal, http.MethodPatch, "/clients/"+id, map[string]any{"disabled": false}, "If-Match: *"))
	}
	if active(t, a, person.Text("access_token")) || active(t, a, machine) || userinfo() != http.StatusUnauthorized {
		t.Error("old tokens came back with their client")
	}
	if got := a.PostForm(t, "/token", apptest.RefreshForm("spa", person.Text("refresh_token"))); got.Error() != "invalid_grant" {
		t.Errorf("an old refresh token: %d %s", got.Status, got.Raw)
	}
	if got := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)); got.Error() != "invalid_grant" {
		t.Errorf("an old code: %d %s", got.Status, got.Raw)
	}
	grants := a.Admin(t, opal, http.MethodGet, "/grants?client=spa", nil)
	if list := grants.JSON["items"].([]any); len(list) != 1 || list[0].(map[string]any)["active"] != false {
		t.Errorf("grants: %s", grants.Raw)
	}
	if got := ownToken(t, a, made.Text("id"), made.Text("secret")); got.Status != http.StatusOK {
		t.Errorf("a client that was enabled again gets no token: %d %s", got.Status, got.Raw)
	}
}

func TestATenantAdministratorLooksAfterTheTenantsClientsAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	ada := a.AdminToken(t, apptest.Ada, "acme")
	greta := a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://globex-api.example", "name": "Globex", "tenant_id": "globex"}))
	done(t, a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://acme-api.example", "name": "Acme", "tenant_id": "acme"}))

	body := func(changes map[string]any) map[string]any {
		b := map[string]any{"name": "Ours", "redirect_uris": []string{"https://ours.example/cb"}, "audiences": []string{apptest.Orders, "https://acme-api.example"}}
		for k, v := range changes {
			b[k] = v
		}
		return b
	}
	made := a.Admin(t, ada, http.MethodPost, "/clients", body(nil))
	if made.Status != http.StatusCreated || made.Text("tenant") != "acme" || !strings.HasPrefix(made.Text("id"), "cli_") {
		t.Fatalf("created: %d %s", made.Status, made.Raw)
	}
	path := "/clients/" + made.Text("id")
	for what, c := range map[string]struct {
		changes map[string]any
		status  int
		field   string
	}{
		"an id":                         {map[string]any{"id": "mine"}, 403, "body.id"},
		"claims":                        {map[string]any{"claims": []any{}}, 403, "body.claims"},
		"another tenant":                {map[string]any{"tenant_id": "globex"}, 422, "body.tenant_id"},
		"a tenant that is not there":    {map[string]any{"tenant_id": "initech"}, 422, "body.tenant_id"},
		"an audience of another tenant": {map[string]any{"audiences": []string{"https://globex-api.example"}}, 422, "body.audiences[0]"},
		"an audience of nobody":         {map[string]any{"audiences": []string{"https://nobody.example"}}, 422, "body.audiences[0]"},
		"to be everybody's service":     {map[string]any{"serves_audience": apptest.Orders}, 422, "body.serves_audience"},
		"the installation":              {map[string]any{"scopes": []string{"installation:manage"}}, 422, "body.scopes[0]"},
	} {
		got := a.Admin(t, ada, http.MethodPost, "/clients", body(c.changes))
		if got.Status != c.status || !slices.Equal(faulty(got), []string{c.field}) {
			t.Errorf("creating with %s: %d %s", what, got.Status, got.Raw)
		}
		if what == "an id" || strings.Contains(what, "tenant") && c.field == "body.tenant_id" {
			continue // not there to edit
		}
		got = a.Admin(t, ada, http.MethodPatch, path, c.changes, "If-Match: *")
		if got.Status != c.status || !slices.Equal(faulty(got), []string{c.field}) {
			t.Errorf("editing %s: %d %s", what, got.Status, got.Raw)
		}
	}
	if a, b := a.Admin(t, ada, http.MethodPost, "/clients", body(map[string]any{"tenant_id": "globex"})), a.Admin(t, ada, http.MethodPost, "/clients", body(map[string]any{"tenant_id": "initech"})); a.Raw != b.Raw {
		t.Errorf("told apart:\n%s\n%s", a.Raw, b.Raw)
	}
	foreign, nobody := map[string]any{"audiences": []string{"https://globex-api.example"}}, map[string]any{"audiences": []string{"https://nobody.example"}}
	if a, b := a.Admin(t, ada, http.MethodPatch, path, foreign, "If-Match: *"), a.Admin(t, ada, http.MethodPatch, path, nobody, "If-Match: *"); a.Raw != b.Raw {
		t.Errorf("told apart:\n%s\n%s", a.Raw, b.Raw)
	}
	list := a.Admin(t, ada, http.MethodGet, "/clients", nil)
	if got := entries(list, "tenant"); len(got) != 2 || got[0] != "acme" || got[1] != "acme" {
		t.Errorf("list: %s", list.Raw)
	}
	if got := a.Admin(t, ada, http.MethodGet, "/clients?installation=true", nil); len(entries(got, "id")) != 0 {
		t.Errorf("the installation's: %s", got.Raw)
	}
	unknown := a.Admin(t, greta, http.MethodGet, "/clients/nothing", nil)
	secrets := entries(a.Admin(t, ada, http.MethodGet, path+"/secrets", nil), "id")
	for _, foreign := range []string{path, "/clients/spa", "/clients/signet-cli"} {
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{http.MethodGet, "", nil},
			{http.MethodPatch, "", map[string]any{"name": "Mine"}},
			{http.MethodDelete, "", nil},
			{http.MethodGet, "/secrets", nil},
			{http.MethodPost, "/secrets", nil},
			{http.MethodDelete, "/secrets/" + secrets[0], nil},
		} {
			got := a.Admin(t, greta, c.method, foreign+c.path, c.body, "If-Match: *")
			if got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
				t.Errorf("%s %s%s: %d %s", c.method, foreign, c.path, got.Status, got.Raw)
			}
		}
	}
	if got := a.Admin(t, ada, http.MethodGet, path, nil); got.Status != http.StatusOK || got.Text("name") != "Ours" {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	// A machine of the tenant may do what its scopes say, in that tenant.
	robot := a.Admin(t, ada, http.MethodPost, "/clients", map[string]any{
		"name": "Robot", "grant_types": []string{"client_credentials"}, "scopes": []string{"tenant:manage"}, "audiences": []string{"urn:signet:admin"},
	})
	token := ownToken(t, a, robot.Text("id"), robot.Text("secret")).Text("access_token")
	if got := a.Admin(t, token, http.MethodPatch, path, map[string]any{"name": "By machine"}, "If-Match: *"); got.Status != http.StatusOK {
		t.Errorf("by machine: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, token, http.MethodPatch, "/clients/spa", map[string]any{"name": "By machine"}, "If-Match: *"); got.Status != http.StatusNotFound {
		t.Errorf("the installation's by machine: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'client.updated' AND target = $1 AND actor = $2 AND tenant_id IS NOT NULL", made.Text("id"), robot.Text("id")); n != 1 {
		t.Errorf("%d records of what the machine did", n)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'client.created' AND target = $1 AND actor LIKE 'usr_%' AND client_id = 'signet-cli'", made.Text("id")); n != 1 {
		t.Errorf("%d records of the creation", n)
	}
}

func TestWhoeverOnlyReadsChangesNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	robot := func(tenant string, scopes ...string) string {
		made := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{
			"name": "Robot", "tenant_id": tenant, "grant_types": []string{"client_credentials"}, "scopes": scopes, "audiences": []string{"urn:signet:admin"},
		})
		return ownToken(t, a, made.Text("id"), made.Text("secret")).Text("access_token")
	}
	web := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"name": "W", "tenant_id": "acme", "redirect_uris": []string{"https://w.example/cb"}})
	api := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://acme-api.example", "name": "A", "tenant_id": "acme"})
	claims := apptest.Claims(t, a.Tokens(t, "spa", apptest.Grace, "scope=openid orders:read").Text("access_token"))
	client, server := "/clients/"+web.Text("id"), "/resource-servers/"+api.Text("id")
	grant, session, sessions := "/grants/"+claims["grant_id"].(string), "/sessions/"+claims["sid"].(string), "/sessions?user="+claims["sub"].(string)
	secrets := entries(a.Admin(t, opal, http.MethodGet, client+"/secrets", nil), "id")
	for who, token := range map[string]string{"an auditor": robot("", "installation:read"), "a reader of the tenant": robot("acme", "tenant:read")} {
		for _, path := range []string{"/clients", client, client + "/secrets", "/resource-servers", server, server + "/permissions", "/grants", grant, sessions, session} {
			if got := a.Admin(t, token, http.MethodGet, path, nil); got.Status != http.StatusOK {
				t.Errorf("%s: %s: %d %s", who, path, got.Status, got.Raw)
			}
		}
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{http.MethodPost, "/clients", map[string]any{"name": "Mine", "tenant_id": "acme", "redirect_uris": []string{"https://w.example/cb"}}},
			{http.MethodPost, "/clients", map[string]any{"name": "Mine", "redirect_uris": []string{"https://w.example/cb"}}},
			{http.MethodPatch, client, map[string]any{"name": "Mine"}},
			{http.MethodDelete, client, nil},
			{http.MethodPost, client + "/secrets", nil},
			{http.MethodDelete, client + "/secrets/" + secrets[0], nil},
			{http.MethodPost, "/resource-servers", map[string]any{"audience": "https://mine.example", "name": "M"}},
			{http.MethodPatch, server, map[string]any{"name": "Mine"}},
			{http.MethodDelete, server, nil},
			{http.MethodPut, server + "/permissions/mine:all", map[string]any{}},
			{http.MethodDelete, server + "/permissions/mine:all", nil},
			{http.MethodDelete, grant, nil},
			{http.MethodDelete, session, nil},
		} {
			if got := a.Admin(t, token, c.method, c.path, c.body, "If-Match: *"); got.Status != http.StatusForbidden {
				t.Errorf("%s: %s %s: %d %s", who, c.method, c.path, got.Status, got.Raw)
			}
		}
	}
	log := robot("acme", "audit:read")
	for _, path := range []string{"/clients", "/resource-servers", "/grants", sessions} {
		if got := a.Admin(t, log, http.MethodGet, path, nil); got.Status != http.StatusOK || len(entries(got, "id")) != 0 {
			t.Errorf("a reader of the log: %s: %d %s", path, got.Status, got.Raw)
		}
	}
	orders := entries(a.Admin(t, opal, http.MethodGet, "/resource-servers?audience_prefix="+apptest.Orders, nil), "id")[0]
	for _, path := range []string{client, "/resource-servers/" + orders, grant, session} {
		if got := a.Admin(t, log, http.MethodGet, path, nil); got.Status != http.StatusNotFound {
			t.Errorf("a reader of the log: %s: %d %s", path, got.Status, got.Raw)
		}
	}
}

func TestACreationThatIsTriedManyTimesAtOnceMakesOneClientWithOneSecret(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	var wg sync.WaitGroup
	answers := make([]apptest.Answer, 6)
	for i := range answers {
		wg.Go(func() {
			answers[i] = a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"name": "Once", "redirect_uris": []string{"https://w.example/cb"}}, "Idempotency-Key: once")
		})
	}
	wg.Wait()
	fresh := 0
	for _, got := range answers {
		if got.Status != http.StatusCreated || got.Text("id") != answers[0].Text("id") || got.Text("secret") != answers[0].Text("secret") || got.Text("secret") == "" {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
		if got.Header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if n := records(t, a, "SELECT count(*) FROM client WHERE name = 'Once'"); n != 1 || fresh != 1 {
		t.Errorf("%d clients, %d answers of their own", n, fresh)
	}
}
