package interaction_test

import (
	"context"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/secret"
)

// confines has globex run a provider that Ada has linked.
func (f *federation) confines(t *testing.T) connector.Connector {
	t.Helper()
	c := f.connector(t, "globex", "okta", "Okta")
	f.link(t, "ada@acme.example", c, "ada")
	f.provider.says(func(p *provider) {
		p.profile = connector.Profile{Issuer: c.Issuer, Subject: "ada@" + c.Reference, Login: "ada"}
	})
	return c
}

func TestNobodyIsSentBackToAProviderThatConfines(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.confines(t)
	b := f.browser(t)
	req := f.asks(func(r *authorization.Request) { r.Organization, r.Connector = "acme", "globex.okta" })
	b.back("globex.okta", b.away(b.open(req))).want(http.StatusOK, "Sign in another way")
	b.open(req).want(http.StatusOK, "Sign in another way") // without a word that says where they come from
	if n := f.provider.attempts(); n != 1 {
		t.Errorf("sent there %d times", n)
	}
}

func TestALinkIsNotFinishedInAConfinedSession(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.confines(t)
	b, _ := f.signedIn(t, "ada@acme.example")
	away := b.away(connecting(b, "google"))
	// Meanwhile, in another tab, she comes through the other provider.
	organization := f.asks(func(r *authorization.Request) { r.Organization, r.Prompt = "globex", []string{"login"} })
	b.back("globex.okta", b.press(b.open(organization), "globex.okta"))
	f.provider.says(func(p *provider) { p.profile = stranger() })
	b.back("google", away)
	if n := f.identities(t, "ada@acme.example"); len(n) != 1 {
		t.Errorf("%d identities", len(n))
	}
}

func TestWhoLinksAnOrganizationsProviderIsToldWhatItOpens(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	c := f.claim(t, "globex", "acme.example")
	f.provider.says(func(p *provider) { p.profile = as("bob@acme.example"); p.profile.Issuer = c.Issuer })
	confirm := func() page {
		b := f.browser(t)
		p := b.back(c.Reference, b.press(b.open(f.asks(func(r *authorization.Request) { r.Organization = "globex" })), c.Reference))
		link := regexp.MustCompile(`/login\?link=[A-Za-z0-9_-]+`).FindString(p.body)
		return b.signIn(b.get(link), "bob@acme.example", goodPassword)
	}
	confirm().want(http.StatusOK, "gets into this account") // globex owns the domain
	f.exec(t, `UPDATE user_account SET email_verified = false WHERE email = 'bob@acme.example'`)
	confirm().wantSeen("will be able to sign you in to Globex")
}

// offers stands in for the store of invitations.
type offers struct {
	interaction.Invitations
	of map[secret.Hash]invitation.Offer
}

func (o offers) Offer(_ context.Context, token secret.Hash) (invitation.Offer, error) {
	found, ok := o.of[token]
	if !ok {
		return invitation.Offer{}, errdefs.ErrNotFound
	}
	return found, nil
}

// Who comes through a provider that confines them, and whose only tenant takes no passwords, could
// belong nowhere else otherwise.
func TestAPasswordServesToAcceptAnInvitationElsewhere(t *testing.T) {
	t.Parallel()
	made := offers{of: map[secret.Hash]invitation.Offer{}}
	f := newFederation(t, func(c *interaction.Config) { c.Invitations = made })
	f.claim(t, "acme", "unused.example")
	f.close(t, "acme")
	f.close(t, "other")
	for name, c := range map[string]struct {
		email, tenant string
		change        func(*invitation.Offer)
		in            bool
	}{
		"to a tenant that takes passwords":   {"bob@acme.example", "globex", nil, true},
		"of somebody else":                   {"dora@acme.example", "globex", nil, false},
		"to a tenant that takes none":        {"bob@acme.example", "other", nil, false},
		"that has expired":                   {"bob@acme.example", "globex", func(o *invitation.Offer) { o.ExpiresAt = f.now() }, false},
		"of somebody who may not invite":     {"bob@acme.example", "globex", func(o *invitation.Offer) { o.Orphaned = true }, false},
		"to a tenant that is disabled":       {"bob@acme.example", "globex", func(o *invitation.Offer) { o.Tenant.DisabledAt = f.now() }, false},
		"that there is not, of this address": {"bob@acme.example", "", nil, false},
	} {
		token := secret.Generate()
		if c.tenant != "" {
			o := invitation.Offer{Known: true, Tenant: f.tenant(t, c.tenant)}
			o.Email, o.ExpiresAt = c.email, f.now().Add(time.Hour)
			if c.change != nil {
				c.change(&o)
			}
			made.of[token.Hash()] = o
		}
		b := f.browser(t)
		p := b.get("/login?local=1&invitation=" + token.Reveal())
		form := p.formOf("/login")
		form.Set("email", "bob@acme.example")
		form.Set("password", goodPassword)
		p = b.post("/login", form)
		if in := b.cookie("signet") != ""; in != c.in {
			t.Errorf("%s: signed in: %v; %d at %s\n%s", name, in, p.status, p.url, p.body)
		}
	}
}
