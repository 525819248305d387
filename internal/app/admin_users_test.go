package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
)

// userID returns the identifier of the person with that address.
func userID(t *testing.T, a *apptest.App, token, email string) string {
	t.Helper()
	got := a.Admin(t, token, http.MethodGet, "/users?email="+url.QueryEscape(email), nil)
	items, _ := got.JSON["items"].([]any)
	if got.Status != http.StatusOK || len(items) != 1 {
		t.Fatalf("%s: %d %s", email, got.Status, got.Raw)
	}
	return items[0].(map[string]any)["id"].(string)
}

// column lists a text member of every entry of a list.
func column(got apptest.Answer, name string) []string {
	out := []string{}
	items, _ := got.JSON["items"].([]any)
	for _, item := range items {
		at := item.(map[string]any)
		if user, ok := at["user"].(map[string]any); ok {
			at = user
		}
		text, _ := at[name].(string)
		out = append(out, text)
	}
	return out
}

// done says that a request did what it asked for.
func done(t *testing.T, got apptest.Answer) {
	t.Helper()
	if got.Status/100 != 2 {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
}

// fault says that an answer refuses that field.
func fault(t *testing.T, what string, got apptest.Answer, status int, location string) {
	t.Helper()
	if got.Status != status || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json") || !strings.Contains(got.Raw, `"location":"`+location+`"`) {
		t.Errorf("%s: %d %s, want %d of %s", what, got.Status, got.Raw, status, location)
	}
}

func TestAnAccountIsMadeWithItsMembershipsAndSignsIn(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	const chosen = "seven quiet lanterns by the harbour"
	body := map[string]any{
		"email": "Mary@Acme.example", "email_verified": true, "name": "Mary", "locale": "en-GB", "password": chosen,
		"memberships": []any{map[string]any{"tenant": "acme", "roles": []string{"clerk"}}, map[string]any{"tenant": "globex", "roles": []string{"viewer"}}},
	}
	made := a.Admin(t, opal, http.MethodPost, "/users", body, "Idempotency-Key: mary")
	if made.Status != http.StatusCreated || made.Text("email") != "Mary@Acme.example" || made.Header.Get("Location") != "/admin/v1/users/"+made.Text("id") || strings.Contains(made.Raw, "lanterns") {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	again := a.Admin(t, opal, http.MethodPost, "/users", body, "Idempotency-Key: mary")
	if again.Status != http.StatusCreated || again.Text("id") != made.Text("id") || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("tried again: %d %s", again.Status, again.Raw)
	}
	claims := apptest.Claims(t, tokensOf(t, a, "mary@acme.example", chosen, "acme"))
	if claims["sub"] != made.Text("id") || fmt.Sprint(claims["roles"]) != "[clerk]" {
		t.Errorf("token: %v", claims)
	}
	list := a.Admin(t, opal, http.MethodGet, "/users/"+made.Text("id")+"/memberships", nil)
	if got := column(list, "tenant"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"acme", "globex"}) {
		t.Errorf("memberships: %d %s", list.Status, list.Raw)
	}
	own := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodGet, "/users/"+made.Text("id")+"/memberships", nil)
	if got := column(own, "tenant"); !slices.Equal(got, []string{"acme"}) {
		t.Errorf("as Acme sees them: %d %s", own.Status, own.Raw)
	}
}

// tokensOf signs a person in with that password and returns an access token for the tenant.
func tokensOf(t *testing.T, a *apptest.App, email, chosen, organization string) string {
	t.Helper()
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("spa", "organization="+organization)), email, chosen)
	out := a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if out.Status != http.StatusOK {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	return out.Text("access_token")
}

