package postgres_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/secret"
)

// link stores a link of Ada's and returns its secret.
func (w *world) link(t *testing.T, p maillink.Purpose) secret.Text {
	t.Helper()
	u, err := w.Directory().FindUser(t.Context(), w.ada)
	must(t, err)
	l, token, err := maillink.New(p, u, time.Now(), time.Hour)
	must(t, err)
	l.Flow = "sealed.flow"
	must(t, w.MailLinks().Issue(t.Context(), l, token.Hash(), letter(), audit.Event{At: time.Now(), Action: audit.PasswordResetRequested}))
	return token
}

func (w *world) reset(t *testing.T, token secret.Text, hash string) error {
	return w.MailLinks().ResetPassword(t.Context(), token.Hash(), hash, time.Now(), time.Hour, letter(), audit.Event{At: time.Now(), Action: audit.PasswordReset})
}

func TestAResetEndsEverythingThatWasHadByTheOldPassword(t *testing.T) {
	t.Parallel()
	w := build(t)
	stays, lives := w.family(t, func(a *grant.Authorization) { a.Grant.Offline = true }), w.family(t, nil)
	code, _ := w.code(t, nil)
	token, other := w.link(t, maillink.ResetPassword), w.link(t, maillink.ResetPassword)
	must(t, w.reset(t, token, "hash-2"))
	for _, g := range []id.Grant{stays, lives} {
		_, err := w.Grants().Rotate(t.Context(), rotation(g, 0, 0))
		notFound(t, "a grant", err)
	}
	_, err := w.Grants().Redeem(t.Context(), code)
	notFound(t, "a code", err)
	_, err = w.Sessions().Find(t.Context(), secret.New("browser").Hash())
	notFound(t, "the session", err)
	notFound(t, "the link used again", w.reset(t, token, "hash-3"))
	notFound(t, "another link", w.reset(t, other, "hash-3"))
	c, err := w.Directory().FindPassword(t.Context(), w.ada)
	if must(t, err); c.Encoded != "hash-2" {
		t.Errorf("the password is %q", c.Encoded)
	}
	u, err := w.Directory().FindUser(t.Context(), w.ada)
	if must(t, err); !u.EmailVerified {
		t.Error("the link did not prove the address")
	}
	if n := w.count(t, "SELECT count(*) FROM mail_outbox"); n != 3 {
		t.Errorf("%d messages wait, want two links and a notice", n)
	}
}

