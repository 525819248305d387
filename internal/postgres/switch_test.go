package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
)

func to(g id.Grant, generation uint32, organization string) grant.Switch {
	return grant.Switch{
		Token: grant.RefreshToken{Family: g, Generation: generation}, Client: "web", Organization: organization,
		ID: id.NewGrant(time.Now()), Retry: time.Minute, Idle: time.Hour,
	}
}

func switched() audit.Event { return audit.Event{At: time.Now(), Action: audit.GrantSwitched} }

func offline(a *grant.Authorization) { a.Offline = true }

// waiting counts the sessions of the database that wait for a lock.
func (w *world) waiting(t *testing.T) int {
	t.Helper()
	return w.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
}

// A switch has seen everything in order and is about to store the grant: whatever ends grants
// now has to wait and end this one too.
func TestNothingThatEndsGrantsOverlooksASwitchUnderWay(t *testing.T) {
	t.Parallel()
	type change func(context.Context, *world) error
	for name, c := range map[string]struct {
		shape func(*grant.Authorization)
		do    change
	}{
		"the session ends": {nil, func(ctx context.Context, w *world) error { return w.Sessions().End(ctx, w.session.ID, keep) }},
		"the password changes": {offline, func(ctx context.Context, w *world) error {
			return w.Sessions().ChangePassword(ctx, w.ada, "hash-2", id.Session{}, keep, mail.Sealed{})
		}},
		"the member is removed": {offline, func(ctx context.Context, w *world) error {
			return w.Members().Remove(ctx, did(audit.MemberRemoved), w.globex, w.ada, keep)
		}},
		"the account is deleted": {offline, func(ctx context.Context, w *world) error {
			return w.Users().Delete(ctx, did(audit.UserDeleted), w.ada, keep)
		}},
		"the tenant is disabled": {offline, func(ctx context.Context, w *world) error {
			_, err := w.Tenants().Update(ctx, did(audit.TenantUpdated), w.globex, func(t *directory.Tenant) error { t.DisabledAt = time.Now(); return nil }, keep)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			w.joined(t, "second@acme.example", w.acme, "admin") // so that Ada is not the last one
			g := w.family(t, c.shape)
			held, err := connect(t, w.dsn).Begin(t.Context())
			must(t, err)
			_, err = held.Exec(t.Context(), "SELECT 1 FROM refresh_family FOR UPDATE")
			must(t, err)
			done := make(chan error, 2)
			go func() {
				_, err := w.Grants().Switch(t.Context(), to(g, 0, "globex"), switched())
				done <- err
			}()
			eventually(t, "the switch waits for the family", func() bool { return w.waiting(t) == 1 })
			go func() { done <- c.do(t.Context(), w) }()
			eventually(t, "the change waits for the switch", func() bool { return w.waiting(t) == 2 })
			must(t, held.Rollback(t.Context()))
			for range 2 {
				must(t, <-done)
			}
			if n := w.count(t, "SELECT count(*) FROM refresh_family WHERE tenant_id = $1 AND switched_from = $2", w.globex.UUID(), g.UUID()); n != 1 {
				t.Fatalf("%d grants were switched to", n)
			}
			if n := w.count(t, "SELECT count(*) FROM refresh_family WHERE tenant_id = $1 AND revoked_at IS NULL", w.globex.UUID()); n != 0 {
				t.Error("the grant that was switched to lives on")
			}
		})
	}
}

func TestASwitchWaitsForWhatEndsGrantsAndThenSeesIt(t *testing.T) {
	t.Parallel()
	for change, kind := range map[string]error{
		"DELETE FROM membership WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')": errdefs.ErrDenied,
		"UPDATE tenant SET disabled_at = now() WHERE slug = 'globex'":                            errdefs.ErrDenied,
		"UPDATE user_account SET disabled_at = now()":                                            grant.ErrPinned, // a rotation says why
		"UPDATE browser_session SET ended_at = now()":                                            grant.ErrInteraction,
		"UPDATE refresh_family SET revoked_at = now()":                                           errdefs.ErrNotFound,
		"UPDATE refresh_family SET generation = 2":                                               errdefs.ErrNotFound,
	} {
		t.Run(strings.Fields(change)[1], func(t *testing.T) {
			t.Parallel()
			w := build(t)
			g := w.family(t, nil)
			tx, err := connect(t, w.dsn).Begin(t.Context())
			must(t, err)
			_, err = tx.Exec(t.Context(), change)
			must(t, err)
			done := make(chan error, 1)
			go func() {
				_, err := w.Grants().Switch(t.Context(), to(g, 0, "globex"), switched())
				done <- err
			}()
			eventually(t, "the switch waits", func() bool { return w.waiting(t) == 1 })
			must(t, tx.Commit(t.Context()))
			if err := <-done; !errors.Is(err, kind) {
				t.Errorf("%v, want %v", err, kind)
			}
			if n := w.count(t, "SELECT count(*) FROM refresh_family"); n != 1 {
				t.Errorf("%d families", n)
			}
		})
	}
}

