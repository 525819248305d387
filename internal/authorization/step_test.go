package authorization_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

var (
	arrival = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ada     = id.UserFromUUID([16]byte{1})
	eve     = id.UserFromUUID([16]byte{2})
	acme    = directory.Tenant{ID: id.TenantFromUUID([16]byte{3}), Slug: "acme", Name: "Acme"}
	globex  = directory.Tenant{ID: id.TenantFromUUID([16]byte{4}), Slug: "globex", Name: "Globex"}
	other   = directory.Tenant{ID: id.TenantFromUUID([16]byte{5}), Slug: "other", Name: "Other"}
	signet  = directory.Tenant{ID: id.TenantFromUUID([16]byte{8}), Slug: admin.InstallationTenant, Name: "Signet administration"}
	strict  = directory.Tenant{ID: id.TenantFromUUID([16]byte{9}), Slug: "strict", Name: "Strict", OnlyConnectors: true}
	sealed  = directory.Tenant{ID: id.TenantFromUUID([16]byte{10}), Slug: "sealed", Name: "Sealed", OnlyConnectors: true}
	here    = id.SessionFromUUID([16]byte{6})
	there   = id.SessionFromUUID([16]byte{7})
)

func member(tenants ...directory.Tenant) (out []directory.Membership) {
	for _, t := range tenants {
		out = append(out, directory.Membership{Tenant: t, Roles: []string{"r"}})
	}
	return out
}

// signedIn is Ada's session here that began so long after the request.
func signedIn(after time.Duration) *session.Session {
	s := session.New(ada, arrival.Add(after), session.Lifetimes{Idle: 2 * time.Hour, Absolute: 8 * time.Hour})
	s.ID = here
	return &s
}

// through is signedIn, through a connector whose people belong to the tenant.
func through(after time.Duration, t directory.Tenant) *session.Session {
	s := signedIn(after)
	s.Through = session.Upstream{Connector: id.ConnectorFromUUID([16]byte{11}), Identity: id.IdentityFromUUID([16]byte{12}), Tenant: t.ID}
	return s
}

// confined is through, in a session that opens nothing else; of no tenant when the connector is gone.
func confined(t directory.Tenant) *session.Session {
	s := through(-time.Minute, t)
	s.Through.Confined = true
	return s
}

