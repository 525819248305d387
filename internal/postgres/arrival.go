package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// errRaced says that somebody else did at once what was to be done: looking again finds it.
var errRaced = errors.New("raced")

// maxRaces is how often somebody is looked at again: each time, another one has done something.
const maxRaces = 5

// again runs f in transactions of its own until no race is lost.
func (s Identities) again(ctx context.Context, what string, f func(*sqlcgen.Queries) error) error {
	for n := 1; ; n++ {
		err := s.db.inTx(ctx, what, f)
		if err == nil || n == maxRaces || !raced(err) {
			return err
		}
	}
}

func raced(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// A key that is taken or gone, a deadlock.
		return pg.Code == "23505" || pg.Code == "23503" || pg.Code == "40P01"
	}
	return errors.Is(err, errRaced)
}

// Arrive does what connector.Decide says of an arrival, in one transaction, by the rules that the
// connector has by then. errdefs.ErrNotFound says that the connector is gone or disabled.
//
// Somebody who came before, and of whom the provider says nothing new, takes one statement.
func (s Identities) Arrive(ctx context.Context, a connector.Arrival) (connector.Outcome, error) {
	met, err := meet(ctx, s.db.q, a)
	switch {
	case err == nil && met.settled(a):
		out := connector.Outcome{Verdict: a.Connector.Decide(a.Proof.Profile, connector.Facts{Linked: &met.user}), User: met.user, Identity: met.id}
		return out, wrap("arrive", s.keepTokens(ctx, s.db.q, a, met))
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return connector.Outcome{}, wrap("arrive", err)
	}
	var out connector.Outcome
	err = s.again(ctx, "arrive", func(q *sqlcgen.Queries) (err error) {
		out, err = s.arrive(ctx, q, a)
		return err
	})
	return out, err
}

func (s Identities) arrive(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival) (out connector.Outcome, err error) {
	var joinable bool
	if a.Connector, joinable, err = actAs(ctx, q, a.Connector.ID); err != nil {
		return out, err
	}
	facts, err := factsOf(ctx, q, a)
	if err != nil {
		return out, err
	}
	out.Verdict = a.Connector.Decide(a.Proof.Profile, facts)
	switch out.Verdict {
	case connector.Enter:
		_, err = q.LockUser(ctx, facts.Linked.ID.UUID())
	case connector.Create:
		out.User, err = provision(ctx, q, a)
		if err == nil {
			err = s.link(ctx, q, a, out.User, joinable, audit.UserProvisioned)
		}
	case connector.Adopt:
		err = s.link(ctx, q, a, *facts.Holder, joinable, audit.IdentityLinked)
	case connector.Prove:
		out.User = *facts.Holder
		return out, nil
	default:
		return out, nil
	}
	if err == nil {
		var met met
		met, err = s.enter(ctx, q, a)
		out.User, out.Identity = met.user, met.id
	}
	return out, err
}

// actAs has what follows in the transaction recorded as the connector's, which stays as it is until
// the transaction ends.
func actAs(ctx context.Context, q *sqlcgen.Queries, c id.Connector) (now connector.Connector, joinable bool, err error) {
	if err := q.SetActor(ctx, c.String()); err != nil {
		return now, false, err
	}
	row, err := q.LockArrivalConnector(ctx, c.UUID())
	return toConnector(row.Connector), row.Joinable, err
}

// factsOf reads what the decision rests on. Whoever has the address keeps it until the transaction
// ends.
func factsOf(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival) (f connector.Facts, err error) {
	c, p := a.Connector, a.Proof.Profile
	linked, err := q.FindIdentityHolder(ctx, sqlcgen.FindIdentityHolderParams{ConnectorID: c.ID.UUID(), Issuer: p.Issuer, Subject: p.Subject})
	if err == nil {
		u := toUser(linked.UserAccount)
		f.Linked = &u
		return f, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return f, err
	}
	if !c.Joins.IsZero() {
		if f.Domains, err = q.VerifiedDomains(ctx, c.Joins.UUID()); err != nil {
			return f, err
		}
	}
	address := c.Vouched(p, f.Domains)
	if address == "" {
		return f, nil
	}
	holder, err := q.LockUserByEmail(ctx, address)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, nil
	}
	u := toUser(holder)
	f.Holder = &u
	return f, err
}

// provision makes the account of somebody new. The connector has vouched for the address.
func provision(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival) (directory.User, error) {
	p := a.Proof.Profile
	u, err := createUser(ctx, q, directory.NewUser{
		User: connector.Synced(directory.User{ID: a.NewUser, Email: p.Address(), EmailVerified: true}, connector.Names{}, p.Names),
	})
	if errors.Is(err, errdefs.ErrConflict) {
		err = errRaced
	}
	return u, err
}

