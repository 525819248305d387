package app_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestPeopleAddAndRemoveAProviderAndAreToldByMail(t *testing.T) {
	t.Parallel()
	provider := apptest.NewProvider(t)
	a := apptest.Start(t,
		apptest.WithMailbox(apptest.NewMailbox(t)),
		apptest.With("SIGNET_OUTBOUND_ALLOW", "127.0.0.0/8"),
		apptest.With("SIGNET_OIDC_ISSUER", provider.URL), apptest.With("SIGNET_OIDC_CLIENT_ID", provider.ClientID),
		apptest.With("SIGNET_OIDC_CLIENT_SECRET", provider.Secret.Reveal()), apptest.With("SIGNET_OIDC_NAME", "Partner Inc"),
	)
	b := a.Browser(t)
	p := b.SignIn(b.Get(a.URL+"/login"), apptest.Nobody, apptest.Password)
	add := p.Form(t, "/account/identities/connect")
	p = b.Follow(b.Post(add.Action, add.Fields))
	if p.URL.Path != "/account" || !strings.Contains(p.Body, "From now on you can sign in that way, too.") || !strings.Contains(p.Body, "Remove") {
		t.Fatalf("linking ended at %s with %d:\n%s", p.URL, p.Status, p.Body)
	}
	if m := a.Mail(t, apptest.Nobody); m.Subject != "A new way to sign in was added to your account" || !strings.Contains(m.Text, "Partner Inc was added") || m.Link() != a.URL+"/account" {
		t.Errorf("the message: %q\n%s", m.Subject, m.Text)
	}

	// It works, and the name that was given by hand stays: this provider calls the person Jane.
	name := func(b *apptest.Browser) string {
		return b.Get(a.URL+"/account/profile").Form(t, "/account/profile").Fields.Get("name")
	}
	profile := b.Get(a.URL+"/account/profile").Form(t, "/account/profile")
	profile.Fields.Set("name", "Nobody In Particular")
	profile.Fields.Set("given_name", "")
	if p := b.Post(profile.Action, profile.Fields); p.URL.Path != "/account" || !strings.Contains(p.Body, "Your profile is saved.") {
		t.Fatalf("the profile: ended at %s with %d", p.URL, p.Status)
	}
	jane := a.Browser(t)
	through := jane.Get(a.URL+"/login").Form(t, "/upstream/oidc")
	if p := jane.Follow(jane.Post(through.Action, through.Fields)); p.URL.Path != "/account" {
		t.Fatalf("signing in through it ended at %s with %d:\n%s", p.URL, p.Status, p.Body)
	}
	again := jane.Get(a.URL+"/account/profile").Form(t, "/account/profile").Fields
	if name(jane) != "Nobody In Particular" || again.Get("family_name") != "Doe" {
		t.Errorf("after another sign-in: %v", again)
	}

	// Removing it signs out who came through it, and nobody can come that way again.
	page := b.Get(a.URL + "/account")
	_, rest, _ := strings.Cut(page.Body, `href="/account/identities/remove?identity=`)
	identity, _, _ := strings.Cut(rest, `"`)
	remove := b.Get(a.URL+"/account/identities/remove?identity="+url.QueryEscape(identity)).Form(t, "/account/identities/remove")
	if p := b.Post(remove.Action, remove.Fields); p.URL.Path != "/account" || !strings.Contains(p.Body, "It is removed.") {
		t.Fatalf("removing ended at %s with %d:\n%s", p.URL, p.Status, p.Body)
	}
	if m := a.Mail(t, apptest.Nobody); m.Subject != "A way to sign in was removed from your account" || !strings.Contains(m.Text, "Partner Inc was removed") {
		t.Errorf("the message: %q\n%s", m.Subject, m.Text)
	}
	if p := jane.Get(a.URL + "/account"); p.URL.Path != "/login" {
		t.Errorf("who came through it is still at %s", p.URL)
	}
	through = jane.Get(a.URL+"/login").Form(t, "/upstream/oidc")
	if p := jane.Follow(jane.Post(through.Action, through.Fields)); p.URL.Path == "/account" {
		t.Errorf("and got in again: %s", p.URL)
	}
}
