package postgres_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

func TestASessionIsFoundByItsTokenWhileItAndItsPersonLive(t *testing.T) {
	t.Parallel()
	w := build(t)
	token := secret.New("browser").Hash()
	find := func() (session.Session, error) { return w.Sessions().Find(t.Context(), token) }
	got, err := find()
	must(t, err)
	for _, at := range []*time.Time{&got.CreatedAt, &got.AuthenticatedAt, &got.ExpiresAt, &got.AbsoluteExpiry} {
		*at = at.UTC()
	}
	if !reflect.DeepEqual(got, w.session) {
		t.Errorf("got\n%+v\nwant\n%+v", got, w.session)
	}
	_, err = w.Sessions().Find(t.Context(), secret.New("other").Hash())
	notFound(t, "another token", err)

	w.exec(t, "UPDATE user_account SET disabled_at = now()")
	_, err = find()
	notFound(t, "a disabled person", err)
	w.exec(t, "UPDATE user_account SET disabled_at = NULL")
	w.exec(t, "UPDATE browser_session SET expires_at = now()")
	_, err = find()
	notFound(t, "an expired session", err)
}

func TestUseMovesASessionsExpiryUpToItsEnd(t *testing.T) {
	t.Parallel()
	w := build(t)
	s := w.session
	s.ExpiresAt = s.AbsoluteExpiry.Add(time.Hour)
	must(t, w.Sessions().Touch(t.Context(), s))
	got, err := w.Sessions().Find(t.Context(), secret.New("browser").Hash())
	if err != nil || !got.ExpiresAt.Equal(s.AbsoluteExpiry) {
		t.Errorf("%v, %v", got.ExpiresAt, err)
	}
}

func TestARotatedSessionAnswersToItsNewTokenAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	old, fresh := secret.New("browser").Hash(), secret.New("fresh").Hash()
	again := w.session.Reauthenticated(w.session.AuthenticatedAt.Add(time.Minute), session.Lifetimes{Idle: time.Hour, Absolute: 8 * time.Hour})

	foreign := again
	foreign.User = w.linus
	notFound(t, "for another person", w.Sessions().Rotate(t.Context(), old, fresh, foreign))
	unknown := again
	unknown.ID = id.NewSession(time.Now())
	notFound(t, "of another session", w.Sessions().Rotate(t.Context(), old, fresh, unknown))

	must(t, w.Sessions().Rotate(t.Context(), old, fresh, again))
	_, err := w.Sessions().Find(t.Context(), old)
	notFound(t, "the old token", err)
	if got, err := w.Sessions().Find(t.Context(), fresh); err != nil || got.ID != w.session.ID || !got.AuthenticatedAt.Equal(again.AuthenticatedAt) {
		t.Errorf("the new token: %+v, %v", got, err)
	}
	notFound(t, "with the old token again", w.Sessions().Rotate(t.Context(), old, secret.New("third").Hash(), again))
	must(t, w.Sessions().End(t.Context(), w.session.ID, time.Hour))
	notFound(t, "after its end", w.Sessions().Rotate(t.Context(), fresh, secret.New("third").Hash(), again))
}