// A refresh token must not lead around the provider of a tenant that is entered through it alone.
func TestATenantOfOnlyItsConnectorsIsSwitchedToFromASessionThroughOne(t *testing.T) {
	t.Parallel()
	const through = "UPDATE browser_session SET (connector_id, identity_id) = (SELECT i.connector_id, i.id FROM identity i JOIN connector c ON c.id = i.connector_id WHERE c.reference = "
	for name, c := range map[string]struct {
		shape  func(*grant.Authorization)
		before []string
		want   error
	}{
		"a session of a password":                       {nil, nil, grant.ErrInteraction},
		"through its connector":                         {nil, []string{through + "'globex.okta')"}, nil},
		"through one of the installation that joins it": {nil, []string{through + "'joins')"}, nil},
		"through one of no tenant":                      {nil, []string{through + "'google')"}, grant.ErrInteraction},
		"through another tenant's":                      {nil, []string{through + "'acme.okta')"}, grant.ErrInteraction},
		"through one that is disabled since":            {nil, []string{through + "'globex.okta')", "UPDATE connector SET disabled_at = now()"}, grant.ErrInteraction},
		"through one that is gone":                      {nil, []string{through + "'globex.okta')", "DELETE FROM connector"}, grant.ErrInteraction},
		"through it, by what was unlinked since":        {nil, []string{through + "'globex.okta')", "DELETE FROM identity"}, grant.ErrInteraction},
		"a grant that outlives its session":             {offline, []string{through + "'globex.okta')"}, nil},
		"a grant that outlived its session":             {offline, []string{through + "'globex.okta')", "UPDATE browser_session SET ended_at = now()"}, grant.ErrInteraction},
		"any sign-in, of a tenant that takes every one": {nil, []string{"UPDATE tenant SET only_connectors = false"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			g := w.family(t, c.shape)
			for reference, tenants := range map[string][2]id.Tenant{"google": {}, "joins": {{}, w.globex}, "globex.okta": {w.globex}, "acme.okta": {w.acme}} {
				w.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, joins_tenant_id, kind, name, issuer, client_id)
				           VALUES (gen_random_uuid(), $1, $1, nullif($2::uuid, $4::uuid), nullif($3::uuid, $4::uuid), 'oidc', 'x', 'https://x.example', 'x')`,
					reference, tenants[0].UUID(), tenants[1].UUID(), id.Tenant{}.UUID())
			}
			w.exec(t, "UPDATE tenant SET only_connectors = true WHERE id = $1", w.globex.UUID())
			w.exec(t, "INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, issuer, 'ada', $1 FROM connector", w.ada.UUID())
			for _, sql := range c.before {
				w.exec(t, sql)
			}
			made, err := w.Grants().Switch(t.Context(), to(g, 0, "globex"), switched())
			if !errors.Is(err, c.want) || c.want == nil && made.Tenant != w.globex {
				t.Errorf("%+v, %v, want %v", made, err, c.want)
			}
			if c.want != nil && made.From.ID != g {
				t.Error("the record would not say whose it was")
			}
			// The tenant that the grant is in already asks for nothing anew.
			w.exec(t, "UPDATE tenant SET only_connectors = true")
			if _, err := w.Grants().Rotate(t.Context(), rotation(g, 0, time.Minute)); err != nil {
				t.Errorf("a plain refresh: %v", err)
			}
		})
	}
}

// Whoever runs a tenant's connector must not get anywhere else by a refresh token.
func TestAGrantOfAConfinedSessionIsNotSwitchedElsewhere(t *testing.T) {
	t.Parallel()
	const (
		through  = "UPDATE browser_session SET acr = 'urn:signet:acr:upstream', (connector_id, identity_id) = (SELECT i.connector_id, i.id FROM identity i JOIN connector c ON c.id = i.connector_id WHERE c.reference = "
		owns     = "INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at) SELECT id, 'acme.example', 'x', now() FROM tenant WHERE slug = "
		password = "UPDATE browser_session SET acr = 'urn:signet:acr:password', connector_id = NULL, identity_id = NULL, authenticated_at = now()"
		ended    = "UPDATE browser_session SET ended_at = now()"
		upstream = "UPDATE refresh_family SET acr = 'urn:signet:acr:upstream'"
	)
	for name, c := range map[string]struct {
		shape  func(*grant.Authorization)
		before []string
		want   error
	}{
		"through a connector of the tenant it is in":       {nil, []string{through + "'acme.okta')", upstream}, grant.ErrInteraction},
		"a grant that outlives it":                         {offline, []string{through + "'acme.okta')", upstream}, grant.ErrInteraction},
		"to the connector's tenant":                        {nil, []string{through + "'globex.okta')", upstream}, nil},
		"through one of the installation":                  {nil, []string{through + "'google')", upstream}, nil},
		"the tenant owns the domain of the address":        {nil, []string{through + "'acme.okta')", upstream, owns + "'acme'"}, nil},
		"another tenant owns the domain":                   {nil, []string{through + "'acme.okta')", upstream, owns + "'globex'"}, grant.ErrInteraction},
		"the address is not verified":                      {nil, []string{through + "'acme.okta')", upstream, owns + "'acme'", "UPDATE user_account SET email_verified = false"}, grant.ErrInteraction},
		"the domain is not verified":                       {nil, []string{through + "'acme.okta')", upstream, owns + "'acme'", "UPDATE tenant_domain SET verified_at = NULL"}, grant.ErrInteraction},
		"the connector is disabled":                        {nil, []string{through + "'acme.okta')", upstream, "UPDATE connector SET disabled_at = now()"}, grant.ErrInteraction},
		"the connector is gone":                            {nil, []string{through + "'google')", upstream, "DELETE FROM connector"}, grant.ErrInteraction},
		"what it began with is unlinked":                   {nil, []string{through + "'globex.okta')", upstream, "DELETE FROM identity"}, grant.ErrInteraction},
		"a grant by password, the session is confined now": {nil, []string{through + "'acme.okta')"}, grant.ErrInteraction},
		"the person has used a password in it since":       {nil, []string{upstream, password}, grant.ErrInteraction},
		"it has ended, and the grant goes on":              {offline, []string{through + "'google')", upstream, ended}, grant.ErrInteraction},
		"it is gone, and the grant goes on":                {offline, []string{through + "'google')", upstream, "DELETE FROM browser_session"}, grant.ErrInteraction},
		"a grant by password outlives its session":         {offline, []string{"DELETE FROM browser_session"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			g := w.family(t, c.shape)
			w.exec(t, "UPDATE user_account SET email = 'ada@acme.example', email_normalized = 'ada@acme.example', email_verified = true WHERE id = $1", w.ada.UUID())
			for reference, tenant := range map[string]id.Tenant{"google": {}, "globex.okta": w.globex, "acme.okta": w.acme} {
				w.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id)
				           VALUES (gen_random_uuid(), $1, $1, nullif($2::uuid, $3::uuid), 'oidc', 'x', 'https://x.example', 'x')`,
					reference, tenant.UUID(), id.Tenant{}.UUID())
			}
			w.exec(t, "INSERT INTO identity (id, connector_id, issuer, subject, user_id) SELECT gen_random_uuid(), id, issuer, 'ada', $1 FROM connector", w.ada.UUID())
			for _, sql := range c.before {
				w.exec(t, sql)
			}
			made, err := w.Grants().Switch(t.Context(), to(g, 0, "globex"), switched())
			if !errors.Is(err, c.want) || c.want == nil && made.Tenant != w.globex {
				t.Errorf("%+v, %v, want %v", made, err, c.want)
			}
			if _, err := w.Grants().Rotate(t.Context(), rotation(g, 0, time.Minute)); err != nil {
				t.Errorf("a plain refresh: %v", err)
			}
		})
	}
}