// link stores who somebody is at the provider. Who was never a member of the tenant that people of the
// connector belong to becomes one, if the connector takes people in.
func (s Identities) link(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival, user directory.User, joinable bool, action audit.Action) error {
	c, p := a.Connector, a.Proof.Profile
	n, err := q.InsertIdentity(ctx, sqlcgen.InsertIdentityParams{
		ID: a.Identity.UUID(), ConnectorID: c.ID.UUID(), Issuer: p.Issuer, Subject: p.Subject, UserID: user.ID.UUID(),
		Email: p.Address(), Label: p.Label(), Now: a.Now,
	})
	if err == nil && n == 0 {
		err = errRaced
	}
	if err != nil {
		return err
	}
	joined := int64(0)
	if c.Provision && joinable {
		if joined, err = q.JoinThrough(ctx, sqlcgen.JoinThroughParams{TenantID: c.Joins.UUID(), UserID: user.ID.UUID()}); err != nil {
			return err
		}
	}
	detail := map[string]string{"identity": a.Identity.String()}
	if joined > 0 {
		detail["membership"] = "added"
	}
	if joined > 0 && len(c.DefaultRoles) > 0 {
		detail["roles_added"] = noted(c.DefaultRoles)
		err = q.GiveInvitedRoles(ctx, sqlcgen.GiveInvitedRolesParams{TenantID: c.Joins.UUID(), UserID: user.ID.UUID(), Roles: c.DefaultRoles})
		if err != nil {
			return err
		}
	}
	e := arrivalEvent(a, action, user.ID, detail)
	if action == audit.UserProvisioned {
		e.Actor = c.ID.String()
	}
	return appendEvents(ctx, q, []audit.Event{e})
}

// arrivalEvent is what an arrival means for the tenant that people of the connector belong to.
func arrivalEvent(a connector.Arrival, action audit.Action, user id.User, detail map[string]string) audit.Event {
	e := a.Event
	detail["connector"] = a.Connector.Reference
	e.Action, e.Tenant, e.User, e.Target, e.Detail = action, a.Connector.Joins, user, user.String(), detail
	return e
}

// met is somebody whose identity is linked.
type met struct {
	id        id.Identity
	user      directory.User
	before    connector.Names // that the provider said before
	hasTokens bool
	// Roles in the tenant that people of the connector belong to: to give, to take, and that another
	// identity of the person gave before this one does.
	given, taken, shared []string
}

// meet notes that somebody has come again. It is pgx.ErrNoRows for whoever is not linked or disabled,
// and when the connector is gone or disabled.
func meet(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival) (met, error) {
	c, p := a.Connector, a.Proof.Profile
	roles, heeded := c.Roles(p)
	r, err := q.MeetIdentity(ctx, sqlcgen.MeetIdentityParams{
		ConnectorID: c.ID.UUID(), Issuer: p.Issuer, Subject: p.Subject, Now: a.Now, Email: p.Address(), Label: p.Label(),
		Heeded: heeded, Joins: c.Joins.UUID(), Wanted: list(roles),
	})
	if err != nil {
		return met{}, err
	}
	m := met{id: id.IdentityFromUUID(r.ID), user: toUser(r.UserAccount), hasTokens: r.HasTokens, given: r.Given, taken: r.Taken, shared: r.Shared}
	if err := json.Unmarshal(r.Names, &m.before); err != nil {
		return met{}, fmt.Errorf("names of identity %s: %w", m.id, err)
	}
	return m, nil
}

// settled reports whether there is nothing to change, tokens aside.
func (m met) settled(a connector.Arrival) bool {
	now := a.Proof.Profile.Names
	return len(m.given)+len(m.taken)+len(m.shared) == 0 && connector.Synced(m.user, m.before, now) == m.user && now.Keepable().Over(m.before) == m.before
}

// enter brings the account of somebody who is linked up to what the provider says. The caller holds
// the person's lock.
func (s Identities) enter(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival) (met, error) {
	m, err := meet(ctx, q, a)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errRaced // unlinked or disabled meanwhile
	}
	if err != nil {
		return met{}, err
	}
	names := a.Proof.Profile.Names
	if said := names.Keepable().Over(m.before); said != m.before {
		encoded, err := json.Marshal(said)
		if err != nil {
			return met{}, err
		}
		if err := q.SetIdentityNames(ctx, sqlcgen.SetIdentityNamesParams{ID: m.id.UUID(), Names: encoded}); err != nil {
			return met{}, err
		}
	}
	if synced := connector.Synced(m.user, m.before, names); synced != m.user {
		if m.user, err = updateUser(ctx, q, m.user, synced); err != nil {
			return met{}, err
		}
	}
	if err := syncRoles(ctx, q, a, m); err != nil {
		return met{}, err
	}
	return m, s.keepTokens(ctx, q, a, m)
}

