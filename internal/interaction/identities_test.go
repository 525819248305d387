package interaction_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

func (s *site) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.dsn)
	check(t, err)
	defer func() { check(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(context.Background(), sql, args...)
	check(t, err)
}

// rows counts those of a table.
func (s *site) rows(t *testing.T, table string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.dsn)
	check(t, err)
	defer func() { check(t, conn.Close(context.Background())) }()
	check(t, conn.QueryRow(context.Background(), `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()).Scan(&n))
	return n
}

// connector stores a connector of a tenant, or of the installation with "".
func (s *site) connector(t *testing.T, tenant, slug, name string) connector.Connector {
	t.Helper()
	reference := connector.ReferenceFor(tenant, slug)
	s.exec(t, `INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id, created_by)
		VALUES ($1, $2, $3, (SELECT id FROM tenant WHERE slug = $4), 'oidc', $5, 'https://idp.example', 'signet', 'installation')`,
		id.NewConnector(time.Now()).UUID(), reference, slug, tenant, name)
	c, err := s.db.Providers().FindConnector(context.Background(), reference)
	check(t, err)
	return c
}

// link links an identity of the connector to the account of email.
func (s *site) link(t *testing.T, email string, c connector.Connector, label string) id.Identity {
	t.Helper()
	now := time.Now()
	linked, err := s.db.Identities(s.keeper).Link(context.Background(), connector.Arrival{
		Connector: c, NewUser: id.NewUser(now), Identity: id.NewIdentity(now), Now: now, Event: audit.Event{At: now},
		Proof: connector.Proof{Profile: connector.Profile{Issuer: c.Issuer, Subject: label + "@" + c.Reference, Login: label}},
	}, s.user(t, email).ID, secret.Hash{}, mail.Sealed{})
	check(t, err)
	return linked
}

func (s *site) identities(t *testing.T, email string) int {
	t.Helper()
	w, err := s.db.Identities(s.keeper).Ways(context.Background(), s.user(t, email).ID)
	check(t, err)
	return len(w.Identities)
}

func removal(i id.Identity) string {
	return "/account/identities/remove?" + url.Values{"identity": {i.String()}}.Encode()
}

func (b *browser) remove(i id.Identity) page {
	b.t.Helper()
	return b.post("/account/identities/remove", url.Values{"identity": {i.String()}})
}

// seen is the page as it reads: without elements.
func (p page) seen() string {
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(p.body, " "))), " ")
}

func (p page) wantSeen(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.seen(), text) {
			p.t.Errorf("the page at %s (%d) does not say %q:\n%s", p.url, p.status, text, p.seen())
		}
	}
}

func (p page) wantUnseen(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.seen(), text) {
			p.t.Errorf("the page at %s (%d) says %q:\n%s", p.url, p.status, text, p.seen())
		}
	}
}

func TestTheAccountPageShowsTheWaysToSignInAndThoseThatCanBeAdded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	google, hub := s.connector(t, "", "google", "Google"), s.connector(t, "", "hub", "Hub <b>")
	okta := s.connector(t, "acme", "okta", "Acme Okta")
	s.connector(t, "other", "okta", "Other Okta")
	s.connector(t, "", "secret", "Secret trial")
	s.connector(t, "globex", "old", "Old Globex")
	s.exec(t, "UPDATE connector SET hidden = true WHERE slug = 'secret'")
	s.exec(t, "UPDATE connector SET disabled_at = now() WHERE slug = 'old'")
	i := s.link(t, "ada@acme.example", google, "ada@gmail.example")
	b, _ := s.signedIn(t, "ada@acme.example")
	p := b.get("/account")
	p.wantSeen("Ways to sign in", "Password", "Change", "Google ada@gmail.example Linked "+time.Now().UTC().Format("2 Jan 2006"), "Add Hub <b>", "Add Acme Okta")
	p.wantUnseen("Other Okta", "Secret trial", "Old Globex", "Add Google", "only way")
	if !strings.Contains(p.body, `href="`+removal(i)+`"`) {
		t.Error("no link to removing it")
	}
	for _, c := range []connector.Connector{hub, okta} {
		if !strings.Contains(p.body, `<input type="hidden" name="connector" value="`+c.Reference+`">`) {
			t.Errorf("no form for %s", c.Reference)
		}
	}
	// A provider sends people on to where it likes, and Chromium holds a form's policy to all of it.
	if policy := p.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:") {
		t.Errorf("policy %s", policy)
	}
	// Who belongs to nothing sees nothing of the tenants'.
	carl, _ := s.signedIn(t, "carl@nowhere.example")
	p = carl.get("/account")
	p.wantSeen("Add Google", "Add Hub <b>")
	p.wantUnseen("Okta", "gmail")
}

func TestAnIdentityIsRemovedOnlyAfterItWasConfirmed(t *testing.T) {
	t.Parallel()
	s := newSite(t, withLetters(t))
	i := s.link(t, "ada@acme.example", s.connector(t, "", "google", "Google"), "ada@gmail.example")
	b, here := s.signedIn(t, "ada@acme.example")
	p := b.get(removal(i))
	p.want(http.StatusOK, "Remove")
	p.wantSeen("Remove Google ?", "ada@gmail.example")
	if n := s.identities(t, "ada@acme.example"); n != 1 {
		t.Fatalf("%d are left of one that was merely looked at", n)
	}
	p = b.post("/account/identities/remove", p.form("/account/identities/remove"))
	if p.status != http.StatusOK || p.url.Path != "/account" {
		t.Fatalf("it ended at %s with %d", p.url, p.status)
	}
	p.wantSeen("It is removed.", "Add Google")
	if n := s.identities(t, "ada@acme.example"); n != 0 {
		t.Errorf("%d are left", n)
	}
	if now, err := b.session(); err != nil || now.ID != here.ID {
		t.Errorf("the session that removed it: %v", err)
	}
	events, err := s.db.Audit().List(t.Context(), admin.Reach{All: true}, audit.Query{Action: audit.IdentityUnlinked}, admin.Page{Limit: 50})
	check(t, err)
	if len(events.Items) != 1 || events.Items[0].Target != i.String() || events.Items[0].Session != here.ID || events.Items[0].Detail["connector"] != "google" || events.Items[0].Address != "192.0.2.7" {
		t.Errorf("on record: %+v", events.Items)
	}
	if n, _, err := s.db.Mail().Queue(t.Context()); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
	if p := b.remove(i); p.url.Path != "/account" { // again, from another tab
		t.Errorf("again: ended at %s with %d", p.url, p.status)
	}
}

func TestAnOrganizationThatRefusesPasswordsMakesItsProviderTheOnlyWay(t *testing.T) {
	t.Parallel()
	s := newSite(t, withLetters(t))
	okta := s.connector(t, "acme", "okta", "Acme Okta")
	i := s.link(t, "ada@acme.example", okta, "ada")
	b, _ := s.signedIn(t, "ada@acme.example")
	s.exec(t, `INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at, created_by) SELECT id, 'acme.example', 'x', now(), 'installation' FROM tenant WHERE slug = 'acme'`)
	s.exec(t, "UPDATE tenant SET only_connectors = true WHERE slug = 'acme'")
	b.get("/account").wantSeen("Your organization asks you to sign in through its own provider.", "This is the only way to sign in to your account.")
	b.remove(i).want(http.StatusConflict, "only way to sign in")
	if s.identities(t, "ada@acme.example") != 1 {
		t.Error("it is gone")
	}
	// Nor is anybody told to set a password that would be refused.
	s.link(t, "eve@acme.example", okta, "eve")
	eve := s.browser(t)
	check(t, s.begin(eve, "eve@acme.example"))
	eve.get("/account").wantUnseen("Set a password")
	// To prove themselves anew they are led to the provider, which has to ask them.
	s.pass(11 * time.Minute)
	p := b.remove(i)
	p.wantSeen("Please sign in again to continue.", "Continue with Acme Okta")
	if again := p.form("/upstream/acme.okta").Get("again"); p.url.Path != "/login" || again != "1" {
		t.Errorf("%s with again=%q", p.url, again)
	}
}

func TestWhatIsRemovedEndsTheSessionsThatRestOnIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	google := s.connector(t, "", "google", "Google")
	i := s.link(t, "ada@acme.example", google, "ada")
	other := session.New(s.user(t, "ada@acme.example").ID, time.Now(), session.Lifetimes{Idle: time.Hour, Absolute: time.Hour}).
		Via(session.Upstream{Connector: google.ID, Identity: i}, time.Now())
	token := secret.Generate()
	check(t, s.db.Sessions().Begin(t.Context(), token.Hash(), other))
	here, mine := s.browser(t), secret.Generate()
	other.ID = id.NewSession(time.Now())
	check(t, s.db.Sessions().Begin(t.Context(), mine.Hash(), other))
	here.setCookie("signet", mine.Reveal())
	here.remove(i).wantSeen("It is removed.")
	if _, err := s.db.Sessions().Find(t.Context(), token.Hash()); err == nil {
		t.Error("another session that rests on it goes on")
	}
	if _, err := here.session(); err != nil {
		t.Errorf("the session in which it was removed: %v", err)
	}
}

func TestRemovingAnIdentityNeedsARecentSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	i := s.link(t, "ada@acme.example", s.connector(t, "", "google", "Google"), "ada")
	b, _ := s.signedIn(t, "ada@acme.example")
	s.pass(11 * time.Minute)
	for what, p := range map[string]page{"the form": b.get(removal(i)), "the post": b.remove(i)} {
		if p.url.Path != "/login" || s.identities(t, "ada@acme.example") != 1 {
			t.Errorf("%s ended at %s", what, p.url)
		}
		p.wantSeen("Please sign in again to continue.")
	}
	p := b.signIn(b.remove(i), "ada@acme.example", goodPassword)
	if p.url.Path != "/account" {
		t.Fatalf("the sign-in ended at %s", p.url)
	}
	b.remove(i).wantSeen("It is removed.")
}

func TestTheLastWayToSignInStays(t *testing.T) {
	t.Parallel()
	for name, letters := range map[string]bool{"with mail": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []option
			if letters {
				options = append(options, withLetters(t))
			}
			s := newSite(t, options...)
			i := s.link(t, "eve@acme.example", s.connector(t, "", "google", "Google"), "eve") // has no password
			b := s.browser(t)
			check(t, s.begin(b, "eve@acme.example"))
			p := b.get("/account")
			p.wantSeen("This is the only way to sign in to your account.")
			if strings.Contains(p.body, removal(i)) {
				t.Error("there is a link to removing it")
			}
			for _, p := range []page{b.get(removal(i)), b.remove(i)} {
				p.want(http.StatusConflict, "only way to sign in")
				if letters != strings.Contains(p.body, `href="/password/forgot"`) {
					t.Errorf("the way to a password: %s", p.body)
				}
			}
			if s.identities(t, "eve@acme.example") != 1 {
				t.Fatal("it is gone")
			}
			// A provider that is switched off is no way in.
			off := s.connector(t, "", "hub", "Hub")
			other := s.link(t, "eve@acme.example", off, "eve")
			s.exec(t, "UPDATE connector SET disabled_at = now() WHERE slug = 'hub'")
			b.get("/account").wantSeen("Switched off at the moment.")
			b.remove(i).want(http.StatusConflict, "only way to sign in")
			b.remove(other).wantSeen("It is removed.")
		})
	}
}

func TestNobodyRemovesTheIdentityOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	i := s.link(t, "ada@acme.example", s.connector(t, "", "google", "Google"), "ada")
	carl, _ := s.signedIn(t, "carl@nowhere.example")
	for what, p := range map[string]page{
		"another's":   carl.remove(i),
		"its page":    carl.get(removal(i)),
		"of nobody":   carl.remove(id.NewIdentity(time.Now())),
		"no identity": carl.post("/account/identities/remove", url.Values{"identity": {"x"}}),
		"nothing":     carl.post("/account/identities/remove", url.Values{}),
	} {
		if p.status != http.StatusOK || p.url.String() != s.url+"/account" {
			t.Errorf("%s ended at %s with %d", what, p.url, p.status)
		}
		p.wantUnseen("ada", "removed")
	}
	if p := s.browser(t).remove(i); p.url.Path != "/login" {
		t.Errorf("a stranger ended at %s", p.url)
	}
	r := carl.postRequest("/account/identities/remove", url.Values{"identity": {i.String()}})
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := carl.do(r); p.status != http.StatusForbidden {
		t.Errorf("from another site: %d", p.status)
	}
	if s.identities(t, "ada@acme.example") != 1 {
		t.Error("it is gone")
	}
}

// begin signs somebody in who has no password.
func (s *site) begin(b *browser, email string) error {
	token := secret.Generate()
	n := session.New(s.user(b.t, email).ID, s.now(), session.Lifetimes{Idle: time.Hour, Absolute: time.Hour})
	b.setCookie("signet", token.Reveal())
	return s.db.Sessions().Begin(context.Background(), token.Hash(), n)
}

// withLetters has people told by e-mail: what waits in the outbox is not sent.
func withLetters(t *testing.T) option {
	return func(c *interaction.Config) { c.Letters = mail.NewWriter(sealing(t), true, time.Now) }
}
