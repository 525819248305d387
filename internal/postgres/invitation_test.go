package postgres_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// letter is a message as the outbox stores it.
func letter() mail.Sealed {
	return mail.Sealed{ID: id.NewUUID(time.Now()), Body: []byte("sealed")}
}

func act(action audit.Action) admin.Act {
	actor := admin.Actor{Client: "console", Installation: true, Permissions: []string{admin.InstallationManage}}
	return admin.Act{Actor: actor, Event: audit.Event{At: time.Now(), Action: action, Actor: "console"}}
}

// invite stores an invitation into acme and returns it with its secret.
func (w *world) invite(t *testing.T, email string, roles ...string) (invitation.Invitation, secret.Text) {
	t.Helper()
	w.exec(t, `INSERT INTO client (id, name, auth_method, grant_types, scopes, audiences)
		VALUES ('console', 'Console', 'client_secret_basic', '{client_credentials}', '{installation:manage}', '{urn:signet:admin}') ON CONFLICT DO NOTHING`)
	i, token, err := invitation.New(w.acme, email, roles, time.Now(), time.Hour)
	must(t, err)
	i, _, err = w.Invitations().Create(t.Context(), act(audit.InvitationCreated), i, token.Hash(), letter())
	must(t, err)
	return i, token
}

func acceptance(user id.User, account *invitation.Account) invitation.Acceptance {
	return invitation.Acceptance{User: user, Account: account, Now: time.Now(), Event: audit.Event{At: time.Now(), Action: audit.InvitationAccepted}}
}

func newcomer() invitation.Acceptance {
	return acceptance(id.NewUser(time.Now()), &invitation.Account{Name: "New", PasswordHash: "hash"})
}

func (w *world) roles(t *testing.T, user id.User) []string {
	t.Helper()
	ms, err := w.Directory().ListMemberships(t.Context(), user, directory.Among{Tenant: w.acme})
	must(t, err)
	if len(ms) != 1 {
		return nil
	}
	return append([]string{"member"}, ms[0].Roles...)
}

func TestOfEightWhoAcceptAnInvitationAtOnceOneJoins(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "new@acme.example", "clerk")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := w.Invitations().Accept(t.Context(), token.Hash(), newcomer()); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, errdefs.ErrNotFound):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d accepted", won.Load())
	}
	for what, n := range map[string]int{
		"accounts": w.count(t, "SELECT count(*) FROM user_account WHERE email_normalized = 'new@acme.example' AND email_verified"),
		"events":   w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'invitation.accepted'"),
		"roles":    w.count(t, "SELECT count(*) FROM membership_role WHERE role = 'clerk' AND granted_by = 'console'"),
	} {
		if n != 1 {
			t.Errorf("%d %s", n, what)
		}
	}
}

func TestAnInvitationIsAcceptedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "New@Acme.example", "clerk")
	w.exec(t, "ALTER TABLE audit_event RENAME TO away")
	if err := w.Invitations().Accept(t.Context(), token.Hash(), newcomer()); err == nil {
		t.Fatal("accepted without a record")
	}
	w.exec(t, "ALTER TABLE away RENAME TO audit_event")
	if n := w.count(t, "SELECT count(*) FROM user_account WHERE email_normalized = 'new@acme.example'"); n != 0 {
		t.Fatal("half an acceptance left an account")
	}
	// The address was taken after the page was shown.
	w.exec(t, "INSERT INTO user_account (id, email, email_normalized) VALUES (gen_random_uuid(), 'new@acme.example', 'new@acme.example')")
	if err := w.Invitations().Accept(t.Context(), token.Hash(), newcomer()); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("%v, want a conflict", err)
	}
	u, err := w.Directory().FindUserByEmail(t.Context(), "new@acme.example")
	must(t, err)
	must(t, w.Invitations().Accept(t.Context(), token.Hash(), acceptance(u.ID, nil)))
	if u, err = w.Directory().FindUser(t.Context(), u.ID); err != nil || !u.EmailVerified {
		t.Errorf("the link did not verify the address: %v %v", u, err)
	}
	if got := w.roles(t, u.ID); !slices.Equal(got, []string{"member", "clerk"}) {
		t.Errorf("joined as %v", got)
	}
}

func TestAnInvitationIsForTheAddressItWasSentToAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "new@acme.example")
	notFound(t, "somebody else", w.Invitations().Accept(t.Context(), token.Hash(), acceptance(w.linus, nil)))
	_, token = w.invite(t, "LINUS@globex.EXAMPLE")
	w.exec(t, "UPDATE user_account SET disabled_at = now() WHERE id = $1", w.linus.UUID())
	notFound(t, "a disabled account", w.Invitations().Accept(t.Context(), token.Hash(), acceptance(w.linus, nil)))
	w.exec(t, "UPDATE user_account SET disabled_at = NULL")
	must(t, w.Invitations().Accept(t.Context(), token.Hash(), acceptance(w.linus, nil)))
}