// syncRoles gives and takes the roles that follow from the person's groups. If nobody administers the
// tenant afterwards, so the provider has decided.
func syncRoles(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival, m met) error {
	tenant, user := a.Connector.Joins.UUID(), m.user.ID.UUID()
	if len(m.taken) > 0 {
		err := q.TakeIdentityRoles(ctx, sqlcgen.TakeIdentityRolesParams{IdentityID: m.id.UUID(), TenantID: tenant, Roles: m.taken})
		if err != nil {
			return err
		}
	}
	if len(m.given) > 0 {
		if err := q.GiveInvitedRoles(ctx, sqlcgen.GiveInvitedRolesParams{TenantID: tenant, UserID: user, Roles: m.given}); err != nil {
			return err
		}
	}
	if tracked := append(m.given, m.shared...); len(tracked) > 0 {
		err := q.TrackRoles(ctx, sqlcgen.TrackRolesParams{IdentityID: m.id.UUID(), TenantID: tenant, UserID: user, Roles: tracked})
		if err != nil {
			return err
		}
	}
	if len(m.given)+len(m.taken) == 0 {
		return nil
	}
	detail := map[string]string{}
	if len(m.given) > 0 {
		detail["roles_added"] = noted(m.given)
	}
	if len(m.taken) > 0 {
		detail["roles_removed"] = noted(m.taken)
	}
	e := arrivalEvent(a, audit.RolesSynced, m.user.ID, detail)
	e.Actor = a.Connector.ID.String()
	return appendEvents(ctx, q, []audit.Event{e})
}

// keepTokens stores the provider's tokens if the connector asks for it, and else forgets those that
// were kept.
func (s Identities) keepTokens(ctx context.Context, q *sqlcgen.Queries, a connector.Arrival, m met) (err error) {
	var sealed []byte
	if a.Connector.KeepTokens {
		if sealed, err = s.keeper.SealTokens(m.id, a.Proof.Tokens); err != nil {
			return err
		}
	} else if !m.hasTokens {
		return nil
	}
	return q.SetIdentityTokens(ctx, sqlcgen.SetIdentityTokensParams{ID: m.id.UUID(), SealedTokens: sealed})
}

// Link links an identity to the account of somebody who has proven both, and makes them a member as
// Arrive does. pending, unless it is zero, is spent with it. letter tells the person. The error is
// errdefs.ErrConflict when the identity belongs to somebody else, errdefs.ErrDenied when the account is
// disabled, and errdefs.ErrNotFound when pending is spent, or the connector gone or disabled. One that
// is linked to the account already is met again, as by Arrive.
func (s Identities) Link(ctx context.Context, a connector.Arrival, user id.User, pending secret.Hash, letter mail.Sealed) (linked id.Identity, err error) {
	err = s.again(ctx, "link identity", func(q *sqlcgen.Queries) error {
		a, joinable := a, false
		if a.Connector, joinable, err = actAs(ctx, q, a.Connector.ID); err != nil {
			return err
		}
		row, err := q.LockUser(ctx, user.UUID())
		if err == nil && row.DisabledAt != nil {
			err = fmt.Errorf("user %s is disabled: %w", user, errdefs.ErrDenied)
		}
		if err == nil && pending != (secret.Hash{}) {
			var n int64
			n, err = q.SpendPendingLink(ctx, sqlcgen.SpendPendingLinkParams{TokenHash: pending[:], ConnectorID: a.Connector.ID.UUID(), UserID: user.UUID(), Now: a.Now})
			if err == nil {
				err = changed(n)
			}
		}
		if err != nil {
			return err
		}
		p := a.Proof.Profile
		holder, err := q.FindIdentityHolder(ctx, sqlcgen.FindIdentityHolderParams{ConnectorID: a.Connector.ID.UUID(), Issuer: p.Issuer, Subject: p.Subject})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			if err = s.link(ctx, q, a, toUser(row), joinable, audit.IdentityLinked); err == nil {
				err = queue(ctx, q, letter)
			}
		case err == nil && holder.UserAccount.ID != user.UUID():
			err = fmt.Errorf("the identity belongs to somebody else: %w", errdefs.ErrConflict)
		}
		if err != nil {
			return err
		}
		m, err := s.enter(ctx, q, a)
		linked = m.id
		return err
	})
	return linked, err
}
