package app_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// declare sets the claims of a client or a resource server.
func declare(t *testing.T, a *apptest.App, token, path string, claims ...map[string]any) apptest.Answer {
	t.Helper()
	return a.Admin(t, token, http.MethodPatch, path, map[string]any{"claims": append([]map[string]any{}, claims...)}, "If-Match: *")
}

// serverPath finds a resource server by its audience.
func serverPath(t *testing.T, a *apptest.App, token, audience string) string {
	t.Helper()
	list := a.Admin(t, token, http.MethodGet, "/resource-servers", nil)
	audiences, ids := entries(list, "audience"), entries(list, "id")
	i := slices.Index(audiences, audience)
	if i < 0 {
		t.Fatalf("no %s: %s", audience, list.Raw)
	}
	return "/resource-servers/" + ids[i]
}

const hasura = "https://hasura.io/jwt/claims"

func hasuraClaim() map[string]any {
	return map[string]any{"name": hasura, "value": map[string]any{
		"x-hasura-allowed-roles": "${roles}", "x-hasura-default-role": "${roles[0]}", "x-hasura-user-id": "${user.id}",
		"x-hasura-org-id": "${tenant.id}", "x-hasura-plan": "${tenant.attributes.plan}", "x-hasura-desk": "desk ${membership.attributes.desk}",
	}}
}

func TestTokensCarryDeclaredClaimsInTheirTypes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	exec(t, a, `UPDATE tenant SET attributes = '{"plan": "gold"}' WHERE slug = 'acme'`)
	exec(t, a, `UPDATE membership SET attributes = '{"desk": 7}' WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')`)
	both := []string{"access_token", "id_token"}
	for path, claims := range map[string][]map[string]any{
		"/clients/spa":                                    {hasuraClaim(), {"name": "plan", "value": "client's", "tokens": both}, {"name": "email", "value": "${user.email}"}},
		serverPath(t, a, opal, apptest.Orders):            {{"name": "plan", "value": "orders ${tenant.attributes.plan}"}},
		serverPath(t, a, opal, "https://billing.example"): {{"name": "may", "value": "${permissions}"}},
		"/clients/machine":                                {{"name": "who", "value": []any{"${client.id}", "${user.id}"}}},
	} {
		if out := declare(t, a, opal, path, claims...); out.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, out.Status, out.Raw)
		}
	}
	out := a.Tokens(t, "spa", apptest.Grace, "organization=acme")
	access, idToken := apptest.Claims(t, out.Text("access_token")), apptest.Claims(t, out.Text("id_token"))
	want := map[string]any{
		"x-hasura-allowed-roles": []any{"clerk"}, "x-hasura-default-role": "clerk", "x-hasura-user-id": access["sub"],
		"x-hasura-org-id": access["tenant_id"], "x-hasura-plan": "gold", "x-hasura-desk": "desk 7",
	}
	if !reflect.DeepEqual(access[hasura], want) || access["plan"] != "orders gold" || access["email"] != apptest.Grace || access["may"] != nil {
		t.Errorf("access token: %v", access)
	}
	if idToken["plan"] != "client's" || idToken[hasura] != nil {
		t.Errorf("ID token: %v", idToken)
	}
	if got := a.PostForm(t, "/introspect", url.Values{"token": {out.Text("access_token")}}, apptest.Basic("api")).JSON; !reflect.DeepEqual(got[hasura], want) {
		t.Errorf("introspection: %v", got)
	}
	// A change is in the next token, of a refresh too.
	if out := declare(t, a, opal, "/clients/spa"); out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	if c := apptest.Claims(t, refresh(t, a, out.Text("refresh_token")).Text("access_token")); c[hasura] != nil || c["plan"] != "orders gold" {
		t.Errorf("after the change: %v", c)
	}
	machine := apptest.Claims(t, ownToken(t, a, "machine", apptest.Secret.Reveal()).Text("access_token"))
	if !reflect.DeepEqual(machine["who"], []any{"machine", nil}) || machine["plan"] != nil || machine["claims_omitted"] != nil {
		t.Errorf("a machine's: %v", machine) // the plan is a text of which a part is null
	}
}

func TestWhatTenantsHaveDeclaresNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	// Nobody can by the administration; whoever writes to the database is not believed either.
	exec(t, a, `UPDATE client SET claims = '[{"name": "plan", "value": "stolen"}]' WHERE id = 'acme-spa'`)
	exec(t, a, `UPDATE resource_server SET claims = '[{"name": "level", "value": "stolen"}]', tenant_id = (SELECT id FROM tenant WHERE slug = 'acme') WHERE audience = $1`, apptest.Orders)
	exec(t, a, `UPDATE client SET claims = '[{"name": "Sub", "value": "stolen"}, {"name": "fine", "value": 1}]' WHERE id = 'spa'`)
	c := apptest.Claims(t, a.Tokens(t, "acme-spa", apptest.Grace).Text("access_token"))
	if c["plan"] != nil || c["level"] != nil || c["tenant"] != "acme" {
		t.Errorf("%v", c)
	}
	if c := apptest.Claims(t, a.Tokens(t, "spa", apptest.Grace).Text("access_token")); c["Sub"] != nil || c["fine"] != 1.0 {
		t.Errorf("a reserved name: %v", c)
	}
}

func TestADeclarationThatIsNoneIsRefusedWithItsField(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for _, path := range []string{"/clients/spa", serverPath(t, a, opal, apptest.Orders)} {
		for where, claims := range map[string][]map[string]any{
			"body.claims[1].name":   {{"name": "fine", "value": 1}, {"name": "permissions", "value": []any{"all"}}},
			"body.claims[0].value":  {{"name": "x", "value": "${user.secret}"}},
			"body.claims[0].name":   {{"name": "email", "value": "x@evil.example", "tokens": []string{"id_token"}}},
			"body.claims[0].script": {{"name": "x", "value": 1, "script": "alert()"}},
		} {
			out := declare(t, a, opal, path, claims...)
			if out.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(out), []string{where}) {
				t.Errorf("%s, %s: %d %s", path, where, out.Status, out.Raw)
			}
		}
	}
}

func TestClaimsThatDoNotFitOrFailAreNamedAndIntrospectionHasWhatItCan(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	big := strings.Repeat("0123456789", 180)
	if out := declare(t, a, opal, "/clients/spa",
		map[string]any{"name": "a", "value": big}, map[string]any{"name": "b", "value": "${user.id}" + big},
		map[string]any{"name": "broken", "value": "${roles[7]}"}); out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	c := apptest.Claims(t, token)
	if !reflect.DeepEqual(c["claims_omitted"], []any{"a", "b", "broken"}) || c["permissions_omitted"] != true || c["a"] != nil || c["b"] != nil || len(token) > 4096 {
		t.Errorf("%d bytes: %v", len(token), c)
	}
	got := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api")).JSON
	if got["a"] != big || got["b"] != c["sub"].(string)+big || !reflect.DeepEqual(got["permissions"], []any{"orders:read"}) ||
		!reflect.DeepEqual(got["claims_omitted"], []any{"broken"}) || got["permissions_omitted"] != nil || got["active"] != true || got["jti"] != c["jti"] {
		t.Errorf("introspection: %v", got)
	}
}

func TestIntrospectionDoesNotKnowTheTokenOfSomebodyWhoIsGone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	acme := "tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')"
	for what, change := range map[string][2]string{
		"disabled":        {"UPDATE user_account SET disabled_at = now() WHERE email_normalized = '" + apptest.Grace + "'", "UPDATE user_account SET disabled_at = NULL"},
		"suspended":       {"UPDATE membership SET suspended_at = now() WHERE " + acme, "UPDATE membership SET suspended_at = NULL"},
		"tenant disabled": {"UPDATE tenant SET disabled_at = now() WHERE slug = 'acme'", "UPDATE tenant SET disabled_at = NULL"},
	} {
		token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
		if !active(t, a, token) {
			t.Fatalf("%s, before: not active", what)
		}
		exec(t, a, change[0])
		eventually(t, what, func() bool { return !active(t, a, token) })
		exec(t, a, change[1])
		eventually(t, what+", afterwards", func() bool { return active(t, a, token) })
	}
}

// preview asks for a preview.
func preview(t *testing.T, a *apptest.App, token, tenant string, query url.Values) apptest.Answer {
	t.Helper()
	return a.Admin(t, token, http.MethodGet, "/tenants/"+tenant+"/token-preview?"+query.Encode(), nil)
}