func TestAVoidInvitationIsNotAccepted(t *testing.T) {
	t.Parallel()
	w := build(t)
	for what, spoil := range map[string]func(i invitation.Invitation, a *invitation.Acceptance){
		"accepted": func(i invitation.Invitation, _ *invitation.Acceptance) {
			w.exec(t, "UPDATE invitation SET accepted_at = now() WHERE id = $1", i.ID.UUID())
		},
		"expired": func(i invitation.Invitation, a *invitation.Acceptance) { a.Now = i.ExpiresAt },
		"revoked": func(i invitation.Invitation, _ *invitation.Acceptance) {
			must(t, w.Invitations().Revoke(t.Context(), act(audit.InvitationRevoked), w.acme, i.ID))
		},
		"renewed by inviting again": func(i invitation.Invitation, _ *invitation.Acceptance) {
			again, _ := w.invite(t, i.Email)
			if again.ID != i.ID {
				t.Error("two invitations are pending for one address")
			}
		},
		"sent again": func(i invitation.Invitation, _ *invitation.Acceptance) {
			_, err := w.Invitations().Resend(t.Context(), act(audit.InvitationResent), w.acme, i.ID, secret.Generate().Hash(), i.ExpiresAt, letter())
			must(t, err)
		},
		"into a disabled tenant": func(invitation.Invitation, *invitation.Acceptance) {
			w.exec(t, "UPDATE tenant SET disabled_at = now() WHERE id = $1", w.acme.UUID())
		},
	} {
		w.exec(t, "UPDATE tenant SET disabled_at = NULL")
		i, token := w.invite(t, "new@acme.example")
		a := newcomer()
		spoil(i, &a)
		notFound(t, what, w.Invitations().Accept(t.Context(), token.Hash(), a))
	}
}

func TestRolesThatAreGoneAreNotGivenAndUnknownOnesAreRefused(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "new@acme.example", "clerk", "admin", "clerk")
	w.exec(t, "DELETE FROM role WHERE tenant_id = $1 AND name = 'clerk'", w.acme.UUID())
	a := newcomer()
	must(t, w.Invitations().Accept(t.Context(), token.Hash(), a))
	if got := w.roles(t, a.User); !slices.Equal(got, []string{"member", "admin"}) {
		t.Errorf("joined as %v", got)
	}
	// viewer is a role of another tenant.
	i, token, err := invitation.New(w.acme, "other@acme.example", []string{"admin", "viewer"}, time.Now(), time.Hour)
	must(t, err)
	_, _, err = w.Invitations().Create(t.Context(), act(audit.InvitationCreated), i, token.Hash(), letter())
	if f, ok := errors.AsType[*admin.FieldError](err); !ok || f.Field != "roles[1]" {
		t.Errorf("a role of another tenant: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM invitation WHERE email = 'other@acme.example'"); n != 0 {
		t.Error("stored nevertheless")
	}
}

func TestWhoWasMadeAMemberMeanwhileKeepsThatAndGetsTheRolesToo(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "linus@globex.example", "clerk")
	w.exec(t, "INSERT INTO membership (tenant_id, user_id, suspended_at) VALUES ($1, $2, now())", w.acme.UUID(), w.linus.UUID())
	w.exec(t, "INSERT INTO membership_role (tenant_id, user_id, role) VALUES ($1, $2, 'admin')", w.acme.UUID(), w.linus.UUID())
	must(t, w.Invitations().Accept(t.Context(), token.Hash(), acceptance(w.linus, nil)))
	if n := w.count(t, "SELECT count(*) FROM membership_role WHERE tenant_id = $1 AND user_id = $2", w.acme.UUID(), w.linus.UUID()); n != 2 {
		t.Errorf("%d roles", n)
	}
	if n := w.count(t, "SELECT count(*) FROM membership WHERE tenant_id = $1 AND user_id = $2 AND suspended_at IS NOT NULL AND version = 2",
		w.acme.UUID(), w.linus.UUID()); n != 1 {
		t.Error("a suspension was lifted, or an edit meanwhile would overwrite the roles")
	}
}

func TestAMemberIsNotInvitedAgainAndStrangersAreNotToldApart(t *testing.T) {
	t.Parallel()
	w := build(t)
	create := func(email string) error {
		i, token, err := invitation.New(w.acme, email, nil, time.Now(), time.Hour)
		must(t, err)
		_, _, err = w.Invitations().Create(t.Context(), act(audit.InvitationCreated), i, token.Hash(), letter())
		return err
	}
	if err := create("ADA@acme.example"); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("a member: %v", err)
	}
	must(t, create("linus@globex.example")) // has an account elsewhere
	must(t, create("unknown@globex.example"))
	if n := w.count(t, "SELECT count(*) FROM mail_outbox"); n != 2 {
		t.Errorf("%d messages wait", n)
	}
}

