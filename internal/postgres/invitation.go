package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/invitation"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// Invitations stores invitations under the digest of the secret in their link.
type Invitations struct{ db *DB }

// Invitations returns the store of invitations.
func (db *DB) Invitations() Invitations { return Invitations{db} }

// List returns the tenant's invitations, oldest first; those in one state at now alone, unless
// state is "".
func (s Invitations) List(ctx context.Context, tenant id.Tenant, state invitation.State, now time.Time, p admin.Page) (admin.List[invitation.Invitation], error) {
	k, err := after(p)
	if err != nil {
		return admin.List[invitation.Invitation]{}, err
	}
	rows, err := s.db.q.ListInvitations(ctx, sqlcgen.ListInvitationsParams{
		TenantID: tenant.UUID(), State: string(state), Now: now, AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1),
	})
	if err != nil {
		return admin.List[invitation.Invitation]{}, wrap("list invitations", err)
	}
	return listOf(limited(rows, p.Limit, func(r sqlcgen.Invitation) any { return pageKey{r.CreatedAt, r.ID} }), toInvitation), nil
}

// Find returns an invitation of the tenant; errdefs.ErrNotFound if there is none.
func (s Invitations) Find(ctx context.Context, tenant id.Tenant, i id.Invitation) (invitation.Invitation, error) {
	row, err := s.db.q.FindInvitation(ctx, sqlcgen.FindInvitationParams{TenantID: tenant.UUID(), ID: i.UUID()})
	return toInvitation(row), wrap("find invitation", err)
}

// Create stores an invitation with the message that carries its link. What is pending for the
// address is renewed and keeps its identifier; the link sent before is void. The refusals tell
// what members of the tenant know: whether the address has an account elsewhere is not looked at.
func (s Invitations) Create(ctx context.Context, a admin.Act, i invitation.Invitation, token secret.Hash, letter mail.Sealed) (created invitation.Invitation, replayed bool, err error) {
	if !a.Actor.Manages(i.Tenant) {
		return created, false, errNothing
	}
	normalized, err := directory.NormalizeEmail(i.Email)
	if err != nil {
		return created, false, err
	}
	reference, replayed, err := s.db.act(ctx, "invite", a, func(q *sqlcgen.Queries) (string, error) {
		if err := mayInvite(ctx, q, i, normalized); err != nil {
			return "", err
		}
		row, err := q.SaveInvitation(ctx, sqlcgen.SaveInvitationParams{
			ID: i.ID.UUID(), TenantID: i.Tenant.UUID(), Email: i.Email, EmailNormalized: normalized, Roles: list(i.Roles),
			TokenHash: token[:], CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
		})
		if err != nil {
			return "", err
		}
		created = toInvitation(row)
		return created.ID.String(), queue(ctx, q, letter)
	})
	if err == nil && replayed {
		made, err := id.ParseInvitation(reference)
		if err != nil {
			return created, replayed, err
		}
		created, err = s.Find(ctx, i.Tenant, made)
		return created, replayed, err
	}
	return created, replayed, err
}

// mayInvite checks what an invitation refers to, and holds it in place.
func mayInvite(ctx context.Context, q *sqlcgen.Queries, i invitation.Invitation, normalized string) error {
	t, err := q.InvitingTenant(ctx, i.Tenant.UUID())
	if err != nil {
		return err
	}
	if t.DisabledAt != nil {
		return errdefs.Say(errdefs.ErrConflict, nil, "The tenant is disabled: nobody can join it.")
	}
	missing, err := q.MissingRoles(ctx, sqlcgen.MissingRolesParams{TenantID: i.Tenant.UUID(), Names: list(i.Roles)})
	if err != nil {
		return err
	}
	for n, role := range i.Roles {
		if slices.Contains(missing, role) {
			return admin.Invalid(fmt.Sprintf("roles[%d]", n), "the tenant has no such role")
		}
	}
	member, err := q.IsMemberByEmail(ctx, sqlcgen.IsMemberByEmailParams{TenantID: i.Tenant.UUID(), EmailNormalized: normalized})
	if err == nil && member {
		err = admin.Conflict("email", "belongs to a member of the tenant already; edit the member instead")
	}
	return err
}