// same compares claims but for those that are different in each token.
func same(t *testing.T, what string, shown map[string]any, issued map[string]any) {
	t.Helper()
	want, got := maps.Clone(issued), maps.Clone(shown["claims"].(map[string]any))
	for _, name := range []string{"iat", "exp", "jti", "auth_time", "sid", "grant_id", "nonce", "at_hash"} {
		_, was := want[name]
		_, is := got[name]
		if was != is && name != "nonce" {
			t.Errorf("%s: %s is in one of the two", what, name)
		}
		varies := slices.Contains(shown["varying"].([]any), any(name))
		if is != varies {
			t.Errorf("%s: %s, said to vary: %v", what, name, varies)
		}
		delete(want, name)
		delete(got, name)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is previewed as\n%v\nand issued as\n%v", what, got, want)
	}
}

func TestAPreviewSaysExactlyWhatTokensSay(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	exec(t, a, `UPDATE tenant SET attributes = '{"plan": "gold"}' WHERE slug = 'acme'`)
	if out := declare(t, a, opal, "/clients/spa", hasuraClaim(), map[string]any{"name": "seat", "value": 12, "tokens": []string{"access_token", "id_token"}},
		map[string]any{"name": "broken", "value": "${roles[7]}"}); out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	for what, changes := range map[string][]string{
		"what is usual":           {"scope=openid profile email"},
		"nothing asked for":       {"scope="},
		"offline":                 {"scope=openid offline_access orders:read"},
		"of another service":      {"scope=openid", "resource=https://billing.example"},
		"in the other tenant":     {"scope=openid email", "organization=globex"},
		"without a scope of ours": {"scope=orders:read"},
	} {
		issued := a.Tokens(t, "spa", apptest.Ada, append([]string{"organization=acme"}, changes...)...)
		access := apptest.Claims(t, issued.Text("access_token"))
		query := url.Values{"client": {"spa"}, "user": {access["sub"].(string)}}
		tenant := "acme"
		for _, c := range changes {
			name, value, _ := strings.Cut(c, "=")
			if name == "organization" {
				tenant = value
			} else if value != "" {
				query.Add(name, value)
			}
		}
		out := preview(t, a, opal, tenant, query)
		if out.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", what, out.Status, out.Raw)
		}
		same(t, what+", access token", out.JSON["access_token"].(map[string]any), access)
		if issued.Text("id_token") == "" {
			if out.JSON["id_token"] != nil {
				t.Errorf("%s: an ID token that there is not", what)
			}
			continue
		}
		same(t, what+", ID token", out.JSON["id_token"].(map[string]any), apptest.Claims(t, issued.Text("id_token")))
	}
	machine := apptest.Claims(t, ownToken(t, a, "machine", apptest.Secret.Reveal()).Text("access_token"))
	out := preview(t, a, opal, "signet", url.Values{"client": {"machine"}})
	if out.Status != http.StatusOK {
		t.Fatalf("a machine: %d %s", out.Status, out.Raw)
	}
	same(t, "a machine", out.JSON["access_token"].(map[string]any), machine)
}

