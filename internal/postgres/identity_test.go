package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// enters begins the session of somebody who came through a connector.
func (l *lobby) enters(t *testing.T, out connector.Outcome, c connector.Connector, token, sid string) session.Session {
	t.Helper()
	s := session.New(out.User.ID, time.Now().UTC().Truncate(time.Microsecond), session.Lifetimes{Idle: time.Hour, Absolute: 8 * time.Hour})
	s.ACR, s.AMR = session.ACRUpstream, []string{session.AMRUpstream}
	s.Through = session.Upstream{Connector: c.ID, Identity: out.Identity, SID: sid}
	must(t, l.Sessions().Begin(t.Context(), secret.New(token).Hash(), s))
	return s
}

func (l *lobby) lives(t *testing.T, token string) bool {
	t.Helper()
	_, err := l.Sessions().Find(t.Context(), secret.New(token).Hash())
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		t.Error(err)
	}
	return err == nil
}

func (l *lobby) unlink(t *testing.T, user id.User, i id.Identity, except id.Session) error {
	t.Helper()
	return l.identities().Unlink(t.Context(), user, i, except, keep, mail.Sealed{}, audit.Event{At: time.Now(), Action: audit.IdentityUnlinked})
}

func TestASessionSaysThroughWhichTenantItWasEnteredWhileThatStands(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create)
	began := l.enters(t, out, l.okta, "one", "sid-1")
	through := func() session.Upstream {
		t.Helper()
		s, err := l.Sessions().Find(t.Context(), secret.New("one").Hash())
		must(t, err)
		return s.Through
	}
	want := began.Through
	want.Tenant = l.acme
	if got := through(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Tenant = id.Tenant{}
	for _, change := range []struct{ what, do, undo string }{
		{"disabled", `UPDATE connector SET disabled_at = now() WHERE slug = 'okta'`, `UPDATE connector SET disabled_at = NULL`},
		{"somebody else's identity", `UPDATE identity SET user_id = (SELECT id FROM user_account WHERE name = 'Linus')`, `UPDATE identity SET user_id = (SELECT user_id FROM browser_session WHERE upstream_sid <> '')`},
		{"unlinked", `DELETE FROM identity`, ``},
	} {
		l.exec(t, change.do)
		want.Confined = change.what != "disabled" // whose connector it was is not known
		if got := through(); got != want {
			t.Errorf("%s: %+v", change.what, got)
		}
		if change.undo != "" {
			l.exec(t, change.undo)
			if got := through(); got.Tenant != l.acme {
				t.Errorf("%s, and no longer: %+v", change.what, got)
			}
		}
	}
	if s := began; !errors.Is(l.Sessions().Begin(t.Context(), secret.New("two").Hash(), s), errdefs.ErrConflict) {
		t.Error("a session begins through an identity that is gone")
	}
	notFound(t, "a session is proven anew by an identity that is gone", l.Sessions().Rotate(t.Context(), secret.New("one").Hash(), secret.New("two").Hash(), began))

	// A session of the installation's connector stands for the tenant that its people join, if any; a
	// password makes it one of no connector.
	out = l.arrive(t, comes(l.google, "1", "new@example.com"), connector.Create)
	s := l.enters(t, out, l.google, "three", "")
	got, err := l.Sessions().Find(t.Context(), secret.New("three").Hash())
	must(t, err)
	if !got.Through.Tenant.IsZero() || got.Through.Connector != l.google.ID {
		t.Errorf("%+v", got.Through)
	}
	l.exec(t, `UPDATE connector SET joins_tenant_id = $1 WHERE slug = 'google'`, l.globex.UUID())
	if got, err = l.Sessions().Find(t.Context(), secret.New("three").Hash()); err != nil || got.Through.Tenant != l.globex {
		t.Errorf("%+v, %v", got.Through, err)
	}
	s.Through = session.Upstream{}
	must(t, l.Sessions().Rotate(t.Context(), secret.New("three").Hash(), secret.New("four").Hash(), s))
	if got, err = l.Sessions().Find(t.Context(), secret.New("four").Hash()); err != nil || got.Through != (session.Upstream{}) {
		t.Errorf("%+v, %v", got.Through, err)
	}
}

