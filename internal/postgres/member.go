package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// Members stores who belongs to a tenant, for its administrators.
type Members struct{ db *DB }

// Members returns the store of memberships.
func (db *DB) Members() Members { return Members{db} }

// List returns the members of a tenant within reach: oldest first, or in the order that the filter
// says.
func (s Members) List(ctx context.Context, reach admin.Reach, tenant id.Tenant, f directory.MemberFilter, p admin.Page) (admin.List[directory.Member], error) {
	const what = "list members"
	all, within, of, page := reach.All, reach.Tenant.UUID(), tenant.UUID(), int32(p.Limit+1)
	var none admin.List[directory.Member]
	switch {
	case f.AddressPrefix != "":
		k, err := afterKey[addressKey](p)
		if err != nil {
			return none, err
		}
		rows, err := s.db.q.ListMembersByAddress(ctx, sqlcgen.ListMembersByAddressParams{
			ReachAll: all, Reach: within, TenantID: of, Prefix: f.AddressPrefix, PrefixEnd: prefixEnd(f.AddressPrefix), AfterAddress: k.Address, Page: page,
		})
		return membersOf(rows, p, err, what, func(r sqlcgen.ListMembersByAddressRow) (directory.Member, any) {
			return toMember(r.Membership, r.UserAccount, r.Roles), addressKey{r.Membership.EmailNormalized}
		})
	case f.Role != "":
		k, err := afterKey[personKey](p)
		if err != nil {
			return none, err
		}
		rows, err := s.db.q.ListMembersByRole(ctx, sqlcgen.ListMembersByRoleParams{ReachAll: all, Reach: within, TenantID: of, Role: f.Role, AfterID: k.ID, Page: page})
		return membersOf(rows, p, err, what, func(r sqlcgen.ListMembersByRoleRow) (directory.Member, any) {
			return toMember(r.Membership, r.UserAccount, r.Roles), personKey{r.Membership.UserID}
		})
	default:
		k, err := after(p)
		if err != nil {
			return none, err
		}
		rows, err := s.db.q.ListMembers(ctx, sqlcgen.ListMembersParams{ReachAll: all, Reach: within, TenantID: of, AfterTime: k.Time, AfterID: k.ID, Page: page})
		return membersOf(rows, p, err, what, func(r sqlcgen.ListMembersRow) (directory.Member, any) {
			return toMember(r.Membership, r.UserAccount, r.Roles), pageKey{r.Membership.CreatedAt, r.Membership.UserID}
		})
	}
}

// Where lists in other orders go on.
type (
	addressKey struct {
		Address string `json:"a"`
	}
	personKey struct {
		ID [16]byte `json:"u"`
	}
	nameKey struct {
		Name string `json:"n"`
	}
)

func afterKey[K any](p admin.Page) (k K, err error) {
	if p.After == "" {
		return k, nil
	}
	return k, parseCursor(p.After, &k)
}

// prefixEnd returns a text that follows everything that begins with prefix, in byte order.
func prefixEnd(prefix string) string { return prefix + "\U0010FFFF" }

// membersOf turns rows into a page; to returns a row's member and sort key.
func membersOf[R any](rows []R, p admin.Page, err error, what string, to func(R) (directory.Member, any)) (admin.List[directory.Member], error) {
	if err != nil {
		return admin.List[directory.Member]{}, wrap(what, err)
	}
	l := limited(rows, p.Limit, func(r R) any { _, key := to(r); return key })
	return listOf(l, func(r R) directory.Member { m, _ := to(r); return m }), nil
}

// Find returns a member of a tenant within reach; errdefs.ErrNotFound if there is none.
func (s Members) Find(ctx context.Context, reach admin.Reach, tenant id.Tenant, user id.User) (directory.Member, error) {
	m, err := findMember(ctx, s.db.q, reach, tenant, user)
	return m, wrap("find member", err)
}

func findMember(ctx context.Context, q *sqlcgen.Queries, reach admin.Reach, tenant id.Tenant, user id.User) (directory.Member, error) {
	r, err := q.FindMember(ctx, sqlcgen.FindMemberParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), TenantID: tenant.UUID(), UserID: user.UUID(),
	})
	if err != nil {
		return directory.Member{}, err
	}
	return toMember(r.Membership, r.UserAccount, r.Roles), nil
}