func TestTheNextStepFollowsFromTheRequestAndTheFacts(t *testing.T) {
	t.Parallel()
	type (
		request = authorization.Request
		facts   = authorization.Facts
	)
	const before, after = -time.Minute, time.Second
	first := client.Client{SkipConsent: true}
	asks := client.Client{}
	administers := client.Client{SkipConsent: true, Audiences: []string{admin.Audience}}
	acmes := client.Client{SkipConsent: true, Tenant: acme.ID}
	prompt := func(v ...string) request { return request{Prompt: v, MaxAge: -1} }
	plain := prompt()
	for _, c := range []struct {
		name     string
		req      request
		facts    facts
		allowed  []string // scopes remembered by consent
		want     authorization.Step
		fails    string // error code
		tenant   directory.Tenant
		scopes   []string
		nchoices int
		through  directory.Tenant
		confined bool
	}{
		{name: "nobody is signed in", req: plain, facts: facts{Client: first}, want: authorization.SignIn},
		{name: "nobody is signed in, prompt=none", req: prompt("none"), facts: facts{Client: first}, fails: "login_required"},
		{name: "the session has expired", req: plain, facts: facts{Client: first, Session: signedIn(-3 * time.Hour), Memberships: member(acme)}, want: authorization.SignIn},
		{name: "the session has expired, prompt=none", req: prompt("none"), facts: facts{Client: first, Session: signedIn(-3 * time.Hour), Memberships: member(acme)}, fails: "login_required"},
		{name: "signed in, one tenant, first party", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "the same with prompt=none", req: prompt("none"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Done, tenant: acme},

		{name: "prompt=login, signed in before", req: prompt("login"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SignIn},
		{name: "prompt=login, signed in for it", req: prompt("login"), facts: facts{Client: first, Session: signedIn(after), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "prompt=login, signed in at the instant", req: prompt("login"), facts: facts{Client: first, Session: signedIn(0), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "max_age met", req: request{MaxAge: 120}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "max_age passed", req: request{MaxAge: 30}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SignIn},
		{name: "max_age passed, prompt=none", req: request{MaxAge: 30, Prompt: []string{"none"}}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, fails: "login_required"},
		{name: "max_age=0, signed in before", req: request{}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SignIn},
		{name: "max_age=0, signed in for it", req: request{}, facts: facts{Client: first, Session: signedIn(after), Memberships: member(acme)}, want: authorization.Done, tenant: acme},

		{name: "the hint names who is signed in", req: request{MaxAge: -1, HintedUser: ada}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "the hint names somebody else", req: request{MaxAge: -1, HintedUser: eve}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SignIn},
		{name: "the hint names somebody else, prompt=none", req: request{MaxAge: -1, HintedUser: eve, Prompt: []string{"none"}}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, fails: "login_required"},
		{name: "the hint names somebody else, who signed in for it", req: request{MaxAge: -1, HintedUser: eve}, facts: facts{Client: first, Session: signedIn(after), Memberships: member(acme)}, want: authorization.SignIn},

		{name: "prompt=select_account, signed in before", req: prompt("select_account"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SelectAccount},
		{name: "prompt=select_account, signed in for it", req: prompt("select_account"), facts: facts{Client: first, Session: signedIn(after), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "prompt=select_account, answered here", req: prompt("select_account").WithAccount(here), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "prompt=select_account, answered in another session", req: prompt("select_account").WithAccount(there), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SelectAccount},
		{name: "prompt=login select_account, signed in before", req: prompt("login", "select_account"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.SignIn},

		{name: "no membership", req: plain, facts: facts{Client: first, Session: signedIn(before)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "no membership, prompt=none", req: prompt("none"), facts: facts{Client: first, Session: signedIn(before)}, want: authorization.Fail, fails: "access_denied"},
		{name: "the administration is no choice in an application", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, signet)}, want: authorization.Done, tenant: acme},
		{name: "the administration alone, in an application", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(signet)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "the administration, asked for by name", req: request{MaxAge: -1, Organization: "signet"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, signet)}, want: authorization.Done, tenant: signet},
		{name: "the administration in its own client", req: plain, facts: facts{Client: administers, Session: signedIn(before), Memberships: member(acme, signet)}, want: authorization.PickTenant, nchoices: 2},
		{name: "two memberships", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.PickTenant, nchoices: 2},
		{name: "two memberships, prompt=none", req: prompt("none"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, fails: "interaction_required"},
		{name: "two memberships, picked here", req: plain.WithTenant(here, globex.ID), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.Done, tenant: globex},
		{name: "two memberships, picked in another session", req: plain.WithTenant(there, globex.ID), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.PickTenant, nchoices: 2},
		{name: "picked one that is no longer theirs", req: plain.WithTenant(here, other.ID), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "organization by slug", req: request{MaxAge: -1, Organization: "globex"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.Done, tenant: globex},
		{name: "organization by identifier", req: request{MaxAge: -1, Organization: globex.ID.String()}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.Done, tenant: globex},
		{name: "organization by display name", req: request{MaxAge: -1, Organization: "Globex"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "organization of others", req: request{MaxAge: -1, Organization: "other"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "organization, picked another", req: request{MaxAge: -1, Organization: "acme"}.WithTenant(here, globex.ID), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "a tenant's client and a member", req: plain, facts: facts{Client: acmes, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.Done, tenant: acme},
		{name: "a tenant's client and no member", req: plain, facts: facts{Client: acmes, Session: signedIn(before), Memberships: member(globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "a tenant's client, organization of another", req: request{MaxAge: -1, Organization: "globex"}, facts: facts{Client: acmes, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "a tenant's client, picked another", req: plain.WithTenant(here, globex.ID), facts: facts{Client: acmes, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.NotMember, fails: "access_denied"},

		{name: "third party, nothing remembered", req: request{MaxAge: -1, Scopes: []string{"a", "b"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Consent, tenant: acme, scopes: []string{"a", "b"}},
		{name: "third party, one scope remembered", req: request{MaxAge: -1, Scopes: []string{"a", "b"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"a"}, want: authorization.Consent, tenant: acme, scopes: []string{"b"}},
		{name: "third party, all remembered", req: request{MaxAge: -1, Scopes: []string{"a", "b"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"b", "a", "c"}, want: authorization.Done, tenant: acme},
		{name: "third party, nothing remembered, prompt=none", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"none"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, fails: "consent_required"},
		{name: "third party, all remembered, prompt=none", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"none"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"a"}, want: authorization.Done, tenant: acme},
		{name: "third party, all remembered, prompt=consent", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"consent"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"a"}, want: authorization.Consent, tenant: acme},
		{name: "third party, prompt=consent, answered here", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"consent"}}.WithConsent(here), facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"a"}, want: authorization.Done, tenant: acme},
		{name: "third party, prompt=consent, answered in another session", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"consent"}}.WithConsent(there), facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme)}, allowed: []string{"a"}, want: authorization.Consent, tenant: acme},
		{name: "first party, prompt=consent", req: request{MaxAge: -1, Scopes: []string{"a"}, Prompt: []string{"consent"}}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme)}, want: authorization.Consent, tenant: acme, scopes: []string{"a"}},
		{name: "third party, two tenants: the tenant comes first", req: request{MaxAge: -1, Scopes: []string{"a"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(acme, globex)}, want: authorization.PickTenant, nchoices: 2},

		{name: "only through its connectors, signed in by a password", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(strict)}, want: authorization.SignIn, through: strict},
		{name: "the same with prompt=none", req: prompt("none"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(strict)}, fails: "login_required"},
		{name: "only through its connectors, signed in by a password for this very request", req: prompt("login"), facts: facts{Client: first, Session: signedIn(after), Memberships: member(strict)}, want: authorization.SignIn, through: strict},
		{name: "only through its connectors, and so it was", req: plain, facts: facts{Client: first, Session: through(before, strict), Memberships: member(strict)}, want: authorization.Done, tenant: strict},
		{name: "only through its connectors, and so it was, prompt=none", req: prompt("none"), facts: facts{Client: first, Session: through(before, strict), Memberships: member(strict)}, want: authorization.Done, tenant: strict},
		{name: "only through its connectors, and so it was, but prompt=login", req: prompt("login"), facts: facts{Client: first, Session: through(before, strict), Memberships: member(strict)}, want: authorization.SignIn},
		{name: "only through its connectors, and so it was, but too long ago", req: request{MaxAge: 30}, facts: facts{Client: first, Session: through(before, strict), Memberships: member(strict)}, want: authorization.SignIn},
		{name: "only through its connectors, signed in through another tenant's", req: plain, facts: facts{Client: first, Session: through(before, sealed), Memberships: member(strict)}, want: authorization.SignIn, through: strict},
		{name: "only through its connectors, signed in through one of no tenant", req: plain, facts: facts{Client: first, Session: through(before, directory.Tenant{}), Memberships: member(strict)}, want: authorization.SignIn, through: strict},
		{name: "only through its connectors, and no member", req: plain, facts: facts{Client: first, Session: through(before, strict)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "only through its connectors, a client of its own", req: plain, facts: facts{Client: client.Client{SkipConsent: true, Tenant: strict.ID}, Session: signedIn(before), Memberships: member(acme, strict)}, want: authorization.SignIn, through: strict},
		{name: "another tenant is entered with any sign-in", req: request{MaxAge: -1, Organization: "acme"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, strict)}, want: authorization.Done, tenant: acme},
		{name: "another tenant is entered through a connector too", req: request{MaxAge: -1, Organization: "acme"}, facts: facts{Client: first, Session: through(before, strict), Memberships: member(acme, strict)}, want: authorization.Done, tenant: acme},
		{name: "the pick holds all tenants, however they are entered", req: plain, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, sealed, strict)}, want: authorization.PickTenant, nchoices: 3},
		{name: "the pick holds all tenants after a sign-in through one", req: plain, facts: facts{Client: first, Session: through(before, strict), Memberships: member(acme, strict)}, want: authorization.PickTenant, nchoices: 2},
		{name: "picked one that is entered through its connectors", req: plain.WithTenant(here, strict.ID), facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, strict)}, want: authorization.SignIn, through: strict},
		{name: "picked it, and signed in through one then", req: plain.WithTenant(here, strict.ID), facts: facts{Client: first, Session: through(after, strict), Memberships: member(acme, strict)}, want: authorization.Done, tenant: strict},
		{name: "picked another than the one signed in through", req: plain.WithTenant(here, sealed.ID), facts: facts{Client: first, Session: through(after, strict), Memberships: member(sealed, strict)}, want: authorization.SignIn, through: sealed},
		{name: "asked for one that is entered through its connectors", req: request{MaxAge: -1, Organization: "strict"}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, strict)}, want: authorization.SignIn, through: strict},
		{name: "asked for it, prompt=none", req: request{MaxAge: -1, Organization: "strict", Prompt: []string{"none"}}, facts: facts{Client: first, Session: signedIn(before), Memberships: member(acme, strict)}, fails: "login_required"},
		{name: "only through its connectors: consent comes after", req: request{MaxAge: -1, Scopes: []string{"a"}}, facts: facts{Client: asks, Session: signedIn(before), Memberships: member(strict)}, want: authorization.SignIn, through: strict},
		{name: "only through its connectors: the account comes before", req: prompt("select_account"), facts: facts{Client: first, Session: signedIn(before), Memberships: member(strict)}, want: authorization.SelectAccount},

		{name: "confined, there", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(acme)}, want: authorization.Done, tenant: acme},
		{name: "confined, several: there", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(globex, acme, other)}, want: authorization.Done, tenant: acme},
		{name: "confined, several, prompt=none: there", req: prompt("none"), facts: facts{Client: first, Session: confined(acme), Memberships: member(globex, acme)}, want: authorization.Done, tenant: acme},
		{name: "confined, elsewhere alone", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(globex)}, want: authorization.SignIn, confined: true},
		{name: "confined, several elsewhere", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(globex, other)}, want: authorization.SignIn, confined: true},
		{name: "confined, elsewhere, prompt=none", req: prompt("none"), facts: facts{Client: first, Session: confined(acme), Memberships: member(globex)}, fails: "login_required"},
		{name: "confined, asked for another", req: request{MaxAge: -1, Organization: "globex"}, facts: facts{Client: first, Session: confined(acme), Memberships: member(acme, globex)}, want: authorization.SignIn, confined: true},
		{name: "confined, asked for another, prompt=none", req: request{MaxAge: -1, Organization: "globex", Prompt: []string{"none"}}, facts: facts{Client: first, Session: confined(acme), Memberships: member(acme, globex)}, fails: "login_required"},
		{name: "confined, asked for one that they do not belong to", req: request{MaxAge: -1, Organization: "globex"}, facts: facts{Client: first, Session: confined(acme), Memberships: member(acme)}, want: authorization.NotMember, fails: "access_denied"},
		{name: "confined, picked another before", req: plain.WithTenant(here, globex.ID), facts: facts{Client: first, Session: confined(acme), Memberships: member(acme, globex)}, want: authorization.SignIn, confined: true},
		{name: "confined, another tenant's client", req: plain, facts: facts{Client: acmes, Session: confined(globex), Memberships: member(acme, globex)}, want: authorization.SignIn, confined: true},
		{name: "confined, the administration", req: request{MaxAge: -1, Organization: "signet"}, facts: facts{Client: administers, Session: confined(acme), Memberships: member(acme, signet)}, want: authorization.SignIn, confined: true},
		{name: "confined, the administration's client", req: plain, facts: facts{Client: administers, Session: confined(acme), Memberships: member(acme, signet)}, want: authorization.Done, tenant: acme},
		{name: "confined, into one of only its connectors", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(strict)}, want: authorization.SignIn, through: strict, confined: true},
		{name: "confined, into several of only their connectors", req: plain, facts: facts{Client: first, Session: confined(acme), Memberships: member(strict, sealed)}, want: authorization.SignIn, confined: true},
		{name: "confined, to one of only its connectors", req: plain, facts: facts{Client: first, Session: confined(strict), Memberships: member(acme, strict)}, want: authorization.Done, tenant: strict},
		{name: "confined to nothing", req: plain, facts: facts{Client: first, Session: confined(directory.Tenant{}), Memberships: member(acme, globex)}, want: authorization.SignIn, confined: true},
		{name: "confined to nothing, a member of nothing", req: plain, facts: facts{Client: first, Session: confined(directory.Tenant{})}, want: authorization.NotMember, fails: "access_denied"},
		{name: "confined: consent is for there", req: request{MaxAge: -1, Scopes: []string{"a"}}, facts: facts{Client: asks, Session: confined(acme), Memberships: member(acme, globex)}, want: authorization.Consent, tenant: acme, scopes: []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.req.ArrivedAt, c.facts.Now = arrival, arrival.Add(2*time.Second)
			memberships := slices.Clone(c.facts.Memberships)
			c.facts.Consented = func(tenant id.Tenant) ([]string, error) {
				if tenant != acme.ID && tenant != globex.ID {
					t.Errorf("asked for consent in %v", tenant)
				}
				return c.allowed, nil
			}
			d, err := c.req.Next(c.facts)
			if err != nil {
				t.Fatal(err)
			}
			if c.fails != "" && c.want != authorization.NotMember {
				c.want = authorization.Fail
			}
			if d.Step != c.want || d.Failure.Code != c.fails || d.Tenant.ID != c.tenant.ID || len(d.Choices) != c.nchoices || d.Through.ID != c.through.ID || d.Confined != c.confined || !slices.Equal(d.Scopes, c.scopes) {
				t.Errorf("%+v", d)
			}
			shows := d.Step != authorization.Done && d.Step != authorization.Fail
			if shows && c.req.Prompts(authorization.PromptNone) {
				t.Error("prompt=none showed a page")
			}
			if !slices.EqualFunc(memberships, c.facts.Memberships, func(a, b directory.Membership) bool { return a.Tenant.ID == b.Tenant.ID }) {
				t.Error("the caller's memberships were changed")
			}
		})
	}
}