func TestAnAccountThatBreaksARuleIsRefusedWithTheFieldNamed(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		change map[string]any
		status int
		where  string
	}{
		"an address that is taken":          {map[string]any{"email": "ADA@acme.example"}, 409, "body.email"},
		"no address":                        {map[string]any{"email": "nobody"}, 422, "body.email"},
		"a picture that is no https URL":    {map[string]any{"picture": "javascript:alert(1)"}, 422, "body.picture"},
		"a locale that is none":             {map[string]any{"locale": "en_GB"}, 422, "body.locale"},
		"a line break in the name":          {map[string]any{"name": "New\r\nBcc: x@y.example"}, 422, "body.name"},
		"a short password":                  {map[string]any{"password": "short"}, 422, "body.password"},
		"the address as password":           {map[string]any{"password": "new@acme.example"}, 422, "body.password"},
		"no hash":                           {map[string]any{"password_hash": "plaintext-it-is"}, 422, "body.password_hash"},
		"a password and a hash":             {map[string]any{"password": "correct horse battery staple", "password_hash": "$2b$10$x"}, 422, "body.password_hash"},
		"an unknown tenant":                 {map[string]any{"memberships": []any{map[string]any{"tenant": "acme"}, map[string]any{"tenant": "nowhere"}}}, 422, "body.memberships[1].tenant"},
		"a tenant twice":                    {map[string]any{"memberships": []any{map[string]any{"tenant": "acme"}, map[string]any{"tenant": "acme"}}}, 422, "body.memberships[1].tenant"},
		"an unknown role":                   {map[string]any{"memberships": []any{map[string]any{"tenant": "acme", "roles": []string{"clerk", "viewer"}}}}, 422, "body.memberships[0].roles[1]"},
		"attributes beyond what tokens can": {map[string]any{"memberships": []any{map[string]any{"tenant": "acme", "attributes": map[string]any{"x": strings.Repeat("x", 5000)}}}}, 422, "body.memberships[0].attributes"},
	} {
		body := map[string]any{"email": "new@acme.example"}
		for k, v := range c.change {
			body[k] = v
		}
		fault(t, what, a.Admin(t, opal, http.MethodPost, "/users", body), c.status, c.where)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/users?email=new@acme.example", nil); len(column(got, "id")) != 0 {
		t.Errorf("half of an account is left: %s", got.Raw)
	}
}