// Add makes the person of m a member of the tenant of m, for an actor who manages everything: a
// tenant's administrators invite, since they may not learn who has an account. Faults name the fields user and roles[i].
func (s Members) Add(ctx context.Context, a admin.Act, m directory.Member) (added directory.Member, replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return directory.Member{}, false, errNothing
	}
	if err := m.Check(); err != nil {
		return directory.Member{}, false, err
	}
	reference, replayed, err := s.db.act(ctx, "add member", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := q.FindUser(ctx, m.User.ID.UUID()); errors.Is(err, pgx.ErrNoRows) {
			return "", admin.Invalid("user", "there is no such person")
		} else if err != nil {
			return "", err
		}
		if err := addMember(ctx, q, m, ""); err != nil {
			return "", err
		}
		note(a, "roles_added", noted(m.Roles))
		added, err = findMember(ctx, q, admin.Reach{All: true}, m.Tenant, m.User.ID)
		return m.User.ID.String(), err
	})
	if err == nil && replayed {
		var user id.User
		if user, err = id.ParseUser(reference); err == nil {
			added, err = s.Find(ctx, admin.Reach{Tenant: m.Tenant}, m.Tenant, user)
		}
	}
	return added, replayed, err
}

// addMember stores a membership that is not there yet. Faults name fields below at.
func addMember(ctx context.Context, q *sqlcgen.Queries, m directory.Member, at string) error {
	if err := rolesExist(ctx, q, m.Tenant, m.Roles, m.Roles, at+"roles"); err != nil {
		return err
	}
	n, err := q.CreateMember(ctx, sqlcgen.CreateMemberParams{
		TenantID: m.Tenant.UUID(), UserID: m.User.ID.UUID(), Attributes: object(m.Attributes), SuspendedAt: nullTime(m.SuspendedAt),
	})
	if err == nil && n == 0 {
		err = admin.Conflict(at+"user", "the person is a member already; edit the membership")
	}
	if err != nil || len(m.Roles) == 0 {
		return err
	}
	return q.GiveRoles(ctx, sqlcgen.GiveRolesParams{TenantID: m.Tenant.UUID(), UserID: m.User.ID.UUID(), Roles: m.Roles})
}

// rolesExist refuses those of wanted that are no roles of the tenant; all is the field that names
// them.
func rolesExist(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, wanted, all []string, field string) error {
	if len(wanted) == 0 {
		return nil
	}
	there, err := q.ExistingRoles(ctx, sqlcgen.ExistingRolesParams{TenantID: tenant.UUID(), Names: wanted})
	if err != nil {
		return err
	}
	var faults []error
	for i, name := range all {
		if slices.Contains(wanted, name) && !slices.Contains(there, name) {
			faults = append(faults, admin.Invalid(fmt.Sprintf("%s[%d]", field, i), "the tenant has no such role"))
		}
	}
	return errors.Join(faults...)
}

// Update edits a membership: its roles, attributes and suspension. edit changes what it is given,
// which is read under a lock; it may refuse. Who is suspended loses their grants in the tenant, and
// tokens issued for it are void; keep is the longest that one can still live.
func (s Members) Update(ctx context.Context, a admin.Act, tenant id.Tenant, user id.User, edit func(*directory.Member) error, keep time.Duration) (directory.Member, error) {
	var out directory.Member
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "update member", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, tenant, user)
		if err != nil {
			return "", err
		}
		now := was
		now.Roles = slices.Clone(was.Roles)
		if err := errors.Join(edit(&now), now.Check()); err != nil {
			return "", err
		}
		given, taken := directory.Difference(was.Roles, now.Roles, strings.Compare)
		if err := rolesExist(ctx, q, tenant, given, now.Roles, "roles"); err != nil {
			return "", err
		}
		note(a, "roles_added", noted(given))
		note(a, "roles_removed", noted(taken))
		err = keepAdministrators(ctx, q, [][16]byte{tenant.UUID()}, func() error { return s.change(ctx, q, now, given, taken) })
		if err == nil && !was.Suspended() && now.Suspended() {
			note(a, "suspended", "true")
			cut, err = s.db.revokeMember(ctx, q, tenant, user, keep)
		}
		if err != nil {
			return "", err
		}
		out, err = findMember(ctx, q, admin.Reach{Tenant: tenant}, tenant, user)
		return user.String(), err
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return out, err
}

