package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// Safety never hangs on whether an interface happens to be implemented.
var (
	_ interaction.Attempts        = postgres.Attempts{}
	_ interaction.Identities      = postgres.Identities{}
	_ interaction.UpstreamEndings = postgres.Identities{}
	_ interaction.Connectors      = postgres.Providers{}
	_ interaction.Connectors      = (*connector.Cache)(nil)
	_ connector.Finder            = postgres.Providers{}
)

const idp = "https://idp.example"

func keeper(t *testing.T) *connector.Keeper {
	t.Helper()
	m, err := envelope.NewMaster(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	return connector.NewKeeper(envelope.New(m))
}

// lobby is a world with two connectors of acme, acme.okta and acme.entra, that take people in, and one
// of the installation that belongs to no tenant. acme has proven the domain acme.example.
type lobby struct {
	*world
	keeper              *connector.Keeper
	okta, entra, google connector.Connector
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	l := &lobby{world: build(t), keeper: keeper(t)}
	put := func(tenant *[16]byte, reference, slug string) connector.Connector {
		c := id.NewConnector(time.Now())
		l.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id, provision, default_roles, groups_claim, role_mappings, created_by)
			VALUES ($1, $2, $3, $4, 'oidc', initcap($3), $5, 'signet', true, $6, $7, $8, 'installation')`, c.UUID(), reference, slug, tenant, idp,
			given(tenant != nil, []string{"clerk"}, []string{}), given(tenant != nil, "groups", ""),
			given(tenant != nil, `[{"group": "bosses", "role": "admin"}, {"group": "ghosts", "role": "ghost"}, {"group": "clerks", "role": "clerk"}]`, `[]`))
		found, err := l.Providers().FindConnector(t.Context(), reference)
		must(t, err)
		return found
	}
	acme := l.acme.UUID()
	l.okta, l.entra, l.google = put(&acme, "acme.okta", "okta"), put(&acme, "acme.entra", "entra"), put(nil, "google", "google")
	l.exec(t, `INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at, created_by) VALUES ($1, 'acme.example', 'x', now(), 'installation')`, acme)
	return l
}

func given[T any](ok bool, a, b T) T {
	if ok {
		return a
	}
	return b
}

func (l *lobby) identities() postgres.Identities { return l.Identities(l.keeper) }

// comes is somebody who comes back from a provider with a verified address.
func comes(c connector.Connector, subject, email string, groups ...string) connector.Arrival {
	verified := true
	now := time.Now().UTC().Truncate(time.Microsecond)
	return connector.Arrival{
		Connector: c, NewUser: id.NewUser(now), Identity: id.NewIdentity(now), Now: now,
		Proof: connector.Proof{Profile: connector.Profile{Issuer: c.Issuer, Subject: subject, Email: email, EmailVerified: &verified, Groups: groups}},
		Event: audit.Event{At: now, Client: "web", Address: "192.0.2.1"},
	}
}

func (l *lobby) arrive(t *testing.T, a connector.Arrival, want connector.Verdict) connector.Outcome {
	t.Helper()
	out, err := l.identities().Arrive(t.Context(), a)
	if err != nil || out.Verdict != want {
		t.Fatalf("%s: verdict %d, %v; want %d", a.Proof.Profile.Subject, out.Verdict, err, want)
	}
	return out
}

// roles returns what a person holds in acme itself, in one line; "-" for whoever is no member.
func (l *lobby) roles(t *testing.T, user id.User) string {
	t.Helper()
	var s string
	must(t, l.conn.QueryRow(t.Context(), `SELECT CASE WHEN EXISTS (SELECT 1 FROM membership WHERE tenant_id = $1 AND user_id = $2)
		THEN coalesce((SELECT string_agg(role, ' ' ORDER BY role) FROM membership_role WHERE tenant_id = $1 AND user_id = $2), '') ELSE '-' END`,
		l.acme.UUID(), user.UUID()).Scan(&s))
	return s
}

// recorded returns the actions recorded in acme of a person, with who did what else than they did.
func (l *lobby) recorded(t *testing.T, user id.User) string {
	t.Helper()
	rows, err := l.conn.Query(t.Context(), `SELECT action || coalesce(' +' || (detail->>'roles_added'), '') || coalesce(' -' || (detail->>'roles_removed'), '')
		FROM audit_event WHERE user_id = $1 AND tenant_id = $2 ORDER BY at, id`, user.UUID(), l.acme.UUID())
	must(t, err)
	var out []string
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		out = append(out, s)
	}
	must(t, rows.Err())
	return strings.Join(out, "; ")
}

func TestSomebodyNewGetsAnAccountAMembershipAndTheirRoles(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	a := comes(l.okta, "1", " Grace@ACME.example", "bosses", "ghosts", "others")
	a.Proof.Profile.Names = connector.Names{Name: "Grace", GivenName: "two\nlines", Picture: "http://not.https.example/x", Locale: "en"}
	out := l.arrive(t, a, connector.Create)
	u, err := l.Directory().FindUserByEmail(t.Context(), "grace@acme.example")
	must(t, err)
	if u.ID != out.User.ID || out.User.ID != a.NewUser || out.Identity != a.Identity || !u.EmailVerified || u.Email != "Grace@ACME.example" {
		t.Errorf("account: %+v, outcome %+v", u, out)
	}
	if u.Name != "Grace" || u.Locale != "en" || u.GivenName != "" || u.Picture != "" {
		t.Errorf("names: %+v", u)
	}
	if got := l.roles(t, u.ID); got != "admin clerk" {
		t.Errorf("roles: %q", got)
	}
	if got := l.recorded(t, u.ID); got != "user.provisioned +clerk; member.roles_synced +admin" {
		t.Errorf("recorded: %q", got)
	}
	if n := l.count(t, `SELECT count(*) FROM membership_role WHERE user_id = $1 AND granted_by = $2`, u.ID.UUID(), l.okta.ID.String()); n != 2 {
		t.Errorf("%d roles were given by the connector", n)
	}
	again := comes(l.okta, "1", "other@elsewhere.example", "bosses")
	if out := l.arrive(t, again, connector.Enter); out.User.ID != u.ID || out.Identity != a.Identity || out.User.Email != u.Email {
		t.Errorf("again: %+v", out)
	}
	w, err := l.identities().Ways(t.Context(), u.ID)
	must(t, err)
	if len(w.Identities) != 1 || w.Password || w.Identities[0].Email != "other@elsewhere.example" || !w.Identities[0].LastUsedAt.Equal(again.Now) || w.Identities[0].Name != "Okta" || !w.Identities[0].Enabled {
		t.Errorf("ways: %+v", w)
	}
}

func TestWhoeverHasAnAddressIsNotOvertaken(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	l.exec(t, `UPDATE user_account SET email_verified = true WHERE id = $1`, l.ada.UUID())
	before := l.count(t, `SELECT count(*) FROM user_account`)
	if out := l.arrive(t, comes(l.okta, "1", "ADA@acme.example"), connector.Prove); out.User.ID != l.ada || !out.Identity.IsZero() {
		t.Errorf("%+v", out)
	}
	if out := l.arrive(t, comes(l.google, "1", "linus@globex.example"), connector.Prove); out.User.ID != l.linus {
		t.Errorf("%+v", out)
	}
	l.arrive(t, comes(l.okta, "2", "linus@globex.example"), connector.Unvouched)
	l.exec(t, `UPDATE connector SET provision = false WHERE reference = 'acme.okta'`)
	l.arrive(t, comes(l.okta, "3", "new@acme.example"), connector.Unknown)
	l.exec(t, `UPDATE user_account SET disabled_at = now() WHERE id = $1`, l.linus.UUID())
	l.arrive(t, comes(l.google, "1", "linus@globex.example"), connector.Disabled)
	if n := l.count(t, `SELECT count(*) FROM identity`); n != 0 {
		t.Errorf("%d identities", n)
	}
	if n := l.count(t, `SELECT count(*) FROM user_account`); n != before {
		t.Errorf("%d accounts, before %d", n, before)
	}
	// The rule is the one that is stored by then, not the one that the sign-in began with.
	l.exec(t, `UPDATE connector SET authoritative = true WHERE reference = 'acme.okta'`)
	if out := l.arrive(t, comes(l.okta, "1", "ada@acme.example", "bosses"), connector.Adopt); out.User.ID != l.ada || out.Identity.IsZero() {
		t.Errorf("%+v", out)
	}
	if got := l.recorded(t, l.ada); got != "identity.linked" {
		t.Errorf("recorded: %q", got)
	}
	l.exec(t, `UPDATE connector SET disabled_at = now() WHERE reference = 'acme.okta'`)
	_, err := l.identities().Arrive(t.Context(), comes(l.okta, "1", "ada@acme.example"))
	notFound(t, "through a connector that was disabled meanwhile", err)
}

func TestOfThoseWhoComeForTheFirstTimeAtOnceOneAccountIsMade(t *testing.T) {
	t.Parallel()
	const racers = 8
	for what, pick := range map[string]func(*lobby, int) connector.Arrival{
		"one identity": func(l *lobby, _ int) connector.Arrival { return comes(l.okta, "1", "grace@acme.example", "bosses") },
		"one address through two connectors": func(l *lobby, n int) connector.Arrival {
			return comes(given(n%2 == 0, l.okta, l.entra), "1", "grace@acme.example", "bosses")
		},
		"one address of different identities": func(l *lobby, n int) connector.Arrival { return comes(l.okta, fmt.Sprint(n), "grace@acme.example") },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := newLobby(t)
			var made, entered, asked atomic.Int32
			var wg sync.WaitGroup
			start := make(chan struct{})
			for n := range racers {
				a := pick(l, n)
				wg.Go(func() {
					<-start
					out, err := l.identities().Arrive(t.Context(), a)
					switch {
					case err != nil:
						t.Error(err)
					case out.Verdict == connector.Create:
						made.Add(1)
					case out.Verdict == connector.Enter:
						entered.Add(1)
					case out.Verdict == connector.Prove:
						asked.Add(1)
					default:
						t.Errorf("verdict %d", out.Verdict)
					}
				})
			}
			close(start)
			wg.Wait()
			if made.Load() != 1 || made.Load()+entered.Load()+asked.Load() != racers {
				t.Errorf("%d made, %d entered, %d asked", made.Load(), entered.Load(), asked.Load())
			}
			if n := l.count(t, `SELECT count(*) FROM user_account WHERE email_normalized = 'grace@acme.example'`); n != 1 {
				t.Errorf("%d accounts", n)
			}
			if n := l.count(t, `SELECT count(*) FROM identity`); n != 1 {
				t.Errorf("%d identities", n)
			}
		})
	}
}

func TestRolesFollowTheGroupsAndThoseGivenByHandStay(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	grace := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create).User.ID
	seat := func(who string, want string) {
		t.Helper()
		if got := l.roles(t, grace); got != want {
			t.Errorf("%s: %q, want %q", who, got, want)
		}
	}
	none := []string{}
	come := func(c connector.Connector, groups []string) {
		t.Helper()
		a := comes(c, "1", "grace@acme.example")
		a.Proof.Profile.Groups = groups
		l.arrive(t, a, connector.Enter)
	}
	seat("at first", "clerk")
	come(l.okta, []string{"bosses"})
	seat("in a group", "admin clerk")
	come(l.okta, nil)
	seat("the provider did not say", "admin clerk")
	come(l.okta, none)
	seat("in none", "clerk")
	come(l.okta, []string{"clerks"})
	come(l.okta, none)
	seat("a role that was held before", "clerk")

	link := comes(l.entra, "1", "grace@acme.example", "bosses")
	_, err := l.identities().Link(t.Context(), link, grace, secret.Hash{}, mail.Sealed{})
	must(t, err)
	seat("another identity", "admin clerk")
	come(l.okta, []string{"bosses"})
	come(l.entra, none)
	seat("the other says so still", "admin clerk")
	come(l.okta, none)
	seat("neither says so", "clerk")

	come(l.okta, []string{"bosses"})
	l.exec(t, `DELETE FROM membership_role WHERE user_id = $1 AND role = 'admin'`, grace.UUID())
	l.exec(t, `INSERT INTO membership_role (tenant_id, user_id, role) VALUES ($1, $2, 'admin')`, l.acme.UUID(), grace.UUID())
	come(l.okta, none)
	seat("taken, and then given by hand", "admin clerk")

	l.exec(t, `UPDATE membership SET suspended_at = now() WHERE user_id = $1`, grace.UUID())
	l.exec(t, `DELETE FROM membership_role WHERE user_id = $1`, grace.UUID())
	come(l.okta, []string{"bosses"})
	seat("suspended", "admin")
	if n := l.count(t, `SELECT count(*) FROM membership WHERE user_id = $1 AND suspended_at IS NOT NULL`, grace.UUID()); n != 1 {
		t.Error("the suspension is over")
	}
	l.exec(t, `UPDATE membership SET suspended_at = NULL WHERE user_id = $1`, grace.UUID())
	l.exec(t, `DELETE FROM membership WHERE user_id = $1`, grace.UUID())
	come(l.okta, []string{"bosses"})
	seat("removed", "-")
	relink := comes(l.entra, "2", "grace@acme.example", "bosses")
	_, err = l.identities().Link(t.Context(), relink, grace, secret.Hash{}, mail.Sealed{})
	must(t, err)
	seat("removed, and another identity was linked", "-")
	if got, want := l.recorded(t, grace), "member.roles_synced +admin; member.roles_synced -admin; identity.linked; member.roles_synced +admin"; !strings.Contains(got, want) {
		t.Errorf("recorded: %q", got)
	}
}

func TestNamesAreSyncedWhereNobodyHasChangedThem(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	come := func(n connector.Names) connector.Outcome {
		t.Helper()
		a := comes(l.okta, "1", "grace@acme.example")
		a.Proof.Profile.Names = n
		out, err := l.identities().Arrive(t.Context(), a)
		must(t, err)
		return out
	}
	grace := come(connector.Names{Name: "Grace", GivenName: "G", Picture: "https://p.example/1"}).User.ID
	l.exec(t, `UPDATE user_account SET given_name = 'Amazing' WHERE id = $1`, grace.UUID())
	version := l.count(t, `SELECT version FROM user_account WHERE id = $1`, grace.UUID())
	for _, step := range []struct {
		says, want connector.Names
		writes     bool
	}{
		{connector.Names{Name: "Grace", GivenName: "G", Picture: "https://p.example/1"}, connector.Names{Name: "Grace", GivenName: "Amazing", Picture: "https://p.example/1"}, false},
		{connector.Names{Name: "Grace H", GivenName: "Gr", Picture: "https://p.example/2"}, connector.Names{Name: "Grace H", GivenName: "Amazing", Picture: "https://p.example/2"}, true},
		{connector.Names{}, connector.Names{Name: "Grace H", GivenName: "Amazing", Picture: "https://p.example/2"}, false},
		{connector.Names{Name: "Grace Hopper", Picture: "javascript:alert(1)"}, connector.Names{Name: "Grace Hopper", GivenName: "Amazing", Picture: "https://p.example/2"}, true},
	} {
		out := come(step.says)
		u, err := l.Directory().FindUser(t.Context(), grace)
		must(t, err)
		if got := (connector.Names{Name: u.Name, GivenName: u.GivenName, FamilyName: u.FamilyName, Picture: u.Picture, Locale: u.Locale}); got != step.want || out.User != u {
			t.Errorf("%+v: %+v", step.says, got)
		}
		if moved := int(u.Version) != version; moved != step.writes {
			t.Errorf("%+v: written is %v", step.says, moved)
		}
		version = int(u.Version)
	}
}

func TestAPendingLinkIsSpentWithTheLink(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	store := l.Attempts(l.keeper)
	a := comes(l.okta, "1", "ada@acme.example", "bosses")
	browser := secret.Generate().Hash()
	p := connector.PendingLink{
		Token: secret.Generate(), Browser: browser, Connector: l.okta.ID, User: l.ada, Proof: a.Proof, Flow: "flow", After: "/after", ExpiresAt: a.Now.Add(connector.LinkLifetime),
	}
	p.Proof.Tokens.Access = secret.New("access")
	must(t, store.KeepLink(t.Context(), p))
	found, err := store.FindLink(t.Context(), p.Token.Hash(), browser, a.Now)
	must(t, err)
	if found.User != l.ada || found.Connector != l.okta.ID || found.Flow != "flow" || found.After != "/after" || found.Proof.Profile.Subject != "1" || found.Proof.Tokens.Access.Reveal() != "access" {
		t.Errorf("%+v", found)
	}
	_, err = store.FindLink(t.Context(), p.Token.Hash(), secret.Generate().Hash(), a.Now)
	notFound(t, "another browser", err)
	_, err = store.FindLink(t.Context(), p.Token.Hash(), browser, p.ExpiresAt)
	notFound(t, "expired", err)
	_, err = l.identities().Link(t.Context(), a, l.linus, p.Token.Hash(), mail.Sealed{})
	notFound(t, "for somebody else", err)
	linked, err := l.identities().Link(t.Context(), a, l.ada, p.Token.Hash(), letter())
	if err != nil || linked != a.Identity {
		t.Fatal(linked, err)
	}
	_, err = store.FindLink(t.Context(), p.Token.Hash(), browser, a.Now)
	notFound(t, "spent", err)
	_, err = l.identities().Link(t.Context(), a, l.ada, p.Token.Hash(), letter())
	notFound(t, "spent", err)
	if linked, err = l.identities().Link(t.Context(), a, l.ada, secret.Hash{}, letter()); err != nil || linked != a.Identity {
		t.Errorf("again: %v, %v", linked, err)
	}
	if _, err = l.identities().Link(t.Context(), a, l.linus, secret.Hash{}, letter()); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("somebody else's: %v", err)
	}
	if n := l.count(t, `SELECT count(*) FROM mail_outbox`); n != 1 {
		t.Errorf("%d letters", n)
	}
	if out := l.arrive(t, a, connector.Enter); out.User.ID != l.ada {
		t.Errorf("%+v", out)
	}
}

func TestTokensAreKeptOnlyWhereTheConnectorAsksForIt(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	come := func(access string) connector.Outcome {
		t.Helper()
		var err error
		l.okta, err = l.Providers().FindConnector(t.Context(), "acme.okta")
		must(t, err)
		a := comes(l.okta, "1", "grace@acme.example")
		a.Proof.Tokens.Access = secret.New(access)
		out, err := l.identities().Arrive(t.Context(), a)
		must(t, err)
		return out
	}
	kept := func(i id.Identity) string {
		t.Helper()
		var sealed []byte
		must(t, l.conn.QueryRow(t.Context(), `SELECT sealed_tokens FROM identity WHERE id = $1`, i.UUID()).Scan(&sealed))
		if sealed == nil {
			return ""
		}
		if bytes.Contains(sealed, []byte("access-")) {
			t.Error("stored in the clear")
		}
		tokens, err := l.keeper.OpenTokens(i, sealed)
		must(t, err)
		return tokens.Access.Reveal()
	}
	i := come("access-1").Identity
	got := []string{kept(i)}
	l.exec(t, `UPDATE connector SET keep_tokens = true`)
	come("access-2")
	got = append(got, kept(i))
	come("access-3")
	got = append(got, kept(i))
	l.exec(t, `UPDATE connector SET keep_tokens = false`)
	come("access-4")
	if got = append(got, kept(i)); !slices.Equal(got, []string{"", "access-2", "access-3", ""}) {
		t.Errorf("kept: %q", got)
	}

	// What is kept goes when the connector is told to keep none, whether people come again or not.
	l.exec(t, `UPDATE connector SET keep_tokens = true`)
	come("access-5")
	keeping := l.okta
	_, err := l.Connectors().Update(t.Context(), l.tends(audit.ConnectorUpdated), l.okta.ID, func(c *connector.Connector) error { c.KeepTokens = false; return nil })
	must(t, err)
	if got := kept(i); got != "" {
		t.Errorf("kept by a connector that keeps none: %q", got)
	}
	late := comes(keeping, "1", "grace@acme.example")
	late.Proof.Tokens.Access = secret.New("access-6")
	_, err = l.identities().Arrive(t.Context(), late)
	must(t, err)
	if got := kept(i); got != "" {
		t.Errorf("kept by a replica that had not heard of it: %q", got)
	}
}

func TestWhateverHappensAtOnceNobodyIsRefused(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	grace := l.arrive(t, comes(l.okta, "1", "grace@acme.example"), connector.Create).User.ID
	_, err := l.identities().Link(t.Context(), comes(l.entra, "1", ""), grace, secret.Hash{}, mail.Sealed{})
	must(t, err)
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			for round := range 10 {
				a := comes(given(worker%2 == 0, l.okta, l.entra), "1", "grace@acme.example")
				a.Proof.Profile.Groups = given((worker/2+round)%2 == 0, []string{"bosses"}, []string{})
				a.Proof.Profile.Names.Name = fmt.Sprint(worker, round)
				if out, err := l.identities().Arrive(t.Context(), a); err != nil || out.Verdict != connector.Enter || out.User.ID != grace {
					t.Errorf("%+v, %v", out, err)
				}
			}
		})
	}
	wg.Go(func() { // an administrator takes the role by hand, meanwhile
		for range 10 {
			_, err := l.Members().Update(t.Context(), did(audit.MemberUpdated), l.acme, grace, func(m *directory.Member) error { m.Roles = []string{"clerk"}; return nil }, keep)
			if err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	for _, c := range []connector.Connector{l.okta, l.entra} {
		a := comes(c, "1", "grace@acme.example")
		a.Proof.Profile.Groups = []string{}
		l.arrive(t, a, connector.Enter)
	}
	if got := l.roles(t, grace); got != "clerk" {
		t.Errorf("in the end: %q", got)
	}
}