func TestAnEditOfAnAccountIsConditionalAndRecallsWhomItDisables(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	path := "/users/" + userID(t, a, opal, apptest.Grace)
	token := tokensOf(t, a, apptest.Grace, apptest.Password, "acme")
	edit := func(body map[string]any, headers ...string) apptest.Answer {
		return a.Admin(t, opal, http.MethodPatch, path, body, headers...)
	}
	if got := edit(map[string]any{"name": "Amazing Grace"}); got.Status != http.StatusPreconditionRequired {
		t.Errorf("no version: %d", got.Status)
	}
	if got := edit(map[string]any{"name": "Amazing Grace"}, `If-Match: "1"`); got.Status != http.StatusOK || got.Header.Get("ETag") != `"2"` || got.Text("name") != "Amazing Grace" || got.Text("email") != apptest.Grace {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := edit(map[string]any{"name": "Other"}, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", got.Status)
	}
	fault(t, "an address that is taken", edit(map[string]any{"email": apptest.Ada}, "If-Match: *"), http.StatusConflict, "body.email")
	if got := edit(map[string]any{"email": "grace@hopper.example"}, "If-Match: *"); got.Status != http.StatusOK || got.JSON["email_verified"] != false {
		t.Errorf("another address: %d %s", got.Status, got.Raw)
	}
	live := func() any {
		return a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api")).JSON["active"]
	}
	if live() != true {
		t.Fatal("the token should be live")
	}
	if got := edit(map[string]any{"disabled": true}, "If-Match: *"); got.Status != http.StatusOK || got.Text("disabled_at") == "" {
		t.Errorf("disabling: %d %s", got.Status, got.Raw)
	}
	if live() != false {
		t.Error("a token of somebody disabled is live")
	}
	if got := edit(map[string]any{"disabled": false, "password": "another fine passphrase"}, "If-Match: *"); got.Status != http.StatusOK || strings.Contains(got.Raw, "disabled_at") {
		t.Errorf("enabling: %d %s", got.Status, got.Raw)
	}
	token = tokensOf(t, a, "grace@hopper.example", "another fine passphrase", "acme")
	if live() != true {
		t.Error("a new token is not live")
	}
	if got := a.Admin(t, opal, http.MethodDelete, path, nil, `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("deleting another version: %d", got.Status)
	}
	if got := a.Admin(t, opal, http.MethodDelete, path, nil); got.Status != http.StatusNoContent {
		t.Errorf("deleting: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, path, nil); got.Status != http.StatusNotFound || live() != false {
		t.Errorf("afterwards: %d %s", got.Status, got.Raw)
	}
	last := "/users/" + userID(t, a, opal, apptest.Ada)
	for _, got := range []apptest.Answer{
		a.Admin(t, opal, http.MethodDelete, last, nil), a.Admin(t, opal, http.MethodPatch, last, map[string]any{"disabled": true}, "If-Match: *"),
	} {
		if got.Status != http.StatusConflict || !strings.Contains(got.Raw, "administrator") {
			t.Errorf("the last administrator of acme: %d %s", got.Status, got.Raw)
		}
	}
}

func TestTenantAdministratorsReadTheAccountsOfTheirMembersAndChangeNone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	grace, greta := userID(t, a, opal, apptest.Grace), userID(t, a, opal, apptest.Greta)
	list := a.Admin(t, ada, http.MethodGet, "/users", nil)
	if got := column(list, "email"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{apptest.Ada, apptest.Grace}) {
		t.Errorf("list: %v", got)
	}
	unknown := a.Admin(t, ada, http.MethodGet, "/users/usr_01h2xcejqtf2nbrexx3vqjhp41", nil)
	for _, path := range []string{"/users/" + greta, "/users/" + greta + "/memberships", "/users/nonsense", "/users/" + userID(t, a, opal, apptest.Opal)} {
		if got := a.Admin(t, ada, http.MethodGet, path, nil); got.Status != http.StatusNotFound || got.Raw != unknown.Raw {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	for _, query := range []string{"?email=" + apptest.Greta, "?email_prefix=greta", "?email=nobody@nowhere.example", "?email_prefix=nobody@nowhere"} {
		if got := a.Admin(t, ada, http.MethodGet, "/users"+query, nil); got.Status != http.StatusOK || got.Raw != "{\"items\":[]}\n" {
			t.Errorf("%s: %d %s", query, got.Status, got.Raw)
		}
	}
	nowhere := a.Admin(t, ada, http.MethodGet, "/users?tenant=nowhere", nil)
	if got := a.Admin(t, ada, http.MethodGet, "/users?tenant=globex", nil); got.Status != http.StatusNotFound || got.Raw != nowhere.Raw {
		t.Errorf("of globex: %d %s", got.Status, got.Raw)
	}
	for user, status := range map[string]int{grace: http.StatusForbidden, greta: http.StatusNotFound} {
		if got := a.Admin(t, ada, http.MethodPatch, "/users/"+user, map[string]any{"name": "Mine"}, "If-Match: *"); got.Status != status {
			t.Errorf("editing: %d, want %d", got.Status, status)
		}
		if got := a.Admin(t, ada, http.MethodDelete, "/users/"+user, nil); got.Status != status {
			t.Errorf("deleting: %d, want %d", got.Status, status)
		}
	}
	if got := a.Admin(t, ada, http.MethodPost, "/users", map[string]any{"email": "new@acme.example"}); got.Status != http.StatusForbidden {
		t.Errorf("creating: %d", got.Status)
	}
}

func TestAccountsAreListedInPagesWhateverTheFilter(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for n := range 5 {
		done(t, a.Admin(t, opal, http.MethodPost, "/users", map[string]any{"email": fmt.Sprintf("page%d@acme.example", n), "memberships": []any{map[string]any{"tenant": "globex"}}}))
	}
	for query, want := range map[string]int{"": 11, "email_prefix=Page": 5, "tenant=globex": 8, "tenant=globex&email_prefix=page": 5, "tenant=globex&email=page3@acme.example": 1, "tenant=acme&email=page3@acme.example": 0} {
		var got []string
		cursor := ""
		for {
			p := a.Admin(t, opal, http.MethodGet, "/users?limit=2&"+query+"&cursor="+cursor, nil)
			if p.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", query, p.Status, p.Raw)
			}
			got = append(got, column(p, "id")...)
			if cursor = p.Text("next_cursor"); cursor == "" {
				break
			}
		}
		if slices.Sort(got); len(got) != want || len(slices.Compact(got)) != want {
			t.Errorf("%q: %d accounts, want %d", query, len(got), want)
		}
	}
	for _, query := range []string{"email=nonsense", "email=a@b.example&email_prefix=a", "email_prefix=%00", "name=x"} {
		if got := a.Admin(t, opal, http.MethodGet, "/users?"+query, nil); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", query, got.Status, got.Raw)
		}
	}
}

// machines are one of the installation and one of acme, each with more scopes than count there.
func machines() installation.Installation {
	machine := func(id client.ID, scopes ...string) client.Client {
		return client.Client{
			ID: id, Name: string(id), AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantClientCredentials}, Scopes: scopes,
			Audiences: []string{"urn:signet:admin"}, Secrets: []client.Secret{{Hash: apptest.Secret.Hash()}},
		}
	}
	return installation.Installation{
		Tenants: []installation.Tenant{{Slug: "initech", Name: "Initech"}},
		Clients: []installation.Client{
			{Client: machine("robot", "installation:manage")},
			{Client: machine("robot-reader", "installation:read")},
			{Client: machine("robot-of-initech", "tenant:manage"), OwnerTenant: "initech"},
		},
	}
}

func machineToken(t *testing.T, a *apptest.App, id string) string {
	t.Helper()
	out := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {"urn:signet:admin"}}, apptest.Basic(id))
	if out.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", id, out.Status, out.Raw)
	}
	return out.Text("access_token")
}

func TestAMachineAdministersWhatItsScopesSay(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithInstallation(machines()))
	robot, reader, tenant := machineToken(t, a, "robot"), machineToken(t, a, "robot-reader"), machineToken(t, a, "robot-of-initech")
	person := map[string]any{"email": "new@initech.example", "memberships": []any{map[string]any{"tenant": "initech"}}}
	for who, c := range map[string]struct {
		token  string
		status int
	}{"robot-of-initech": {tenant, http.StatusForbidden}, "reader": {reader, http.StatusForbidden}} {
		if got := a.Admin(t, c.token, http.MethodPost, "/users", person); got.Status != c.status {
			t.Errorf("%s: %d %s", who, got.Status, got.Raw)
		}
	}
	made := a.Admin(t, robot, http.MethodPost, "/users", person)
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	member := "/tenants/initech/members/" + made.Text("id")
	if got := a.Admin(t, tenant, http.MethodPatch, member, map[string]any{"roles": []string{"member"}}, "If-Match: *"); got.Status != http.StatusOK {
		t.Errorf("its own tenant: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, tenant, http.MethodGet, "/tenants/acme/members", nil); got.Status != http.StatusNotFound {
		t.Errorf("another tenant: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, reader, http.MethodGet, "/tenants/acme/members", nil); got.Status != http.StatusOK {
		t.Errorf("who reads everything: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, reader, http.MethodDelete, member, nil); got.Status != http.StatusForbidden {
		t.Errorf("who only reads: %d %s", got.Status, got.Raw)
	}
	me := a.Admin(t, tenant, http.MethodGet, "/me", nil)
	if me.Status != http.StatusOK || me.Text("client_id") != "robot-of-initech" || me.JSON["installation"] != false || me.JSON["user"] != nil || me.JSON["tenant"].(map[string]any)["slug"] != "initech" {
		t.Errorf("me: %d %s", me.Status, me.Raw)
	}
	if me := a.Admin(t, robot, http.MethodGet, "/me", nil); me.Status != http.StatusOK || me.JSON["installation"] != true || me.JSON["tenant"] != nil {
		t.Errorf("me: %d %s", me.Status, me.Raw)
	}
	me = a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodGet, "/me", nil)
	if me.Status != http.StatusOK || me.JSON["user"].(map[string]any)["email"] != apptest.Ada || fmt.Sprint(me.JSON["permissions"]) != "[audit:read tenant:manage tenant:read]" {
		t.Errorf("me: %d %s", me.Status, me.Raw)
	}
}

// A rule that came later than a value, or an import that went around it, would keep everybody from
// disabling the account.
func TestWhatWasNotEditedKeepsNobodyFromEditingTheRest(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	grace := "/users/" + a.Admin(t, opal, http.MethodGet, "/users?email="+apptest.Grace, nil).JSON["items"].([]any)[0].(map[string]any)["id"].(string)
	exec(t, a, "UPDATE user_account SET email = 'Grace at acme', name = E'Gr\na', locale = '?', picture = 'ftp://x' WHERE email = $1", apptest.Grace)
	for _, body := range []map[string]any{{"given_name": "Grace"}, {"disabled": true}, {"name": "Grace"}, {"disabled": false, "locale": "en"}} {
		if out := a.Admin(t, opal, http.MethodPatch, grace, body, "If-Match: *"); out.Status != http.StatusOK {
			t.Errorf("%v: %d %s", body, out.Status, out.Raw)
		}
	}
	out := a.Admin(t, opal, http.MethodPatch, grace, map[string]any{"locale": "??", "family_name": "Hop\nper"}, "If-Match: *")
	if out.Status != http.StatusUnprocessableEntity || !strings.Contains(out.Raw, `"body.locale"`) || !strings.Contains(out.Raw, `"body.family_name"`) || strings.Contains(out.Raw, "picture") {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	if l := a.Admin(t, opal, http.MethodGet, "/users?email="+apptest.Grace, nil).JSON["items"].([]any); len(l) != 1 {
		t.Error("the account is not found by its address any more")
	}
	if out := a.Admin(t, opal, http.MethodPatch, grace, map[string]any{"email": "grace@elsewhere.example"}, "If-Match: *"); out.Status != http.StatusOK {
		t.Errorf("another address: %d %s", out.Status, out.Raw)
	}
	if l := a.Admin(t, opal, http.MethodGet, "/users?email=grace@elsewhere.example", nil).JSON["items"].([]any); len(l) != 1 {
		t.Error("the account is not found by its new address")
	}
}