func TestAPreviewSaysWhereEachValueComesFrom(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	// Grace is a lead, whom Opal made one; a lead is also a clerk and may write.
	for _, step := range []struct {
		method, path string
		body         map[string]any
	}{
		{http.MethodPost, "/tenants/acme/roles", map[string]any{"name": "lead", "includes": []string{"clerk"}, "permissions": []map[string]any{{"audience": apptest.Orders, "slug": "orders:write"}}}},
	} {
		if out := a.Admin(t, opal, step.method, step.path, step.body); out.Status >= 300 {
			t.Fatalf("%s: %d %s", step.path, out.Status, out.Raw)
		}
	}
	me := a.Admin(t, opal, http.MethodGet, "/me", nil).JSON["user"].(map[string]any)["id"]
	user := apptest.Claims(t, a.Tokens(t, "spa", apptest.Grace).Text("access_token"))["sub"].(string)
	if out := a.Admin(t, opal, http.MethodPatch, "/tenants/acme/members/"+user, map[string]any{"roles": []string{"lead"}}, "If-Match: *"); out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	if out := declare(t, a, opal, "/clients/spa", hasuraClaim()); out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	out := preview(t, a, opal, "acme", url.Values{"client": {"spa"}, "user": {user}, "scope": {"openid email"}})
	if out.Status != http.StatusOK {
		t.Fatal(out.Raw)
	}
	token := out.JSON["access_token"].(map[string]any)
	sources := map[string]map[string]any{}
	explained := map[string]bool{}
	for _, s := range token["sources"].([]any) {
		s := s.(map[string]any)
		value, _ := s["value"].(string)
		name := s["claim"].(string)
		explained[name] = true
		if value != "" {
			name += " " + value
		}
		sources[name] = s
	}
	for name, v := range token["claims"].(map[string]any) {
		if list, ok := v.([]any); (!ok || len(list) > 0) && !explained[name] {
			t.Errorf("%s is not explained", name)
		}
	}
	way := func(source string) (membership, role, permission, includes any) {
		t.Helper()
		because, _ := sources[source]["because"].([]any)
		if len(because) != 1 {
			t.Fatalf("%s: %v", source, sources[source])
		}
		b := because[0].(map[string]any)
		r := b["role"].(map[string]any)
		if p, ok := b["permission"].(map[string]any); ok {
			permission = p["slug"].(string) + " by " + p["granted_by"].(string)
		}
		return b["membership"].(map[string]any)["granted_by"], r["name"].(string) + " by " + r["granted_by"].(string), permission, b["includes"]
	}
	byOpal := "lead by " + me.(string)
	for source, want := range map[string][4]any{
		"roles lead":               {"installation", byOpal, nil, nil},
		"roles clerk":              {"installation", byOpal, nil, "clerk"},
		"permissions orders:read":  {"installation", byOpal, "orders:read by installation", "clerk"},
		"permissions orders:write": {"installation", byOpal, "orders:write by " + me.(string), nil},
	} {
		m, r, p, i := way(source)
		if got := [4]any{m, r, p, i}; got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
	mapping, _ := sources[hasura]["mapping"].(map[string]any)
	if b, _ := json.Marshal(mapping); mapping["client"] != "spa" || mapping["audience"] != nil || !reflect.DeepEqual(mapping["value"], hasuraClaim()["value"]) ||
		!reflect.DeepEqual(mapping["reads"], []any{"membership.attributes.desk", "roles", "tenant.attributes.plan", "tenant.id", "user.id"}) {
		t.Errorf("the mapping: %s", b)
	}
	if sources["sub"]["kind"] != "user" || sources["tenant"]["kind"] != "tenant" || sources["aud"]["kind"] != "protocol" || sources["sid"]["kind"] != "sign_in" {
		t.Errorf("kinds: %v", sources)
	}
}

func TestAPreviewIsForWhoseTenantAndClientItIs(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	userOf := func(email, organization string) string {
		t.Helper()
		return apptest.Claims(t, a.Tokens(t, "spa", email, "organization="+organization).Text("access_token"))["sub"].(string)
	}
	grace, linus := userOf(apptest.Grace, "acme"), userOf(apptest.Linus, "globex")
	made := a.Admin(t, greta, http.MethodPost, "/clients", map[string]any{
		"name": "Globex", "auth_method": "none", "redirect_uris": []string{"https://globex.example/cb"}, "scopes": []string{"openid"}, "audiences": []string{apptest.Orders},
	})
	own, _ := made.JSON["id"].(string)
	if own == "" {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	if out := preview(t, a, greta, "globex", url.Values{"client": {own}, "user": {linus}}); out.Status != http.StatusOK {
		t.Fatalf("her own: %d %s", out.Status, out.Raw)
	}
	nothing := preview(t, a, greta, "nowhere", url.Values{"client": {own}, "user": {linus}})
	if nothing.Status != http.StatusNotFound {
		t.Fatalf("no tenant: %d %s", nothing.Status, nothing.Raw)
	}
	for what, c := range map[string]struct{ token, tenant, client, user string }{
		"another tenant":                    {greta, "acme", own, grace},
		"somebody of another tenant":        {greta, "globex", own, grace},
		"nobody":                            {greta, "globex", own, "usr_01h2xcejqtf2nbrexx3vqjhp41"},
		"no identifier":                     {greta, "globex", own, "linus"},
		"a client of another tenant":        {greta, "globex", "acme-spa", linus},
		"a client of the installation":      {greta, "globex", "spa", linus},
		"no client":                         {greta, "globex", "none-such", linus},
		"a foreign client, to Opal too":     {opal, "globex", "acme-spa", linus},
		"somebody of another tenant, Opal":  {opal, "globex", "spa", grace},
		"a machine that is not the tenants": {opal, "globex", "machine", ""},
	} {
		query := url.Values{"client": {c.client}}
		if c.user != "" {
			query.Set("user", c.user)
		}
		if out := preview(t, a, c.token, c.tenant, query); out.Status != http.StatusNotFound || out.Raw != nothing.Raw {
			t.Errorf("%s: %d %s", what, out.Status, out.Raw)
		}
	}
	for where, query := range map[string]url.Values{
		"query.scope":    {"client": {own}, "user": {linus}, "scope": {"openid orders:read"}},
		"query.resource": {"client": {own}, "user": {linus}, "resource": {"https://billing.example"}},
		"query.user":     {"client": {own}},
	} {
		if out := preview(t, a, greta, "globex", query); out.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(out), []string{where}) {
			t.Errorf("%s: %d %s", where, out.Status, out.Raw)
		}
	}
	exec(t, a, "UPDATE membership SET suspended_at = now() WHERE user_id = (SELECT id FROM user_account WHERE email_normalized = $1)", apptest.Linus)
	eventually(t, "suspended", func() bool {
		out := preview(t, a, greta, "globex", url.Values{"client": {own}, "user": {linus}})
		return out.Status == http.StatusUnprocessableEntity && slices.Equal(faulty(out), []string{"query.user"})
	})
}

func TestWhoEditsARoleOrAClaimLearnsHowLargeTokensGet(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	forecast := func(out apptest.Answer) map[string]map[string]any {
		t.Helper()
		if out.Status >= 300 {
			t.Fatal(out.Status, out.Raw)
		}
		by := map[string]map[string]any{}
		list, _ := out.JSON["token_forecast"].([]any)
		for _, f := range list {
			f := f.(map[string]any)
			audience, _ := f["audience"].(string)
			by[audience] = f
		}
		return by
	}
	// What is forecast for a clerk is about what a clerk's token takes.
	small := forecast(a.Admin(t, opal, http.MethodGet, "/tenants/acme/roles/clerk", nil))
	token := a.Tokens(t, "spa", apptest.Grace, "organization=acme", "scope=openid profile email").Text("access_token")
	if bytes, _ := small[apptest.Orders]["bytes"].(float64); len(small) != 1 || small[apptest.Orders]["over_budget"] != false || bytes < 0.9*float64(len(token)) || bytes > 1.2*float64(len(token)) {
		t.Errorf("a clerk: %v for a token of %d bytes", small, len(token))
	}
	exec(t, a, "INSERT INTO permission (audience, slug) SELECT $1, 'orders:permission-number-' || n FROM generate_series(1, 200) n", apptest.Orders)
	var many []map[string]any
	for i := range 200 {
		many = append(many, map[string]any{"audience": apptest.Orders, "slug": "orders:permission-number-" + strconv.Itoa(i+1)})
	}
	large := forecast(a.Admin(t, opal, http.MethodPost, "/tenants/acme/roles", map[string]any{"name": "everything", "permissions": many}))
	if large[apptest.Orders]["over_budget"] != true {
		t.Errorf("200 permissions: %v", large)
	}
	// By way of a role that includes it, too.
	if f := forecast(a.Admin(t, opal, http.MethodPost, "/tenants/acme/roles", map[string]any{"name": "boss", "includes": []string{"everything"}})); f[apptest.Orders]["over_budget"] != true {
		t.Errorf("included: %v", f)
	}
	if f := forecast(declare(t, a, opal, "/clients/spa", hasuraClaim())); f[""]["over_budget"] != false || f[""]["bytes"].(float64) < 800 {
		t.Errorf("a claim: %v", f)
	}
	big := strings.Repeat("0123456789", 180)
	path := serverPath(t, a, opal, apptest.Orders)
	if f := forecast(declare(t, a, opal, path, map[string]any{"name": "a", "value": big}, map[string]any{"name": "b", "value": big})); f[apptest.Orders]["over_budget"] != true {
		t.Errorf("large claims: %v", f)
	}
	if f := forecast(a.Admin(t, opal, http.MethodGet, "/tenants/acme/roles/clerk", nil)); f[apptest.Orders]["over_budget"] != true {
		t.Errorf("a clerk with large claims: %v", f)
	}
}

func TestWhatAResourceServerDeclaresIsInTokensOfEveryReplicaAtOnce(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	says := func() any {
		return apptest.Claims(t, ownToken(t, a, "machine", apptest.Secret.Reveal()).Text("access_token"))["level"]
	}
	if got := says(); got != nil {
		t.Fatal(got)
	}
	// As another replica would do it: the database alone tells of it.
	exec(t, a, `UPDATE resource_server SET claims = '[{"name": "level", "value": 3}]' WHERE audience = $1`, apptest.Orders)
	begun := time.Now()
	eventually(t, "declared", func() bool { return says() == 3.0 })
	if waited := time.Since(begun); waited > 15*time.Second {
		t.Errorf("only after %v: it was not heard of, what is kept ran out", waited)
	}
}