// Whoever runs a tenant's connector may have its provider say whose sign-in it likes.
func TestASessionThroughATenantsConnectorIsConfinedUnlessTheTenantOwnsTheAddress(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create)
	l.enters(t, out, l.okta, "one", "")
	through := func(token string) session.Upstream {
		t.Helper()
		s, err := l.Sessions().Find(t.Context(), secret.New(token).Hash())
		must(t, err)
		return s.Through
	}
	if through("one").Confined {
		t.Error("an address in a verified domain of the tenant")
	}
	for _, change := range []struct {
		what, do, undo string
		confined       bool
		tenant         id.Tenant
	}{
		{"the domain is not verified", `UPDATE tenant_domain SET verified_at = NULL WHERE domain = 'acme.example'`, `UPDATE tenant_domain SET verified_at = now() WHERE domain = 'acme.example'`, true, l.acme},
		{"the domain is another tenant's", `UPDATE tenant_domain SET tenant_id = (SELECT id FROM tenant WHERE slug = 'globex') WHERE domain = 'acme.example'`, `UPDATE tenant_domain SET tenant_id = (SELECT id FROM tenant WHERE slug = 'acme') WHERE domain = 'acme.example'`, true, l.acme},
		{"the address is not verified", `UPDATE user_account SET email_verified = false`, `UPDATE user_account SET email_verified = true`, true, l.acme},
		{"the address is of a domain below", `UPDATE user_account SET email = 'g@x.acme.example', email_normalized = 'g@x.acme.example' WHERE email LIKE 'grace@%'`, `UPDATE user_account SET email = 'grace@acme.example', email_normalized = 'grace@acme.example' WHERE email LIKE 'g@%'`, true, l.acme},
		{"the connector is disabled", `UPDATE connector SET disabled_at = now() WHERE slug = 'okta'`, ``, false, id.Tenant{}},
		{"and the domain is no longer verified", `UPDATE tenant_domain SET verified_at = NULL WHERE domain = 'acme.example'`, `UPDATE tenant_domain SET verified_at = now() WHERE domain = 'acme.example'`, true, id.Tenant{}},
		{"the identity is unlinked", `DELETE FROM identity`, ``, true, id.Tenant{}},
		{"the connector is gone", `DELETE FROM connector WHERE slug = 'okta'`, ``, true, id.Tenant{}},
	} {
		l.exec(t, change.do)
		if got := through("one"); got.Confined != change.confined || got.Tenant != change.tenant {
			t.Errorf("%s: %+v", change.what, got)
		}
		if change.undo != "" {
			l.exec(t, change.undo)
			if got := through("one"); got.Confined {
				t.Errorf("%s, and no longer: %+v", change.what, got)
			}
		}
	}

	out = l.arrive(t, comes(l.google, "1", "new@example.com"), connector.Create)
	l.enters(t, out, l.google, "two", "")
	l.exec(t, `UPDATE connector SET joins_tenant_id = $1 WHERE slug = 'google'`, l.globex.UUID())
	if got := through("two"); got.Confined || got.Tenant != l.globex {
		t.Errorf("through a connector of the installation: %+v", got)
	}
	l.exec(t, `DELETE FROM connector WHERE slug = 'google'`)
	if got := through("two"); !got.Confined || !got.Tenant.IsZero() {
		t.Errorf("and it is gone: %+v", got)
	}
	l.begin(t, l.ada, secret.New("three"))
	if got := through("three"); got != (session.Upstream{}) {
		t.Errorf("a password: %+v", got)
	}
}

func TestUnlinkingTakesRolesAndSessionsAndSparesTheOneItIsDoneIn(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example", "bosses"), connector.Create)
	grace := out.User.ID
	must(t, l.Directory().SetPassword(t.Context(), grace, "hash"))
	phone, here := l.enters(t, out, l.okta, "phone", ""), l.enters(t, out, l.okta, "here", "")
	l.begin(t, grace, secret.New("by password"))
	family := l.family(t, func(a *grant.Authorization) { a.User, a.Session = grace, phone.ID })
	notFound(t, "somebody else's", l.unlink(t, l.ada, out.Identity, id.Session{}))
	if got := l.roles(t, grace); got != "admin clerk" {
		t.Errorf("after an attempt of somebody else: %q", got)
	}
	must(t, l.unlink(t, grace, out.Identity, here.ID))
	if l.lives(t, "phone") || !l.lives(t, "here") || !l.lives(t, "by password") {
		t.Error("the wrong sessions ended")
	}
	if f, err := l.Grants().FindFamily(t.Context(), family); err != nil || f.RevokedAt.IsZero() {
		t.Errorf("a grant of an ended session lives on: %v", err)
	}
	if void, err := l.Grants().Void(t.Context(), "", phone.ID.String(), ""); err != nil || !void {
		t.Errorf("access tokens of an ended session live on: %v", err)
	}
	if got := l.roles(t, grace); got != "clerk" {
		t.Errorf("roles: %q", got)
	}
	if got := l.recorded(t, grace); got != "user.provisioned +clerk; member.roles_synced +admin; identity.unlinked" {
		t.Errorf("recorded: %q", got)
	}
	notFound(t, "again", l.unlink(t, grace, out.Identity, id.Session{}))
	l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Prove)
}

