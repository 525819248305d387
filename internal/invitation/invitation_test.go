package invitation_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
)

func TestAnInvitationIsPendingUntilSomethingBecomesOfIt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	pending := invitation.Invitation{ExpiresAt: now.Add(time.Hour)}
	accepted, revoked := pending, pending
	accepted.AcceptedAt, revoked.RevokedAt = now, now
	for _, c := range []struct {
		i    invitation.Invitation
		at   time.Time
		want invitation.State
	}{
		{pending, now, invitation.Pending},
		{pending, now.Add(time.Hour - 1), invitation.Pending},
		{pending, now.Add(time.Hour), invitation.Expired},
		{accepted, now.Add(2 * time.Hour), invitation.Accepted},
		{revoked, now.Add(2 * time.Hour), invitation.Revoked},
	} {
		if got := c.i.State(c.at); got != c.want {
			t.Errorf("%+v at %v is %s, want %s", c.i, c.at, got, c.want)
		}
	}
}

func TestAnInvitationIsForItsAddressWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	i, token, err := invitation.New(id.NewTenant(time.Now()), " Ada@Acme.example ", []string{"b", "a", "b"}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(i.Roles, []string{"a", "b"}) || i.Email != "Ada@Acme.example" || len(token.Reveal()) != 43 {
		t.Errorf("%+v", i)
	}
	for email, want := range map[string]bool{"ada@acme.example": true, "ADA@ACME.EXAMPLE": true, "ada@acme.example.org": false, "": false} {
		if got := i.For(directory.User{Email: email}); got != want {
			t.Errorf("%q: %v", email, got)
		}
	}
}

func TestAnInvitationThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		email string
		roles []string
	}{
		"no address":      {"ada", nil},
		"two addresses":   {"a@x.example, b@x.example", nil},
		"a header":        {"a@x.example\r\nBcc: b@x.example", nil},
		"too many a role": {"a@x.example", make([]string, invitation.MaxRoles+1)},
	} {
		if _, _, err := invitation.New(id.NewTenant(time.Now()), c.email, c.roles, time.Now(), time.Hour); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
