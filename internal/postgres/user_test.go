package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

func TestAnAccountIsMadeOnceForAnAddressHoweverManyTry(t *testing.T) {
	t.Parallel()
	w := build(t)
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, _, errs[i] = w.Users().Create(t.Context(), did(audit.UserCreated), directory.NewUser{
				User: directory.User{ID: id.NewUser(time.Now()), Email: "New@acme.example"}, PasswordHash: fmt.Sprint("hash", i), Memberships: []directory.NewMembership{{Tenant: w.acme, Roles: []string{"clerk"}}},
			})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		names(t, "the others", err, "email", errdefs.ErrConflict)
	}
	if n := w.count(t, "SELECT count(*) FROM user_account u JOIN membership m ON m.user_id = u.id JOIN password_credential p ON p.user_id = u.id WHERE u.email_normalized = 'new@acme.example'"); won != 1 || n != 1 {
		t.Errorf("%d won, %d accounts", won, n)
	}
	if n := w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'user.created'"); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestARetriedCreationFindsWhatTheFirstOneMade(t *testing.T) {
	t.Parallel()
	w := build(t)
	create := func(key, email string) (directory.User, bool, error) {
		a := did(audit.UserCreated)
		a.Once = &admin.Once{Key: key, Fingerprint: secret.New(email).Hash()}
		return w.Users().Create(t.Context(), a, directory.NewUser{User: directory.User{ID: id.NewUser(time.Now()), Email: email}})
	}
	first, replayed, err := create("k", "new@acme.example")
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	again, replayed, err := create("k", "new@acme.example")
	if err != nil || !replayed || again.ID != first.ID {
		t.Errorf("%v, %v, %v", again.ID, replayed, err)
	}
	if _, _, err := create("k", "other@acme.example"); !errors.Is(err, admin.ErrKeyReused) {
		t.Errorf("the key for another: %v", err)
	}
	must(t, w.Users().Delete(t.Context(), did(audit.UserDeleted), first.ID, keep))
	_, _, err = create("k", "new@acme.example")
	notFound(t, "what was deleted since", err)
}

func TestWhoIsDisabledDeletedOrGetsAnotherPasswordIsOutEverywhere(t *testing.T) {
	t.Parallel()
	update := func(w *world, edit directory.UserEdit) error {
		_, err := w.Users().Update(t.Context(), did(audit.UserUpdated), w.ada, edit, keep)
		return err
	}
	same := func(*directory.User) error { return nil }
	for what, do := range map[string]func(w *world) error{
		"disabled": func(w *world) error {
			return update(w, directory.UserEdit{Apply: func(u *directory.User) error { u.DisabledAt = time.Now(); return nil }})
		},
		"another password": func(w *world) error { return update(w, directory.UserEdit{Apply: same, PasswordHash: "hash-2"}) },
		"deleted":          func(w *world) error { return w.Users().Delete(t.Context(), did(audit.UserDeleted), w.ada, keep) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			w.joined(t, "second@acme.example", w.acme, "admin")
			bound := w.family(t, nil)
			offline := w.family(t, func(a *grant.Authorization) { a.Tenant, a.Offline = w.globex, true })
			another := w.family(t, func(a *grant.Authorization) { a.User, a.Offline, a.Session = w.linus, true, id.NewSession(time.Now()) })
			pending, _ := w.code(t, nil)
			must(t, do(w))
			_, err := w.Sessions().Find(t.Context(), secret.New("browser").Hash())
			notFound(t, "the session", err)
			_, err = w.Grants().Redeem(t.Context(), pending)
			notFound(t, "a code not yet redeemed", err)
			for g, sid := range map[id.Grant]string{bound: w.session.ID.String(), offline: "", another: ""} {
				if void, err := w.Grants().Void(t.Context(), g.String(), sid, ""); err != nil || void != (g != another) {
					t.Errorf("tokens of %s are void: %v, %v", g, void, err)
				}
			}
			if _, err := w.Grants().Rotate(t.Context(), rotation(another, 0, 0)); err != nil {
				t.Errorf("somebody else: %v", err)
			}
		})
	}
}

