package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/secret"
)

// partner is an application whose people in acme come from an OpenID Provider of others.
func partner(t *testing.T) (*apptest.App, *provider, connector.Connector) {
	t.Helper()
	a := apptest.Start(t)
	p := newProvider(t, a, "partner")
	p.Start()
	c := p.Connector()
	c.Joins = a.TenantID(t, "acme")
	c.DefaultRoles = []string{"clerk"}
	c.GroupsClaim, c.RoleMappings = "groups", []connector.RoleMapping{{Group: "bosses", Role: "admin"}}
	return a, p, a.AddConnector(t, c, p.secret)
}

// tokensThrough signs somebody in through the provider and returns their tokens.
func tokensThrough(t *testing.T, a *apptest.App, p *provider, at, b *apptest.Browser, login string) apptest.Answer {
	t.Helper()
	away := b.Through("partner", "scope=openid profile email offline_access orders:read")
	if away.Away == nil {
		t.Fatalf("nobody is sent to the provider: %d %s", away.Status, away.Body)
	}
	back := b.Return(p.signIn(at, away.Away, login))
	out := a.PostForm(t, "/token", apptest.RedeemForm("spa", back.Code(t)))
	if out.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", out.Status, out.Raw)
	}
	return out
}

func roles(t *testing.T, tokens apptest.Answer) (out []string) {
	t.Helper()
	list, _ := apptest.Claims(t, tokens.Text("access_token"))["roles"].([]any)
	for _, r := range list {
		out = append(out, r.(string))
	}
	slices.Sort(out)
	return out
}

func jane(changes map[string]any) map[string]map[string]any {
	claims := map[string]any{
		"email": "jane@partner.example", "email_verified": true, "name": "Jane Doe", "given_name": "Jane", "family_name": "Doe",
		"groups": []string{"staff"},
	}
	for name, value := range changes {
		claims[name] = value
	}
	return map[string]map[string]any{"jane": claims}
}

func TestPeopleComeThroughAnOpenIDProviderOfOthers(t *testing.T) {
	t.Parallel()
	a, p, _ := partner(t)
	name := func(tokens apptest.Answer) string {
		out := a.Get(t, "/userinfo", apptest.Bearer(tokens.Text("access_token")))
		return strings.Join([]string{out.Text("name"), out.Text("given_name"), out.Text("family_name"), out.Text("email")}, ", ")
	}

	// Somebody new: an account, a membership, and the tenant's role for those who come.
	p.People(jane(nil))
	at := p.Browser()
	tokens := tokensThrough(t, a, p, at, a.Browser(t), "jane")
	if got := name(tokens); got != "Jane Doe, Jane, Doe, jane@partner.example" {
		t.Errorf("the account says %s", got)
	}
	if got := roles(t, tokens); !slices.Equal(got, []string{"clerk"}) {
		t.Errorf("roles at first: %q", got)
	}
	subject := apptest.Claims(t, tokens.Text("access_token"))["sub"]

	// The second time the names follow, and a group gives a role.
	p.People(jane(map[string]any{"name": "Jane Roe", "family_name": "Roe", "groups": []string{"staff", "bosses"}}))
	tokens = tokensThrough(t, a, p, at, a.Browser(t), "jane")
	if got := name(tokens); got != "Jane Roe, Jane, Roe, jane@partner.example" {
		t.Errorf("the second time the account says %s", got)
	}
	if got := roles(t, tokens); !slices.Equal(got, []string{"admin", "clerk"}) {
		t.Errorf("roles with the group: %q", got)
	}

	// The group is gone, and with it the role, but no other.
	p.People(jane(map[string]any{"groups": []string{}}))
	tokens = tokensThrough(t, a, p, at, a.Browser(t), "jane")
	if got := roles(t, tokens); !slices.Equal(got, []string{"clerk"}) {
		t.Errorf("roles without the group: %q", got)
	}
	if again := apptest.Claims(t, tokens.Text("access_token"))["sub"]; again != subject {
		t.Errorf("it is not the same account: %v, was %v", again, subject)
	}
}

func TestAProviderThatIsRestartedWithNewKeysGoesOnBeingTrusted(t *testing.T) {
	t.Parallel()
	a, p, _ := partner(t)
	p.People(jane(nil))
	first := tokensThrough(t, a, p, p.Browser(), a.Browser(t), "jane")

	// While it is down, its people meet a page that says so; those of others do not notice.
	p.Stop()
	b := a.Browser(t)
	page := b.Through("partner")
	if page.Away != nil { // what is known of the provider is still good
		if page.Away.Host != strings.TrimPrefix(p.issuer, "http://") {
			t.Errorf("sent to %s", page.Away)
		}
	} else if page.Status != http.StatusServiceUnavailable {
		t.Errorf("a provider that is down: %d %s", page.Status, page.Body)
	}
	a.Code(t, "spa", apptest.Grace)

	p.Start()
	second := tokensThrough(t, a, p, p.Browser(), a.Browser(t), "jane")
	if one, two := apptest.Claims(t, first.Text("access_token"))["sub"], apptest.Claims(t, second.Text("access_token"))["sub"]; one != two {
		t.Errorf("%v is now %v", one, two)
	}
}