func TestTheEndOfASessionTakesWhatLivesWithIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	elsewhere := w.begin(t, w.ada, secret.New("elsewhere"))
	bound := w.family(t, nil)
	offline := w.family(t, func(a *grant.Authorization) { a.Offline = true })
	other := w.family(t, func(a *grant.Authorization) { a.Session = elsewhere.ID })
	for range 2 { // the second time changes nothing
		must(t, w.Sessions().End(t.Context(), w.session.ID, time.Hour))
	}
	_, err := w.Sessions().Find(t.Context(), secret.New("browser").Hash())
	notFound(t, "the session", err)
	_, err = w.Grants().Rotate(t.Context(), rotation(bound, 0, time.Minute))
	notFound(t, "a family of it", err)
	for name, g := range map[string]id.Grant{"offline access": offline, "another session's family": other} {
		if _, err := w.Grants().Rotate(t.Context(), rotation(g, 0, time.Minute)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for sid, want := range map[string]bool{w.session.ID.String(): true, elsewhere.ID.String(): false} {
		if void, err := w.Grants().Void(t.Context(), "", sid, ""); err != nil || void != want {
			t.Errorf("access tokens of %s: %v, %v", sid, void, err)
		}
	}
	must(t, w.Sessions().End(t.Context(), id.NewSession(time.Now()), time.Hour)) // unknown: nothing to do
	if n := w.count(t, "SELECT count(*) FROM revocation"); n != 1 {
		t.Errorf("%d cutoffs", n)
	}
}

func TestAChangeOfPasswordEndsOtherSessionsAndSparesThisOneAndOtherPeople(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.begin(t, w.ada, secret.New("phone"))
	w.begin(t, w.linus, secret.New("linus"))
	must(t, w.Sessions().ChangePassword(t.Context(), w.ada, "hash-2", w.session.ID, time.Hour, mail.Sealed{}))
	if got, err := w.Directory().FindPassword(t.Context(), w.ada); err != nil || got.Encoded != "hash-2" {
		t.Errorf("the password is %q, %v", got.Encoded, err)
	}
	for token, want := range map[string]bool{"browser": true, "phone": false, "linus": true} {
		if _, err := w.Sessions().Find(t.Context(), secret.New(token).Hash()); (err == nil) != want {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestWhatALapsedSessionLeftBehindCanBeEnded(t *testing.T) {
	t.Parallel()
	for name, lapse := range map[string]string{
		"it lives":      "",
		"it ran out":    "UPDATE browser_session SET expires_at = now()",
		"it is deleted": "DELETE FROM browser_session",
	} {
		w := build(t)
		family := w.family(t, nil)
		if lapse != "" {
			w.exec(t, lapse)
		}
		ended, err := w.Sessions().EndLapsed(t.Context(), w.session.ID, time.Hour)
		must(t, err)
		f, err := w.Grants().FindFamily(t.Context(), family)
		must(t, err)
		if want := lapse != ""; ended != want || f.RevokedAt.IsZero() == want {
			t.Errorf("%s: ended %v, family revoked at %v", name, ended, f.RevokedAt)
		}
		if ended, err = w.Sessions().EndLapsed(t.Context(), w.session.ID, time.Hour); err != nil || ended {
			t.Errorf("%s, a second time: %v, %v", name, ended, err)
		}
	}
	w := build(t)
	family := w.family(t, nil)
	w.exec(t, "DELETE FROM browser_session")
	must(t, w.Sessions().ChangePassword(t.Context(), w.ada, "hash-2", id.NewSession(time.Now()), time.Hour, mail.Sealed{}))
	if f, err := w.Grants().FindFamily(t.Context(), family); err != nil || f.RevokedAt.IsZero() {
		t.Errorf("a change of password passed by what a deleted session left behind: %v", err)
	}
}

func TestAChangeOfPasswordEndsGrantsThatOutliveTheirSessionAndCodesOnTheirWay(t *testing.T) {
	t.Parallel()
	w := build(t)
	phone := w.begin(t, w.ada, secret.New("phone"))
	elsewhere := func(a *grant.Authorization) { a.Session, a.Offline = phone.ID, true }
	stolen := w.family(t, elsewhere)
	kept := w.family(t, func(a *grant.Authorization) { a.Offline = true })
	redemption, _ := w.code(t, elsewhere)
	must(t, w.Sessions().ChangePassword(t.Context(), w.ada, "hash-2", w.session.ID, time.Hour, mail.Sealed{}))
	if f, err := w.Grants().FindFamily(t.Context(), stolen); err != nil || f.RevokedAt.IsZero() {
		t.Errorf("an offline grant of another session lives on: %v", err)
	}
	if void, err := w.Grants().Void(t.Context(), stolen.String(), "", ""); err != nil || !void {
		t.Errorf("its access tokens live on: %v", err)
	}
	if f, err := w.Grants().FindFamily(t.Context(), kept); err != nil || !f.RevokedAt.IsZero() {
		t.Errorf("the grant of this session ended: %v", err)
	}
	_, err := w.Grants().Redeem(t.Context(), redemption)
	notFound(t, "a code of another session", err)
}

func TestASignInProvenByAPasswordThatChangedMeanwhileDoesNotBegin(t *testing.T) {
	t.Parallel()
	w := build(t)
	must(t, w.Directory().SetPassword(t.Context(), w.ada, "hash-1"))
	before, err := w.Directory().FindPassword(t.Context(), w.ada)
	must(t, err)
	must(t, w.Sessions().ChangePassword(t.Context(), w.ada, "hash-2", w.session.ID, time.Hour, mail.Sealed{}))
	begin := func(provenBy time.Time) error {
		s := session.New(w.ada, time.Now(), session.Lifetimes{Idle: time.Hour, Absolute: time.Hour})
		s.ProvenBy = provenBy
		return w.Sessions().Begin(t.Context(), secret.Generate().Hash(), s)
	}
	if err := begin(before.ChangedAt); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("by the old password: %v", err)
	}
	now, err := w.Directory().FindPassword(t.Context(), w.ada)
	must(t, err)
	must(t, begin(now.ChangedAt))
	must(t, w.Directory().UpgradePassword(t.Context(), w.ada, "hash-2", "hash-2-under-todays-parameters"))
	must(t, begin(now.ChangedAt)) // the same password, hashed anew
}

// Sign-ins that were proven by the old password race the change of it. None may be left signed
// in, whoever comes first.
func TestNoSignInSlipsPastAChangeOfPassword(t *testing.T) {
	t.Parallel()
	w := build(t)
	for round := range 10 {
		must(t, w.Directory().SetPassword(t.Context(), w.ada, "old"))
		old, err := w.Directory().FindPassword(t.Context(), w.ada)
		must(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s := session.New(w.ada, time.Now(), session.Lifetimes{Idle: time.Hour, Absolute: time.Hour})
				s.ProvenBy = old.ChangedAt
				err := w.Sessions().Begin(context.Background(), secret.Generate().Hash(), s)
				if err != nil && !errors.Is(err, errdefs.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := w.Sessions().ChangePassword(context.Background(), w.ada, "new", w.session.ID, time.Hour, mail.Sealed{}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if n := w.count(t, "SELECT count(*) FROM browser_session WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL", w.ada.UUID(), w.session.ID.UUID()); n != 0 {
			t.Fatalf("round %d: %d sign-ins by the old password are left", round, n)
		}
	}
}
