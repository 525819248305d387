package interaction_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
)

func (b *browser) saveProfile(name, given, family, locale string) page {
	b.t.Helper()
	return b.post("/account/profile", url.Values{"name": {name}, "given_name": {given}, "family_name": {family}, "locale": {locale}})
}

func TestPeopleEditTheirProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, here := s.signedIn(t, "ada@acme.example")
	if p := b.get("/account"); !strings.Contains(p.body, `href="/account/profile"`) {
		t.Error("the account page does not lead there")
	}
	p := b.get("/account/profile")
	p.want(http.StatusOK, `name="name" type="text" dir="auto" autocomplete="name" maxlength="200" value="Ada Lovelace"`)
	p.wantUnseen("keeps this up to date", "keep this up to date")
	p = b.saveProfile("  Ada King ", "Ada", "King", "pt-BR")
	if p.status != http.StatusOK || p.url.Path != "/account" {
		t.Fatalf("ended at %s with %d:\n%s", p.url, p.status, p.body)
	}
	p.wantSeen("Your profile is saved.", "Ada King")
	u := s.user(t, "ada@acme.example")
	if want := (directory.Profile{Name: "Ada King", GivenName: "Ada", FamilyName: "King", Locale: "pt-BR"}); u.Profile() != want || !u.EmailVerified {
		t.Errorf("stored %+v", u)
	}
	events, err := s.db.Audit().List(t.Context(), admin.Reach{All: true}, audit.Query{Action: audit.ProfileChanged}, admin.Page{Limit: 50})
	check(t, err)
	if len(events.Items) != 1 || events.Items[0].User != u.ID || events.Items[0].Session != here.ID || events.Items[0].Detail["changed"] != "name given_name family_name locale" {
		t.Errorf("on record: %+v", events.Items)
	}
	b.get("/account/profile").want(http.StatusOK, `<option value="pt-BR" lang="pt-BR" selected>`)
}

func TestAProfileThatBreaksARuleSaysWhichFieldAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signedIn(t, "ada@acme.example")
	before := s.user(t, "ada@acme.example")
	for name, c := range map[string]struct {
		page page
		want []string
	}{
		"too long":    {b.saveProfile(strings.Repeat("a", 201), "kept", "", ""), []string{`id="name-fault"`, `value="kept"`}},
		"a line":      {b.saveProfile("Ada", "a\nb", "", ""), []string{`id="given_name-fault"`}},
		"no language": {b.saveProfile("Ada", "", "", "not one"), []string{`id="locale-fault"`}},
	} {
		for _, want := range append(c.want, "Your profile was not saved", `aria-invalid="true"`, "<title>Error: ") {
			if c.page.status != http.StatusBadRequest || !strings.Contains(c.page.body, want) {
				t.Errorf("%s: %d without %s", name, c.page.status, want)
			}
		}
		if got := strings.Count(c.page.body, `aria-invalid="true"`); got != 1 {
			t.Errorf("%s: %d fields are at fault", name, got)
		}
	}
	if s.user(t, "ada@acme.example") != before {
		t.Error("something was stored")
	}
}

func TestTheProfileSaysWhoElseFillsItIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.link(t, "ada@acme.example", s.connector(t, "", "google", "Google"), "ada")
	b, _ := s.signedIn(t, "ada@acme.example")
	b.get("/account/profile").wantSeen("Google keeps this up to date", "What you change here stays as you write it.")
	s.link(t, "ada@acme.example", s.connector(t, "", "hub", "Hub"), "ada")
	b.get("/account/profile").wantSeen("The providers that you sign in through keep this up to date.")
	s.exec(t, "UPDATE connector SET disabled_at = now() WHERE slug = 'google'") // fills in nothing any more
	b.get("/account/profile").wantSeen("Hub keeps this up to date")
}

func TestAProfileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	for what, p := range map[string]page{"the page": b.get("/account/profile"), "a post": b.saveProfile("Mallory", "", "", "")} {
		if p.url.Path != "/login" {
			t.Errorf("%s ended at %s with %d", what, p.url, p.status)
		}
	}
	carl, _ := s.signedIn(t, "carl@nowhere.example")
	carl.post("/account/profile", url.Values{"name": {"Carl"}, "email": {"ada@acme.example"}, "email_verified": {"false"}, "picture": {"https://evil.example/x"}})
	if u := s.user(t, "carl@nowhere.example"); u.Picture != "" || !u.EmailVerified {
		t.Errorf("more was changed than is on the page: %+v", u)
	}
}