func TestAnEditOfAnAccountLeavesWhatItDoesNotTouch(t *testing.T) {
	t.Parallel()
	w := build(t)
	family := w.family(t, nil)
	got, err := w.Users().Update(t.Context(), did(audit.UserUpdated), w.ada, directory.UserEdit{Apply: func(u *directory.User) error { u.Name = "Countess"; return nil }}, keep)
	if err != nil || got.Name != "Countess" || got.Email != "Ada@acme.example" || got.Version != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Grants().Rotate(t.Context(), rotation(family, 0, 0)); err != nil {
		t.Errorf("signed out by another name: %v", err)
	}
	if c, err := w.Directory().FindPassword(t.Context(), w.ada); err != nil || c.Encoded != "hash-1" {
		t.Errorf("%v, %v", c, err)
	}
	taken := directory.UserEdit{Apply: func(u *directory.User) error { u.Email = "LINUS@globex.example"; return nil }}
	_, err = w.Users().Update(t.Context(), did(audit.UserUpdated), w.ada, taken, keep)
	names(t, "an address that is taken", err, "email", errdefs.ErrConflict)
	upper := directory.UserEdit{Apply: func(u *directory.User) error { u.Email = "ADA@acme.example"; return nil }}
	if got, err := w.Users().Update(t.Context(), did(audit.UserUpdated), w.ada, upper, keep); err != nil || got.Email != "ADA@acme.example" {
		t.Errorf("one's own in capitals: %v", err)
	}
}

func TestTheLogOfATenantHasWhoCameAndWentWithTheirAccount(t *testing.T) {
	t.Parallel()
	w := build(t)
	user := w.joined(t, "new@acme.example", w.acme, "clerk", "member")
	must(t, w.Users().Delete(t.Context(), did(audit.UserDeleted), user, keep))
	l, err := w.Audit().List(t.Context(), admin.Reach{Tenant: w.acme}, audit.Query{User: user}, admin.Page{Limit: 10})
	must(t, err)
	var got []string
	for _, e := range l.Items {
		got = append(got, fmt.Sprint(e.Action, e.Detail, e.Actor, e.Target == user.String()))
	}
	want := []string{"member.removedmap[account:deleted]signet-clitrue", "member.addedmap[roles_added:clerk, member]signet-clitrue"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// The tenant's copy of an address is read by whoever searches it.
func TestAMembersAddressFollowsTheAccounts(t *testing.T) {
	t.Parallel()
	w := build(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := w.Users().Update(t.Context(), did(audit.UserUpdated), w.linus, directory.UserEdit{Apply: func(u *directory.User) error { u.Email = "moved@globex.example"; return nil }}, keep)
		if err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		_, _, err := w.Members().Add(t.Context(), did(audit.MemberAdded), directory.Member{Tenant: w.acme, User: directory.User{ID: w.linus}})
		if err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if n := w.count(t, "SELECT count(*) FROM membership m JOIN user_account u ON u.id = m.user_id WHERE m.email_normalized <> u.email_normalized"); n != 0 {
		t.Errorf("%d members under an old address", n)
	}
	if n := w.count(t, "SELECT count(*) FROM membership WHERE email_normalized = 'moved@globex.example'"); n != 2 {
		t.Errorf("%d under the new one", n)
	}
}

func TestPeopleChangeWhatTheySayOfThemselvesAndNothingElse(t *testing.T) {
	t.Parallel()
	w := build(t)
	was, err := w.Directory().FindUser(t.Context(), w.ada)
	must(t, err)
	ear := w.ear(t)
	change := func(p directory.Profile) error {
		return w.Users().UpdateProfile(t.Context(), w.ada, p, audit.Event{At: time.Now(), Action: audit.ProfileChanged})
	}
	p := directory.Profile{Name: "Augusta Ada King", GivenName: "Ada", FamilyName: "King", Locale: "en-GB"}
	must(t, change(p))
	now, err := w.Directory().FindUser(t.Context(), w.ada)
	must(t, err)
	want := was.WithProfile(p)
	want.Version, want.UpdatedAt = was.Version+1, now.UpdatedAt
	if now != want || !now.UpdatedAt.After(was.UpdatedAt) {
		t.Errorf("stored %+v, want %+v", now, want)
	}
	if got := ear.heard(t); !slices.Equal(got, []string{uuidOf(w.ada)}) {
		t.Errorf("announced %q", got)
	}
	must(t, change(p)) // says the same again
	if n := w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'user.profile_changed' AND user_id = '"+uuidOf(w.ada)+"' AND detail->>'changed' = 'name given_name family_name locale'"); n != 1 {
		t.Errorf("%d records", n)
	}
	p.Locale = "not a language"
	names(t, "a bad locale", change(p), "locale", errdefs.ErrInvalid)

	w.exec(t, "UPDATE user_account SET disabled_at = now() WHERE id = '"+uuidOf(w.ada)+"'")
	p.Locale = "fr"
	notFound(t, "a disabled account", change(p))
	if w.count(t, "SELECT count(*) FROM user_account WHERE locale = 'fr'") != 0 {
		t.Error("a disabled account was changed")
	}
}