// locked reads a membership that the actor may change and nobody else edits until the transaction
// ends.
func (s Members) locked(ctx context.Context, q *sqlcgen.Queries, a admin.Act, tenant id.Tenant, user id.User) (directory.Member, error) {
	if !a.Actor.Manages(tenant) {
		return directory.Member{}, errNothing
	}
	if _, err := q.LockTenant(ctx, tenant.UUID()); err != nil {
		return directory.Member{}, err
	}
	m, err := findMember(ctx, q, admin.Reach{Tenant: tenant}, tenant, user)
	if err == nil && a.IfVersion != 0 && a.IfVersion != m.Version {
		err = admin.ErrVersion
	}
	return m, err
}

func (s Members) change(ctx context.Context, q *sqlcgen.Queries, m directory.Member, given, taken []string) error {
	if len(taken) > 0 {
		if err := q.TakeRoles(ctx, sqlcgen.TakeRolesParams{TenantID: m.Tenant.UUID(), UserID: m.User.ID.UUID(), Roles: taken}); err != nil {
			return err
		}
	}
	if len(given) > 0 {
		if err := q.GiveRoles(ctx, sqlcgen.GiveRolesParams{TenantID: m.Tenant.UUID(), UserID: m.User.ID.UUID(), Roles: given}); err != nil {
			return err
		}
	}
	n, err := q.UpdateMember(ctx, sqlcgen.UpdateMemberParams{
		TenantID: m.Tenant.UUID(), UserID: m.User.ID.UUID(), Attributes: object(m.Attributes), SuspendedAt: nullTime(m.SuspendedAt),
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("member %s of %s: %w", m.User.ID, m.Tenant, errdefs.ErrNotFound)
	}
	return err
}

// Remove ends a membership. The person loses their grants in the tenant, and tokens issued for it
// are void; keep is the longest that one can still live.
func (s Members) Remove(ctx context.Context, a admin.Act, tenant id.Tenant, user id.User, keep time.Duration) error {
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "remove member", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := s.locked(ctx, q, a, tenant, user)
		if err != nil {
			return "", err
		}
		note(a, "roles_removed", noted(was.Roles))
		err = keepAdministrators(ctx, q, [][16]byte{tenant.UUID()}, func() error {
			_, err := q.DeleteMember(ctx, sqlcgen.DeleteMemberParams{TenantID: tenant.UUID(), UserID: user.UUID()})
			return err
		})
		if err != nil {
			return "", err
		}
		cut, err = s.db.revokeMember(ctx, q, tenant, user, keep)
		note(a, "grants_revoked", strconv.Itoa(len(cut)))
		return user.String(), err
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}

// revokeMember ends the grants of a person in a tenant. Codes are spent first, so that no grant is
// born of one after grants were listed. What it returns is to be told to this replica once the
// transaction is through.
func (db *DB) revokeMember(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, user id.User, keep time.Duration) ([]revocation.Cutoff, error) {
	if err := q.SpendCodesOfMember(ctx, sqlcgen.SpendCodesOfMemberParams{TenantID: tenant.UUID(), UserID: user.UUID()}); err != nil {
		return nil, err
	}
	grants, err := q.RevokeGrantsOfMember(ctx, sqlcgen.RevokeGrantsOfMemberParams{TenantID: tenant.UUID(), UserID: user.UUID(), Keep: interval(keep)})
	if err != nil {
		return nil, err
	}
	return db.cutGrants(ctx, q, grants, keep)
}

func toMember(m sqlcgen.Membership, u sqlcgen.UserAccount, roles []string) directory.Member {
	return directory.Member{
		Tenant:      id.TenantFromUUID(m.TenantID),
		User:        toUser(u),
		Roles:       roles,
		SuspendedAt: zeroTime(m.SuspendedAt),
		GrantedBy:   m.GrantedBy,
		GrantedAt:   m.CreatedAt,
		Attributes:  m.Attributes,
		Version:     m.Version,
	}
}