func TestTheLastWayToSignInStays(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change string
		stays  bool
	}{
		"a password":                          {`INSERT INTO password_credential (user_id, encoded) VALUES ($1, 'x')`, false},
		"no password":                         {`SELECT $1::uuid`, true},
		"a password that the domain refuses":  {`WITH p AS (INSERT INTO password_credential (user_id, encoded) VALUES ($1, 'x')), n AS (DELETE FROM membership) UPDATE tenant SET only_connectors = true WHERE slug = 'acme'`, true},
		"a password that all tenants refuse":  {`WITH p AS (INSERT INTO password_credential (user_id, encoded) VALUES ($1, 'x')), n AS (DELETE FROM tenant_domain) UPDATE tenant SET only_connectors = true WHERE slug = 'acme'`, true},
		"another identity":                    {`INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, 'x', 'x', $1 FROM connector WHERE slug = 'google'`, false},
		"another one of a disabled connector": {`WITH c AS (UPDATE connector SET disabled_at = now() WHERE slug = 'google' RETURNING id) INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, 'x', 'x', $1 FROM c`, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := newLobby(t)
			out := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create)
			l.exec(t, c.change, out.User.ID.UUID())
			w, err := l.identities().Ways(t.Context(), out.User.ID)
			must(t, err)
			if w.CanUnlink(out.Identity) == c.stays {
				t.Errorf("ways: %+v", w)
			}
			if err := l.unlink(t, out.User.ID, out.Identity, id.Session{}); errors.Is(err, errdefs.ErrConflict) != c.stays || !c.stays && err != nil {
				t.Errorf("unlink: %v", err)
			}
			left := l.count(t, `SELECT count(*) FROM identity WHERE id = $1`, out.Identity.UUID())
			if left == 1 != c.stays {
				t.Errorf("%d are left", left)
			}
		})
	}
}

func TestOfTwoLastWaysThatAreRemovedAtOnceOneStays(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create)
	other, err := l.identities().Link(t.Context(), comes(l.entra, "1", ""), out.User.ID, secret.Hash{}, mail.Sealed{})
	must(t, err)
	var wg sync.WaitGroup
	errs, holding := make([]error, 2), connect(t, l.dsn)
	tx, err := holding.Begin(t.Context()) // neither is removed before both are looked at, as far as that goes
	must(t, err)
	_, err = tx.Exec(t.Context(), `SELECT 1 FROM identity FOR UPDATE`)
	must(t, err)
	for n, i := range []id.Identity{out.Identity, other} {
		wg.Go(func() { errs[n] = l.unlink(t, out.User.ID, i, id.Session{}) })
	}
	eventually(t, "both wait", func() bool {
		return l.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 2
	})
	must(t, tx.Rollback(t.Context()))
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), errdefs.ErrConflict) {
		t.Errorf("%v", errs)
	}
	if n := l.count(t, `SELECT count(*) FROM identity`); n != 1 {
		t.Errorf("%d are left", n)
	}
}

func TestALogoutAtTheProviderEndsTheSessionsThatRestOnIt(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	out := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create)
	other := l.arrive(t, comes(l.okta, "2", "hedy@acme.example"), connector.Create)
	elsewhere, err := l.identities().Link(t.Context(), comes(l.entra, "1", ""), out.User.ID, secret.Hash{}, mail.Sealed{})
	must(t, err)
	left := func() (lives string) {
		t.Helper()
		for _, token := range []string{"a1", "a2", "b1", "c1"} {
			if l.lives(t, token) {
				lives += token + " "
			}
		}
		return lives
	}
	logout := func(c connector.Connector, sub, sid string) (int, error) {
		return l.identities().EndUpstream(t.Context(), c.ID, connector.Logout{
			Issuer: idp, Subject: sub, SessionID: sid, TokenID: sub + " " + sid, Expiry: time.Now().Add(time.Minute),
		}, keep, audit.Event{At: time.Now(), Action: audit.UpstreamLoggedOut, Tenant: c.Joins})
	}
	for _, step := range []struct {
		what     string
		c        connector.Connector
		sub, sid string
		want     string
	}{
		{"an unknown session", l.okta, "", "s9", "a1 a2 b1 c1 "},
		{"an unknown person", l.okta, "9", "", "a1 a2 b1 c1 "},
		{"of another connector", l.google, "1", "s1", "a1 a2 b1 c1 "},
		{"a session of somebody else", l.okta, "2", "s1", "a1 a2 b1 c1 "},
		{"one session", l.okta, "1", "s1", "a2 b1 c1 "},
		{"one session, without the person", l.okta, "", "s2", "b1 c1 "},
		{"a person, everywhere", l.okta, "2", "", "c1 "},
		{"all", l.entra, "1", "", ""},
	} {
		if step.what == "an unknown session" {
			l.enters(t, out, l.okta, "a1", "s1")
			l.enters(t, out, l.okta, "a2", "s2")
			l.enters(t, other, l.okta, "b1", "s3")
			l.enters(t, connector.Outcome{User: out.User, Identity: elsewhere}, l.entra, "c1", "s1")
		}
		before := len(left())
		ended, err := logout(step.c, step.sub, step.sid)
		must(t, err)
		if got := left(); got != step.want || ended != (before-len(got))/3 {
			t.Errorf("%s: %q live, %d ended; want %q", step.what, got, ended, step.want)
		}
		if _, err := logout(step.c, step.sub, step.sid); !errors.Is(err, errdefs.ErrConflict) {
			t.Errorf("%s: the token works twice: %v", step.what, err)
		}
	}
	if n := l.count(t, `SELECT count(*) FROM audit_event WHERE action = $1 AND session_id IS NOT NULL AND tenant_id = $2`, string(audit.UpstreamLoggedOut), l.acme.UUID()); n != 4 {
		t.Errorf("%d endings are recorded", n)
	}
}