// Resend gives an invitation that was neither accepted nor revoked a new link and a new expiry.
func (s Invitations) Resend(ctx context.Context, a admin.Act, tenant id.Tenant, i id.Invitation, token secret.Hash, expires time.Time, letter mail.Sealed) (invitation.Invitation, error) {
	if !a.Actor.Manages(tenant) {
		return invitation.Invitation{}, errNothing
	}
	var out invitation.Invitation
	_, _, err := s.db.act(ctx, "send invitation again", a, func(q *sqlcgen.Queries) (string, error) {
		row, err := q.RenewInvitation(ctx, sqlcgen.RenewInvitationParams{
			TenantID: tenant.UUID(), ID: i.UUID(), TokenHash: token[:], ExpiresAt: expires,
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return "", settled(ctx, q, tenant, i)
		}
		if err != nil {
			return "", err
		}
		out = toInvitation(row)
		return out.ID.String(), queue(ctx, q, letter)
	})
	return out, err
}

// Revoke makes the link of an invitation void.
func (s Invitations) Revoke(ctx context.Context, a admin.Act, tenant id.Tenant, i id.Invitation) error {
	if !a.Actor.Manages(tenant) {
		return errNothing
	}
	_, _, err := s.db.act(ctx, "revoke invitation", a, func(q *sqlcgen.Queries) (string, error) {
		n, err := q.RevokeInvitation(ctx, sqlcgen.RevokeInvitationParams{TenantID: tenant.UUID(), ID: i.UUID(), RevokedAt: a.Event.At})
		if err == nil && n == 0 {
			err = settled(ctx, q, tenant, i)
		}
		return i.String(), err
	})
	return err
}

// settled says why an invitation cannot be changed any more.
func settled(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, i id.Invitation) error {
	row, err := q.FindInvitation(ctx, sqlcgen.FindInvitationParams{TenantID: tenant.UUID(), ID: i.UUID()})
	switch {
	case err != nil:
		return err
	case row.AcceptedAt != nil:
		return errdefs.Say(errdefs.ErrConflict, nil, "The invitation has been accepted: edit the member instead.")
	}
	return errdefs.Say(errdefs.ErrConflict, nil, "The invitation has been revoked: invite the address again.")
}

// Offer returns the invitation that the secret belongs to, in whatever state; errdefs.ErrNotFound
// if there is none.
func (s Invitations) Offer(ctx context.Context, token secret.Hash) (invitation.Offer, error) {
	row, err := s.db.q.FindOffer(ctx, token[:])
	if err != nil {
		return invitation.Offer{}, wrap("find invitation", err)
	}
	o := invitation.Offer{Invitation: toInvitation(row.Invitation), Tenant: toTenant(row.Tenant), Known: row.Known, Standing: row.Standing}
	stands, err := vouched(ctx, s.db.q, row.Invitation)
	if err != nil {
		return invitation.Offer{}, wrap("find inviter", err)
	}
	o.Orphaned = !stands
	if inviter, err := id.ParseUser(o.InvitedBy); err == nil {
		u, err := s.db.q.FindUser(ctx, inviter.UUID())
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return invitation.Offer{}, wrap("find inviter", err)
		}
		if err == nil {
			o.Inviter = toUser(u)
		}
	}
	return o, nil
}

// Accept spends the invitation and makes the person a member with its roles, as far as those
// exist; a new account is made in the same transaction. The link has proven the address. The
// error is errdefs.ErrNotFound when there is nothing to accept for this person (any more), or when
// whoever invited may no longer invite, and errdefs.ErrConflict when a new account's address has been taken meanwhile.
func (s Invitations) Accept(ctx context.Context, token secret.Hash, a invitation.Acceptance) error {
	return s.db.inTx(ctx, "accept invitation", func(q *sqlcgen.Queries) error {
		row, err := q.AcceptInvitation(ctx, sqlcgen.AcceptInvitationParams{
			TokenHash: token[:], Now: a.Now, UserID: a.User.UUID(), Fresh: a.Account != nil,
		})
		if err != nil {
			return err
		}
		stands, err := vouched(ctx, q, row)
		if err != nil {
			return err
		}
		if !stands {
			return fmt.Errorf("who invited may not any more: %w", errdefs.ErrNotFound)
		}
		// Who invited has granted the membership and its roles.
		if err := q.SetActor(ctx, row.InvitedBy); err != nil {
			return err
		}
		if a.Account != nil {
			err = openAccount(ctx, q, a.User, row, *a.Account)
		} else {
			_, err = q.VerifyEmail(ctx, a.User.UUID())
		}
		if err != nil {
			return err
		}
		err = q.JoinTenant(ctx, sqlcgen.JoinTenantParams{TenantID: row.TenantID, UserID: a.User.UUID()})
		if err != nil {
			return err
		}
		err = q.GiveInvitedRoles(ctx, sqlcgen.GiveInvitedRolesParams{TenantID: row.TenantID, UserID: a.User.UUID(), Roles: row.Roles})
		if err != nil {
			return err
		}
		e := a.Event
		e.Tenant, e.User, e.Target = id.TenantFromUUID(row.TenantID), a.User, id.InvitationFromUUID(row.ID).String()
		return appendEvents(ctx, q, []audit.Event{e})
	})
}

// byInstallation is the actor of what was set up before anybody could sign in.
const byInstallation = "installation"

// vouched reports whether whoever invited may still do so: an administrator who was removed would
// otherwise have invitations of theirs left to come back by.
func vouched(ctx context.Context, q *sqlcgen.Queries, i sqlcgen.Invitation) (bool, error) {
	if i.InvitedBy == byInstallation {
		return true, nil
	}
	p := sqlcgen.MayInviteParams{TenantID: i.TenantID}
	if user, err := id.ParseUser(i.InvitedBy); err == nil {
		u := user.UUID()
		p.UserID = &u
	} else {
		p.ClientID = i.InvitedBy
	}
	return q.MayInvite(ctx, p)
}

func openAccount(ctx context.Context, q *sqlcgen.Queries, user id.User, i sqlcgen.Invitation, a invitation.Account) error {
	n, err := q.InsertUser(ctx, sqlcgen.InsertUserParams{
		ID: user.UUID(), Email: i.Email, EmailNormalized: i.EmailNormalized, EmailVerified: true, Name: a.Name,
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("the address has an account: %w", errdefs.ErrConflict)
	}
	return q.SetPassword(ctx, sqlcgen.SetPasswordParams{UserID: user.UUID(), Encoded: a.PasswordHash})
}

func toInvitation(r sqlcgen.Invitation) invitation.Invitation {
	i := invitation.Invitation{
		ID:         id.InvitationFromUUID(r.ID),
		Tenant:     id.TenantFromUUID(r.TenantID),
		Email:      r.Email,
		Roles:      r.Roles,
		InvitedBy:  r.InvitedBy,
		CreatedAt:  r.CreatedAt,
		ExpiresAt:  r.ExpiresAt,
		AcceptedAt: zeroTime(r.AcceptedAt),
		RevokedAt:  zeroTime(r.RevokedAt),
	}
	if r.AcceptedBy != nil {
		i.AcceptedBy = id.UserFromUUID(*r.AcceptedBy)
	}
	return i
}