func TestOfManyLinksUsedAtOnceOneResetsThePassword(t *testing.T) {
	t.Parallel()
	w := build(t)
	one, two := w.link(t, maillink.ResetPassword), w.link(t, maillink.ResetPassword)
	var won atomic.Int32
	var wg sync.WaitGroup
	for n := range 8 {
		token := one
		if n%2 == 1 {
			token = two
		}
		wg.Go(func() {
			switch err := w.reset(t, token, "hash"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, errdefs.ErrNotFound):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d links were used", won.Load())
	}
}

func TestALinkIsForOnePurposeForATimeAndForTheAddressItWasSentTo(t *testing.T) {
	t.Parallel()
	w := build(t)
	use := map[maillink.Purpose]func(token secret.Text, now time.Time) error{
		maillink.VerifyEmail: func(token secret.Text, now time.Time) error {
			_, err := w.MailLinks().Verify(t.Context(), token.Hash(), now, audit.Event{At: now, Action: audit.EmailVerified})
			return err
		},
		maillink.ResetPassword: func(token secret.Text, now time.Time) error {
			return w.MailLinks().ResetPassword(t.Context(), token.Hash(), "h", now, time.Hour, letter(), audit.Event{At: now, Action: audit.PasswordReset})
		},
	}
	other := map[maillink.Purpose]maillink.Purpose{maillink.VerifyEmail: maillink.ResetPassword, maillink.ResetPassword: maillink.VerifyEmail}
	for p, try := range use {
		token := w.link(t, p)
		refuse := func(what string, now time.Time) {
			t.Helper()
			notFound(t, string(p)+" "+what, try(token, now))
			_, _, err := w.MailLinks().Find(t.Context(), p, token.Hash(), now)
			notFound(t, string(p)+" found "+what, err)
		}
		notFound(t, string(p)+" as another", use[other[p]](token, time.Now()))
		refuse("too late", time.Now().Add(time.Hour))
		w.exec(t, "UPDATE user_account SET email = 'ada@new.example', email_normalized = 'ada@new.example' WHERE id = $1", w.ada.UUID())
		refuse("with another address", time.Now())
		w.exec(t, "UPDATE user_account SET email = 'Ada@acme.example', email_normalized = 'ada@acme.example', disabled_at = now() WHERE id = $1", w.ada.UUID())
		refuse("disabled", time.Now())
		w.exec(t, "UPDATE user_account SET disabled_at = NULL")
		l, u, err := w.MailLinks().Find(t.Context(), p, token.Hash(), time.Now())
		if must(t, err); u.ID != w.ada || l.Flow != "sealed.flow" || l.Purpose != p {
			t.Errorf("%v %v", l, u)
		}
		must(t, try(token, time.Now()))
		refuse("again", time.Now())
	}
	notFound(t, "of nobody", w.reset(t, secret.Generate(), "h"))
}

func TestAChangedPasswordVoidsLinksThatWouldResetIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	token, verify := w.link(t, maillink.ResetPassword), w.link(t, maillink.VerifyEmail)
	must(t, w.Sessions().ChangePassword(t.Context(), w.ada, "hash-2", w.session.ID, time.Hour, letter()))
	notFound(t, "the link", w.reset(t, token, "hash-3"))
	_, err := w.MailLinks().Verify(t.Context(), verify.Hash(), time.Now(), audit.Event{At: time.Now(), Action: audit.EmailVerified})
	must(t, err) // it gives nobody anything
}

func TestOldInvitationsAndLinksAreCleanedUp(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, email := range []string{"old@x.example", "recent@x.example"} {
		w.invite(t, email)
	}
	w.link(t, maillink.VerifyEmail)
	w.link(t, maillink.ResetPassword)
	w.exec(t, "UPDATE invitation SET expires_at = now() - interval '31 days' WHERE email = 'old@x.example'")
	w.exec(t, "UPDATE invitation SET expires_at = now() - interval '29 days' WHERE email = 'recent@x.example'")
	w.exec(t, "UPDATE mail_link SET expires_at = now() - interval '25 hours' WHERE purpose = 'verify_email'")
	w.exec(t, "UPDATE mail_link SET expires_at = now() - interval '23 hours' WHERE purpose = 'reset_password'")
	done, err := w.Clean(t.Context(), time.Now())
	must(t, err)
	if left := w.count(t, "SELECT (SELECT count(*) FROM invitation) * 10 + (SELECT count(*) FROM mail_link)"); done.Invitations != 1 || done.Links != 1 || left != 11 {
		t.Errorf("%+v, and %d are left", done, left)
	}
}

func TestNoLinkGoesToAnAddressThatWasChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := build(t)
	u, err := w.Directory().FindUser(t.Context(), w.ada)
	must(t, err)
	l, token, err := maillink.New(maillink.VerifyEmail, u, time.Now(), time.Hour)
	must(t, err)
	w.exec(t, "UPDATE user_account SET email_normalized = 'else@acme.example' WHERE id = $1", w.ada.UUID())
	if err := w.MailLinks().Issue(t.Context(), l, token.Hash(), letter(), audit.Event{At: time.Now(), Action: audit.VerificationSent}); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("%v, want a conflict", err)
	}
	if n := w.count(t, "SELECT (SELECT count(*) FROM mail_outbox) + (SELECT count(*) FROM mail_link)"); n != 0 {
		t.Error("something was stored")
	}
}
