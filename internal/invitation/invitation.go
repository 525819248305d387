// Package invitation owns the rules about inviting people into a tenant by e-mail: whom an
// invitation is for, how long it stands and what has become of it.
//
// It knows neither HTTP nor SQL. The link that the message carries holds a secret; only its digest
// is stored, and whoever presents it has read the mailbox that it was sent to.
package invitation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// MaxRoles is how many roles one invitation may give.
const MaxRoles = 50

// Invitation offers a membership to whoever reads a mailbox.
type Invitation struct {
	ID         id.Invitation
	Tenant     id.Tenant
	Email      string   // as it was entered; compared by directory.NormalizeEmail
	Roles      []string // given on acceptance, as far as they exist then
	InvitedBy  string   // "usr_…", a client id, or "installation"
	CreatedAt  time.Time
	ExpiresAt  time.Time // of the link sent last
	AcceptedAt time.Time // zero: not yet
	AcceptedBy id.User
	RevokedAt  time.Time // zero: not revoked
}

// State is what has become of an invitation.
type State string

// The states. Only a pending invitation can be accepted; an expired one can be sent again.
const (
	Pending  State = "pending"
	Expired  State = "expired"
	Accepted State = "accepted"
	Revoked  State = "revoked"
)

// State returns the state at now. At ExpiresAt itself the link is void.
func (i Invitation) State(now time.Time) State {
	switch {
	case !i.AcceptedAt.IsZero():
		return Accepted
	case !i.RevokedAt.IsZero():
		return Revoked
	case !now.Before(i.ExpiresAt):
		return Expired
	}
	return Pending
}

// For reports whether the invitation was sent to the person's address. Anybody else may not
// accept it, even with the link: whoever invited chose the address.
func (i Invitation) For(u directory.User) bool {
	invited, err := directory.NormalizeEmail(i.Email)
	if err != nil {
		return false
	}
	theirs, err := directory.NormalizeEmail(u.Email)
	return err == nil && invited == theirs
}

// New returns an invitation that stands from now for lifetime, and the secret of its link. The
// error is errdefs.ErrInvalid and begins with the field.
func New(tenant id.Tenant, email string, roles []string, now time.Time, lifetime time.Duration) (Invitation, secret.Text, error) {
	email = strings.TrimSpace(email)
	if _, err := directory.NormalizeEmail(email); err != nil {
		return Invitation{}, secret.Text{}, err
	}
	if len(roles) > MaxRoles {
		return Invitation{}, secret.Text{}, fmt.Errorf("roles: name %d at most: %w", MaxRoles, errdefs.ErrInvalid)
	}
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	return Invitation{
		ID: id.NewInvitation(now), Tenant: tenant, Email: email, Roles: roles, CreatedAt: now, ExpiresAt: now.Add(lifetime),
	}, secret.Generate(), nil
}

// Offer is an invitation as the person who was invited sees it.
type Offer struct {
	Invitation
	Tenant  directory.Tenant
	Inviter directory.User // zero: a machine, or somebody who is no longer here
	Known   bool           // an account has the address
	// Standing names the roles among Roles that still exist.
	Standing []string
	// Orphaned says that whoever invited may no longer invite into the tenant: nobody can accept.
	Orphaned bool
}

// Acceptance is who accepts an invitation: a person with an account or, with Account, somebody who
// gets one.
type Acceptance struct {
	User    id.User
	Account *Account // nil: User exists
	Now     time.Time
	Event   audit.Event // stored with the change; Tenant and Target are filled in
}

// Account is what somebody new chooses. The address is the invitation's, and verified.
type Account struct {
	Name         string
	PasswordHash string
}
