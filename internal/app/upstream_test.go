package app_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// partnered is an application whose settings declare a provider; people who come through it join
// acme.
func partnered(t *testing.T) (*apptest.App, *apptest.Provider) {
	t.Helper()
	op := apptest.NewProvider(t)
	return apptest.Start(t,
		apptest.With("SIGNET_OIDC_ISSUER", op.URL), apptest.With("SIGNET_OIDC_CLIENT_ID", op.ClientID),
		apptest.With("SIGNET_OIDC_CLIENT_SECRET", op.Secret.Reveal()), apptest.With("SIGNET_OIDC_NAME", "Partner"),
		apptest.With("SIGNET_OIDC_SLUG", "partner"), apptest.With("SIGNET_OIDC_JOIN_TENANT", "acme"),
	), op
}

// pressed is where the button of the provider sends the browser.
func pressed(t *testing.T, b *apptest.Browser, p apptest.Page) apptest.Page {
	t.Helper()
	f := p.Form(t, "/upstream/partner")
	return b.Post(f.Action, f.Fields)
}

func TestAPartnerSignsInThroughTheirProviderAndComesBack(t *testing.T) {
	t.Parallel()
	a, op := partnered(t)
	b := a.Browser(t)
	p := b.Follow(pressed(t, b, b.Get(a.AuthorizeURL("spa"))))
	first := a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if first.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", first.Status, first.Raw)
	}
	claims := apptest.Claims(t, first.Text("id_token"))
	if claims["email"] != "jane@partner.example" || claims["acr"] != "urn:signet:acr:upstream" || claims["name"] != "Jane Doe" {
		t.Errorf("claims %v", claims)
	}
	if n := op.Requests("token"); n != 1 || op.Requests("userinfo") != 0 {
		t.Errorf("%d token requests, %d userinfo", n, op.Requests("userinfo"))
	}
	// In another browser it is the same account, and costs one round trip.
	before := op.Requests("")
	other := a.Browser(t)
	p = other.Follow(pressed(t, other, other.Get(a.AuthorizeURL("spa"))))
	again := a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if apptest.Claims(t, again.Text("id_token"))["sub"] != claims["sub"] {
		t.Error("another account")
	}
	if n := op.Requests("") - before; n != 1 {
		t.Errorf("the second sign-in cost %d requests", n)
	}
	res, err := http.Get(a.OpsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`signet_upstream_sign_ins_total{connector="partner",result="success"} 2`, `signet_upstream_request_duration_seconds_count{connector="partner",request="token"} 2`} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("no metric %s", want)
		}
	}
}

func TestAnAccountWithTheSameAddressIsLinkedByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	a, op := partnered(t)
	jane := apptest.Jane()
	jane["email"] = "Grace@Acme.Example"
	op.SignedIn(jane)
	b := a.Browser(t)
	p := b.Follow(pressed(t, b, b.Get(a.AuthorizeURL("spa"))))
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "You have an account already") {
		t.Fatalf("%d at %s:\n%s", p.Status, p.URL, p.Body)
	}
	link := p.URL.String()
	if q := a.Browser(t).Get(link); q.Status != http.StatusGone {
		t.Errorf("another browser got %d", q.Status)
	}
	login := b.Get(a.URL + "/login?" + url.Values{"link": {p.URL.Query().Get("token")}}.Encode())
	p = b.SignIn(login, apptest.Grace, apptest.Password)
	f := p.Form(t, "/login/link")
	p = b.Post(f.Action, f.Fields)
	out := a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	sub := apptest.Claims(t, out.Text("id_token"))["sub"]
	// From now on the provider is enough.
	other := a.Browser(t)
	p = other.Follow(pressed(t, other, other.Get(a.AuthorizeURL("spa"))))
	out = a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	if got := apptest.Claims(t, out.Text("id_token")); got["sub"] != sub || got["email"] != apptest.Grace {
		t.Errorf("%v, linked was %v", got, sub)
	}
}

func TestALogoutTokenOfTheProviderEndsSessionsHere(t *testing.T) {
	t.Parallel()
	a, op := partnered(t)
	b := a.Browser(t)
	b.Follow(pressed(t, b, b.Get(a.AuthorizeURL("spa"))))
	if p := b.Get(a.URL + "/account"); p.Status != http.StatusOK || p.URL.Path != "/account" {
		t.Fatalf("%d at %s", p.Status, p.URL)
	}
	token := op.LogoutToken(nil)
	post := func(token string) apptest.Answer {
		return a.PostForm(t, "/upstream/partner/logout", url.Values{"logout_token": {token}})
	}
	if out := post("rubbish"); out.Status != http.StatusBadRequest || out.Error() != "invalid_request" || out.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	if out := post(strings.Repeat("x", 1<<20)); out.Status != http.StatusRequestEntityTooLarge || out.JSON == nil {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	if out := post(token); out.Status != http.StatusOK || out.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	if p := b.Get(a.URL + "/account"); p.URL.Path != "/login" {
		t.Errorf("still signed in: %s", p.URL)
	}
	if out := post(token); out.Status != http.StatusBadRequest {
		t.Errorf("heeded twice: %d", out.Status)
	}
}