func TestASwitchIsOnRecordOrDidNotHappen(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	w.exec(t, "ALTER TABLE audit_event ADD CONSTRAINT none CHECK (action = '')")
	if _, err := w.Grants().Switch(t.Context(), to(g, 0, "globex"), switched()); err == nil {
		t.Error("it succeeded")
	}
	if n := w.count(t, "SELECT count(*) FROM refresh_family"); n != 1 {
		t.Errorf("%d families", n)
	}
}

func TestAnotherClientOrPersonSwitchesNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	foreign := to(g, 0, "globex")
	foreign.Client = "other"
	_, err := w.Grants().Switch(t.Context(), foreign, switched())
	notFound(t, "another client", err)
	_, err = w.Grants().Switch(t.Context(), to(id.NewGrant(time.Now()), 0, "globex"), switched())
	notFound(t, "a grant that does not exist", err)
	_, err = w.Grants().Switch(t.Context(), to(g, 7, "globex"), switched())
	notFound(t, "a generation that does not exist", err)
	young := to(g, 0, "globex")
	young.Since = time.Now().Add(time.Minute)
	_, err = w.Grants().Switch(t.Context(), young, switched())
	notFound(t, "a client that honours no grant of this age", err)
	own := to(g, 0, "globex")
	own.ClientTenant = w.acme
	if _, err = w.Grants().Switch(t.Context(), own, switched()); !errors.Is(err, errdefs.ErrDenied) {
		t.Errorf("a client of another tenant: %v", err)
	}
	w.exec(t, "DELETE FROM membership WHERE tenant_id = $1", w.globex.UUID())
	_, unknown := w.Grants().Switch(t.Context(), to(g, 0, "no-such-tenant"), switched())
	_, stranger := w.Grants().Switch(t.Context(), to(g, 0, w.globex.String()), switched())
	if !errors.Is(unknown, errdefs.ErrDenied) || unknown.Error() != stranger.Error() {
		t.Errorf("%v\n%v", unknown, stranger)
	}
}