func TestADecisionThatCannotReadTheConsentIsNone(t *testing.T) {
	t.Parallel()
	broken := errors.New("database is down")
	r := authorization.Request{MaxAge: -1, ArrivedAt: arrival, Scopes: []string{"a"}}
	d, err := r.Next(authorization.Facts{
		Now: arrival, Session: signedIn(-time.Minute), Memberships: member(acme),
		Consented: func(id.Tenant) ([]string, error) { return nil, broken },
	})
	if !errors.Is(err, broken) || d.Step == authorization.Done {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestWhatIsSettledInOneSessionIsForgottenWithTheNext(t *testing.T) {
	t.Parallel()
	r := authorization.Request{}.WithAccount(there).WithTenant(there, acme.ID).WithConsent(there)
	if r.Settled != (authorization.Settled{Session: there, Account: true, Tenant: acme.ID, Consented: true}) {
		t.Fatalf("%+v", r.Settled)
	}
	if r = r.WithAccount(here); r.Settled != (authorization.Settled{Session: here, Account: true}) {
		t.Errorf("%+v", r.Settled)
	}
}

func TestAFailureNamesItsCode(t *testing.T) {
	t.Parallel()
	if s := (authorization.Failure{Code: "access_denied", Description: "no"}).Error(); !strings.HasPrefix(s, "access_denied") {
		t.Error(s)
	}
}