func TestSigningOutAtTheProviderSignsOutHereOnce(t *testing.T) {
	t.Parallel()
	a, p, c := partner(t)
	p.People(jane(nil))
	signedIn := func(b *apptest.Browser) bool {
		q := b.Get(a.AuthorizeURL("spa", "prompt=none"))
		return q.Away != nil && q.Away.Query().Get("code") != ""
	}
	at, b := p.Browser(), a.Browser(t)
	_ = tokensThrough(t, a, p, at, b, "jane")
	elsewhereAt, elsewhere := p.Browser(), a.Browser(t)
	_ = tokensThrough(t, a, p, elsewhereAt, elsewhere, "jane")
	if !signedIn(b) || !signedIn(elsewhere) {
		t.Fatal("nobody is signed in: this test shows nothing")
	}

	form := at.Get(p.issuer+"/session/end").Form(t, "/session/end/confirm")
	form.Fields.Set("logout", "yes")
	at.Post(form.Action, form.Fields)
	eventually(t, "a logout token", func() bool { return len(p.Logouts()) > 0 })
	eventually(t, "the session here is over", func() bool { return !signedIn(b) })
	if !signedIn(elsewhere) {
		t.Error("the session in another browser, of another session at the provider, is over too")
	}

	// Whoever got hold of the token cannot end the next session with it.
	_ = tokensThrough(t, a, p, at, b, "jane")
	if out := a.PostForm(t, c.LogoutPath(), url.Values{"logout_token": {p.Logouts()[0]}}); out.Status != http.StatusBadRequest {
		t.Errorf("a logout token that was heeded: %d %s", out.Status, out.Raw)
	}
	if !signedIn(b) {
		t.Error("a logout token that was heeded ended another session")
	}
}

// A Signet is an OpenID Provider like any other, for another Signet too.
func TestASignetIsTheProviderOfAnother(t *testing.T) {
	t.Parallel()
	down := apptest.Start(t)
	const email = "pat@partner.example"
	joined := secret.Generate()
	c := connector.Connector{Slug: "partner", Kind: connector.OIDC, Name: "Partner Inc", ClientID: "downstream", Provision: true, Joins: down.TenantID(t, "acme"), DefaultRoles: []string{"clerk"}, Reference: "partner"}
	hash := apptest.Installation(t).Users[0].PasswordHash
	up := apptest.Start(t, apptest.WithInstallation(installation.Installation{
		Tenants: []installation.Tenant{{Slug: "acme", Name: "Acme", Roles: []installation.Role{{Name: "clerk"}}}},
		Users:   []installation.User{{Email: email, EmailVerified: true, Name: "Pat", PasswordHash: hash, Memberships: []installation.Membership{{Tenant: "acme", Roles: []string{"clerk"}}}}},
		Clients: []installation.Client{{Client: client.Client{
			ID: "downstream", Name: "Another Signet", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantAuthorizationCode}, SkipConsent: true,
			RedirectURIs: []string{down.URL + c.CallbackPath()}, Scopes: []string{"openid", "profile", "email"}, Secrets: []client.Secret{{Hash: joined.Hash()}},
		}}},
	}))
	c.Issuer = up.URL
	down.AddConnector(t, c, joined)

	b, at := down.Browser(t), up.Browser(t)
	page := b.Through("partner")
	if page.Away == nil {
		t.Fatalf("nobody is sent to the other: %d %s", page.Status, page.Body)
	}
	back := at.SignIn(at.Get(page.Away.String()), email, apptest.Password)
	if back.Away == nil {
		t.Fatalf("nobody comes back: %d %s", back.Status, back.Body)
	}
	tokens := down.PostForm(t, "/token", apptest.RedeemForm("spa", b.Return(back.Away.String()).Code(t)))
	out := down.Get(t, "/userinfo", apptest.Bearer(tokens.Text("access_token")))
	if out.Text("email") != email || out.Text("name") != "Pat" || !slices.Equal(roles(t, tokens), []string{"clerk"}) {
		t.Errorf("here they are %s, roles %q", out.Raw, roles(t, tokens))
	}
}