// However far somebody has switched on: no chain is long enough to outlast its revocation.
func TestALongLineOfSwitchesEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	other := w.family(t, nil)
	const long = 5000
	w.exec(t, `WITH RECURSIVE line AS (
	               SELECT 1 AS n, gen_random_uuid() AS id, $1::uuid AS parent
	               UNION ALL SELECT n + 1, gen_random_uuid(), id FROM line WHERE n < $2)
	           INSERT INTO refresh_family (id, tenant_id, user_id, client_id, session_id, offline, scopes, audiences, acr, amr,
	                                       authenticated_at, expires_at, max_expires_at, switched_from)
	           SELECT line.id, f.tenant_id, f.user_id, f.client_id, f.session_id, f.offline, f.scopes, f.audiences, f.acr, f.amr,
	                  f.authenticated_at, f.expires_at, f.max_expires_at, line.parent FROM line, refresh_family f WHERE f.id = $1`, g.UUID(), long)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as long as the issuer waits
	defer cancel()
	must(t, w.Grants().RevokeLine(ctx, g, keep))
	if n := w.count(t, "SELECT count(*) FROM refresh_family WHERE revoked_at IS NULL"); n != 1 {
		t.Errorf("%d families live on", n)
	}
	if n := w.count(t, "SELECT count(*) FROM revocation WHERE kind = 'grant'"); n != long+1 {
		t.Errorf("%d cutoffs", n)
	}
	if f, err := w.Grants().FindFamily(t.Context(), other); err != nil || !f.RevokedAt.IsZero() {
		t.Errorf("another grant: %+v, %v", f, err)
	}
}

// Some clients switch whenever they need an access token, and forget the refresh token.
func TestSwitchesThatNobodyUsesDoNotPileUp(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	var last grant.Switched
	ids := map[id.Grant]bool{}
	for range 3 * grant.MaxUnused {
		sw := to(g, 0, w.globex.String())
		sw.Retry = 0
		var err error
		if last, err = w.Grants().Switch(t.Context(), sw, switched()); err != nil {
			t.Fatal(err)
		}
		ids[last.ID] = true
	}
	if n := w.count(t, "SELECT count(*) FROM refresh_family WHERE switched_from IS NOT NULL"); n != grant.MaxUnused || len(ids) != n || !last.Retried {
		t.Errorf("%d grants stored, %d handed out, the last one retried: %v", n, len(ids), last.Retried)
	}
	// One that is used is no longer among them.
	w.exec(t, "UPDATE refresh_family SET generation = 1 WHERE id = $1", last.ID.UUID())
	sw := to(g, 0, w.globex.String())
	sw.Retry = 0
	if next, err := w.Grants().Switch(t.Context(), sw, switched()); err != nil || next.Retried {
		t.Errorf("%+v, %v", next, err)
	}
}