func TestACreationTriedAgainInvitesOnce(t *testing.T) {
	t.Parallel()
	w := build(t)
	a := act(audit.InvitationCreated)
	a.Once = &admin.Once{Key: "k"}
	var first invitation.Invitation
	for n := range 2 {
		i, token, err := invitation.New(w.acme, "new@acme.example", nil, time.Now(), time.Hour)
		must(t, err)
		got, replayed, err := w.Invitations().Create(t.Context(), a, i, token.Hash(), letter())
		must(t, err)
		if n == 0 {
			first = got
		} else if !replayed || got.ID != first.ID || !got.ExpiresAt.Equal(first.ExpiresAt) {
			t.Errorf("replayed %v: %v, want %v", replayed, got, first)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM mail_outbox"); n != 1 {
		t.Errorf("%d messages wait", n)
	}
}

func TestInvitationsAreListedByStateAndPage(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, email := range []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"} {
		w.invite(t, email)
	}
	w.exec(t, "UPDATE invitation SET revoked_at = now() WHERE email = 'a@x.example'")
	w.exec(t, "UPDATE invitation SET accepted_at = now() WHERE email = 'b@x.example'")
	w.exec(t, "UPDATE invitation SET expires_at = now() WHERE email = 'c@x.example'")
	read := func(state invitation.State) (out []string) {
		p := admin.Page{Limit: 1}
		for {
			l, err := w.Invitations().List(t.Context(), w.acme, state, time.Now(), p)
			must(t, err)
			for _, i := range l.Items {
				out = append(out, i.Email[:1])
				if state != "" && i.State(time.Now()) != state {
					t.Errorf("%s is %s", i.Email, i.State(time.Now()))
				}
			}
			if p.After = l.Next; l.Next == "" {
				return out
			}
		}
	}
	for state, want := range map[invitation.State][]string{
		"": {"a", "b", "c", "d"}, invitation.Revoked: {"a"}, invitation.Accepted: {"b"}, invitation.Expired: {"c"}, invitation.Pending: {"d"},
	} {
		if got := read(state); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
}

func TestAnInvitationOfAnotherTenantDoesNotExist(t *testing.T) {
	t.Parallel()
	w := build(t)
	i, _ := w.invite(t, "new@acme.example")
	s := w.Invitations()
	_, err := s.Find(t.Context(), w.globex, i.ID)
	notFound(t, "find", err)
	_, err = s.Resend(t.Context(), act(audit.InvitationResent), w.globex, i.ID, secret.Generate().Hash(), time.Now().Add(time.Hour), letter())
	notFound(t, "resend", err)
	notFound(t, "revoke", s.Revoke(t.Context(), act(audit.InvitationRevoked), w.globex, i.ID))
	l, err := s.List(t.Context(), w.globex, "", time.Now(), admin.Page{Limit: 10})
	if must(t, err); len(l.Items) != 0 {
		t.Errorf("listed: %v", l.Items)
	}
	if n := w.count(t, "SELECT count(*) FROM mail_outbox"); n != 1 {
		t.Errorf("%d messages wait", n)
	}
}

func TestAnInvitationStandsAsLongAsTheMachineThatInvitedMayInvite(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, token := w.invite(t, "new@acme.example", "clerk")
	may := func() bool {
		o, err := w.Invitations().Offer(t.Context(), token.Hash())
		must(t, err)
		return !o.Orphaned
	}
	for what, c := range map[string][2]string{
		"disabled":             {"disabled_at = now()", "disabled_at = NULL"},
		"without the scope":    {"scopes = '{tenant:manage}'", "scopes = '{installation:manage}'"},
		"without the grant":    {"grant_types = '{}'", "grant_types = '{client_credentials}'"},
		"without the audience": {"audiences = '{}'", "audiences = '{urn:signet:admin}'"},
		"of another tenant":    {"tenant_id = (SELECT id FROM tenant WHERE slug = 'globex'), scopes = '{tenant:manage,installation:manage}'", "tenant_id = NULL, scopes = '{installation:manage}'"},
	} {
		w.exec(t, "UPDATE client SET "+c[0]+" WHERE id = 'console'")
		if may() {
			t.Errorf("%s: it still stands", what)
		}
		if err := w.Invitations().Accept(t.Context(), token.Hash(), newcomer()); !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%s: accepted: %v", what, err)
		}
		w.exec(t, "UPDATE client SET "+c[1]+" WHERE id = 'console'")
		if !may() {
			t.Errorf("not %s any more: it does not stand", what)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM user_account WHERE email_normalized = 'new@acme.example'"); n != 0 {
		t.Error("an account was left behind")
	}
	w.exec(t, "UPDATE client SET tenant_id = (SELECT id FROM tenant WHERE slug = 'acme'), scopes = '{tenant:manage}' WHERE id = 'console'")
	must(t, w.Invitations().Accept(t.Context(), token.Hash(), newcomer()))
}
