package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/session"
)

// Switch opens a grant like that of a refresh token in another tenant, and records it with what
// event says, all in one transaction. Within the retry window an attempt whose grant nobody has
// used yet yields the same one again.
//
// The errors: errdefs.ErrNotFound when the token is not current (ask FindFamily why),
// grant.ErrPinned, grant.ErrInteraction, and errdefs.ErrDenied, the same whether the tenant does
// not exist, does not have the person as an active member, or is not for this client. With the
// last two Switched.From is set.
func (s Grants) Switch(ctx context.Context, sw grant.Switch, event audit.Event) (grant.Switched, error) {
	var out grant.Switched
	err := s.db.inTx(ctx, "switch tenant", func(q *sqlcgen.Queries) error {
		from, target, hangs, err := lockCurrent(ctx, q, sw)
		if err != nil {
			return err
		}
		was, err := findSubject(ctx, q, from.Tenant, from.User)
		if err != nil {
			return err
		}
		if was.Active() != nil {
			return grant.ErrPinned
		}
		out.From = from
		out.Subject, err = findSubject(ctx, q, target, from.User)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) { // of no tenant nobody is an active member
			return err
		}
		switch {
		case target == from.Tenant:
			return grant.ErrPinned
		case out.Subject.Active() != nil, !sw.ClientTenant.IsZero() && target != sw.ClientTenant:
			return fmt.Errorf("no such tenant for this person and client: %w", errdefs.ErrDenied)
		case !hangs.live, (out.Subject.Tenant.OnlyConnectors || hangs.confined) && hangs.through != target:
			return grant.ErrInteraction
		}
		if sw.AsksConsent {
			allowed, err := findConsent(ctx, q, target, from.User, from.Client)
			if err != nil {
				return err
			}
			if !from.Covers(allowed) {
				return grant.ErrInteraction
			}
		}
		out.Grant = from
		out.ID, out.Tenant = sw.ID, target
		return openSwitched(ctx, q, sw, &out, event)
	})
	if err != nil {
		return grant.Switched{From: out.From}, err
	}
	return out, nil
}

// signIn is what a grant hangs on.
type signIn struct {
	live     bool      // it is still there, or the grant lives without
	through  id.Tenant // session.Upstream.Tenant; zero too when the session is over
	confined bool      // session.Upstream.Confined; true too when that cannot be known
}

// lockCurrent returns the grant of a refresh token that is current, the tenant that is to be
// switched to, which is zero when there is none, and what the grant hangs on. Nothing of it changes
// until the transaction ends.
func lockCurrent(ctx context.Context, q *sqlcgen.Queries, sw grant.Switch) (g grant.Grant, target id.Tenant, hangs signIn, err error) {
	fail := func(err error) (grant.Grant, id.Tenant, signIn, error) {
		return grant.Grant{}, id.Tenant{}, signIn{}, err
	}
	seen, err := q.FindFamily(ctx, sw.Token.Family.UUID())
	if err != nil {
		return fail(err)
	}
	p := sqlcgen.FindTenantByReferenceParams{Slug: sw.Organization}
	if t, err := id.ParseTenant(sw.Organization); err == nil {
		p.ID = t.UUID()
	}
	tenant, err := q.FindTenantByReference(ctx, p)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fail(err)
	}
	if err := q.LockMember(ctx, sqlcgen.LockMemberParams{UserID: seen.UserID, TenantID: tenant.ID}); err != nil {
		return fail(err)
	}
	if err := q.LockPassword(ctx, seen.UserID); err != nil {
		return fail(err)
	}
	began, err := q.LockSession(ctx, seen.SessionID)
	over := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !over {
		return fail(err)
	}
	row, err := q.LockFamily(ctx, sqlcgen.LockFamilyParams{
		ID: seen.ID, ClientID: string(sw.Client), Since: sw.Since, Generation: int32(sw.Token.Generation), Retry: interval(sw.Retry),
	})
	if err != nil {
		return fail(err)
	}
	g = toFamily(row).Grant
	hangs.live = row.Offline || !over
	hangs.through, hangs.confined = beginning{
		connector: began.ConnectorID, known: began.Known, owner: began.OwnerID, joins: began.JoinsTenantID, disabledAt: began.OffSince,
		user: directory.User{Email: began.EmailNormalized, EmailVerified: began.EmailVerified}, domains: began.Domains,
	}.reach()
	// Of a sign-in through a provider that is no longer the session's last one, nothing is known: what
	// somebody else was given by it must not grow when the person proves themselves here.
	if g.ACR == session.ACRUpstream && (over || !began.AuthenticatedAt.Equal(g.AuthenticatedAt)) {
		hangs.confined = true
	}
	return g, id.TenantFromUUID(tenant.ID), hangs, nil
}

// openSwitched stores the new grant, or finds the one that an attempt before has stored.
func openSwitched(ctx context.Context, q *sqlcgen.Queries, sw grant.Switch, out *grant.Switched, event audit.Event) error {
	from := out.From.ID.UUID()
	made, err := q.FindSwitched(ctx, sqlcgen.FindSwitchedParams{
		SwitchedFrom: from, TenantID: out.Tenant.UUID(), Retry: interval(sw.Retry), Most: grant.MaxUnused,
	})
	if err == nil {
		out.ID, out.Retried = id.GrantFromUUID(made), true
		return nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	err = q.InsertSwitched(ctx, sqlcgen.InsertSwitchedParams{
		ID: out.ID.UUID(), TenantID: out.Tenant.UUID(), Idle: interval(sw.Idle), SwitchedFrom: from,
	})
	if err != nil {
		return err
	}
	event.Tenant, event.User, event.Client = out.Tenant, out.User, string(out.Client)
	event.Session, event.Grant = out.Session, out.ID
	event.Detail = map[string]string{"from_grant": out.From.ID.String(), "from_tenant": out.From.Tenant.String()}
	return appendEvents(ctx, q, []audit.Event{event})
}

// RevokeLine is RevokeGrant for a grant whose token or code was used twice, and so may be in
// strange hands: the grants that were opened from it by a switch end too.
func (s Grants) RevokeLine(ctx context.Context, g id.Grant, keep time.Duration) error {
	var cut []revocation.Cutoff
	err := s.db.inTx(ctx, "revoke grants", func(q *sqlcgen.Queries) error {
		err := q.RevokeGrant(ctx, sqlcgen.RevokeGrantParams{ID: g.UUID(), Subject: g.String(), Keep: interval(keep)})
		if err != nil {
			return err
		}
		cut = append(cut, s.db.cutoff(revocation.Grant, g.String(), keep))
		// A statement waits for switches under way without seeing what they make: the next one does.
		for {
			line, err := q.ListSwitched(ctx, g.UUID())
			if err != nil {
				return err
			}
			ended, err := q.RevokeFamilies(ctx, line)
			if err != nil || len(ended) == 0 {
				return err
			}
			more, err := s.db.cutGrants(ctx, q, ended, keep)
			if err != nil {
				return err
			}
			cut = append(cut, more...)
		}
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

func findConsent(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, user id.User, clientID client.ID) ([]string, error) {
	scopes, err := q.FindConsent(ctx, sqlcgen.FindConsentParams{TenantID: tenant.UUID(), UserID: user.UUID(), ClientID: string(clientID)})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return scopes, err
}
