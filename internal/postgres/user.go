package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// Users stores accounts for the installation's administrators, who alone change them; those of a
// tenant read those of its members.
type Users struct{ db *DB }

// Users returns the store of accounts.
func (db *DB) Users() Users { return Users{db} }

// List returns the accounts within reach: oldest first, those of one tenant by the time they
// joined, or in the order that the filter says.
func (s Users) List(ctx context.Context, reach admin.Reach, f directory.UserFilter, p admin.Page) (admin.List[directory.User], error) {
	if !reach.All && f.Tenant.IsZero() {
		f.Tenant = reach.Tenant
	}
	switch {
	case f.Email != "":
		return s.byEmail(ctx, reach, f)
	case !f.Tenant.IsZero():
		l, err := s.db.Members().List(ctx, reach, f.Tenant, directory.MemberFilter{AddressPrefix: f.AddressPrefix}, p)
		return listOf(l, func(m directory.Member) directory.User { return m.User }), err
	case f.AddressPrefix != "":
		k, err := afterKey[addressKey](p)
		if err != nil {
			return admin.List[directory.User]{}, err
		}
		rows, err := s.db.q.ListUsersByAddress(ctx, sqlcgen.ListUsersByAddressParams{
			ReachAll: reach.All, Prefix: f.AddressPrefix, PrefixEnd: prefixEnd(f.AddressPrefix), AfterAddress: k.Address, Page: int32(p.Limit + 1),
		})
		l := limited(rows, p.Limit, func(r sqlcgen.UserAccount) any { return addressKey{r.EmailNormalized} })
		return listOf(l, toUser), wrap("list users", err)
	}
	k, err := after(p)
	if err != nil {
		return admin.List[directory.User]{}, err
	}
	rows, err := s.db.q.ListUsers(ctx, sqlcgen.ListUsersParams{ReachAll: reach.All, AfterTime: k.Time, AfterID: k.ID, Page: int32(p.Limit + 1)})
	l := limited(rows, p.Limit, func(r sqlcgen.UserAccount) any { return pageKey{r.CreatedAt, r.ID} })
	return listOf(l, toUser), wrap("list users", err)
}

// byEmail returns the one account with the address, or none.
func (s Users) byEmail(ctx context.Context, reach admin.Reach, f directory.UserFilter) (admin.List[directory.User], error) {
	within := reach
	if !f.Tenant.IsZero() {
		if !reach.Sees(f.Tenant) {
			return admin.List[directory.User]{}, nil
		}
		within = admin.Reach{Tenant: f.Tenant}
	}
	row, err := s.db.q.GetUserByEmail(ctx, sqlcgen.GetUserByEmailParams{ReachAll: within.All, Reach: within.Tenant.UUID(), EmailNormalized: f.Email})
	if errors.Is(err, pgx.ErrNoRows) {
		return admin.List[directory.User]{}, nil
	}
	return admin.List[directory.User]{Items: []directory.User{toUser(row)}}, wrap("list users", err)
}

// Find returns an account within reach; errdefs.ErrNotFound if there is none.
func (s Users) Find(ctx context.Context, reach admin.Reach, user id.User) (directory.User, error) {
	row, err := s.db.q.GetUser(ctx, sqlcgen.GetUserParams{ReachAll: reach.All, Reach: reach.Tenant.UUID(), ID: user.UUID()})
	return toUser(row), wrap("find user", err)
}

// ListMemberships returns the tenants within reach that a person belongs to, oldest tenant first.
func (s Users) ListMemberships(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[directory.UserMembership], error) {
	k, err := afterKey[personKey](p)
	if err != nil {
		return admin.List[directory.UserMembership]{}, err
	}
	rows, err := s.db.q.ListUserMemberships(ctx, sqlcgen.ListUserMembershipsParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), UserID: user.UUID(), AfterTenant: k.ID, Page: int32(p.Limit + 1),
	})
	l := limited(rows, p.Limit, func(r sqlcgen.ListUserMembershipsRow) any { return personKey{r.Tenant.ID} })
	return listOf(l, func(r sqlcgen.ListUserMembershipsRow) directory.UserMembership {
		return directory.UserMembership{Tenant: toTenant(r.Tenant), Member: toMember(r.Membership, sqlcgen.UserAccount{}, r.Roles)}
	}), wrap("list memberships", err)
}

// Create stores an account with its password and memberships: all of it or nothing. Faults name
// the fields email, memberships[i].tenant and memberships[i].roles[j].
func (s Users) Create(ctx context.Context, a admin.Act, n directory.NewUser) (created directory.User, replayed bool, err error) {
	if !a.Actor.ManagesAll() {
		return directory.User{}, false, errNothing
	}
	if err := n.Check(); err != nil {
		return directory.User{}, false, err
	}
	reference, replayed, err := s.db.act(ctx, "create user", a, func(q *sqlcgen.Queries) (string, error) {
		if created, err = createUser(ctx, q, n); err != nil {
			return "", err
		}
		var records []audit.Event
		for _, m := range n.Memberships {
			records = append(records, recordIn(a, audit.MemberAdded, m.Tenant, n.ID, map[string]string{"roles_added": noted(m.Roles)}))
		}
		return created.ID.String(), appendEvents(ctx, q, records)
	})
	if err == nil && replayed {
		var user id.User
		if user, err = id.ParseUser(reference); err == nil {
			created, err = s.Find(ctx, admin.Reach{All: true}, user)
		}
	}
	return created, replayed, err
}

// recordIn is what an act on an account means for a tenant, whose administrators read its own log.
func recordIn(a admin.Act, action audit.Action, tenant id.Tenant, user id.User, detail map[string]string) audit.Event {
	e := a.Event
	e.Action, e.Tenant, e.User, e.Target, e.Detail = action, tenant, user, user.String(), detail
	return e
}

func createUser(ctx context.Context, q *sqlcgen.Queries, n directory.NewUser) (directory.User, error) {
	normalized, err := directory.NormalizeEmail(n.Email)
	if err != nil {
		return directory.User{}, err
	}
	row, err := q.CreateUser(ctx, sqlcgen.CreateUserParams{
		ID: n.ID.UUID(), Email: n.Email, EmailNormalized: normalized, EmailVerified: n.EmailVerified, Name: n.Name,
		GivenName: n.GivenName, FamilyName: n.FamilyName, Picture: n.Picture, Locale: n.Locale, DisabledAt: nullTime(n.DisabledAt),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return directory.User{}, emailTaken()
	}
	if err != nil {
		return directory.User{}, err
	}
	created := toUser(row)
	if n.PasswordHash != "" {
		if err := q.SetPassword(ctx, sqlcgen.SetPasswordParams{UserID: row.ID, Encoded: n.PasswordHash}); err != nil {
			return directory.User{}, err
		}
	}
	for i, m := range n.Memberships {
		at := fmt.Sprintf("memberships[%d].", i)
		_, err := q.FindTenant(ctx, sqlcgen.FindTenantParams{ReachAll: true, ID: m.Tenant.UUID()})
		if errors.Is(err, pgx.ErrNoRows) {
			err = admin.Invalid(at+"tenant", "there is no such tenant")
		}
		if err == nil {
			err = addMember(ctx, q, directory.Member{Tenant: m.Tenant, User: created, Roles: m.Roles, Attributes: m.Attributes}, at)
		}
		if err != nil {
			return directory.User{}, err
		}
	}
	return created, nil
}

func emailTaken() error {
	return admin.Conflict("email", "another account has this address; use that one, or another address")
}

// Update edits an account. Who is disabled loses every session and grant, and so does whoever gets
// another password; keep is the longest that a token can still live.
func (s Users) Update(ctx context.Context, a admin.Act, user id.User, edit directory.UserEdit, keep time.Duration) (directory.User, error) {
	if !a.Actor.ManagesAll() {
		return directory.User{}, errNothing
	}
	var out directory.User
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "update user", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockedUser(ctx, q, a, user)
		if err != nil {
			return "", err
		}
		now := was
		if err := errors.Join(edit.Apply(&now), now.CheckEdit(was)); err != nil {
			return "", err
		}
		disabled := was.DisabledAt.IsZero() && !now.DisabledAt.IsZero()
		change := func() error {
			out, err = updateUser(ctx, q, was, now)
			return err
		}
		if disabled {
			_, err = withTenantsOf(ctx, q, user, change)
		} else {
			err = change()
		}
		if err == nil && edit.PasswordHash != "" {
			note(a, "password", "replaced")
			cut, err = s.db.changePassword(ctx, q, user, edit.PasswordHash, id.Session{}, keep)
		}
		if err == nil && disabled {
			var more []revocation.Cutoff
			more, err = s.db.expel(ctx, q, user, keep)
			cut = append(cut, more...)
		}
		return user.String(), err
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return out, err
}

// UpdateProfile stores what a person says of themselves; e is the record of it, and there is none
// when nothing changed. Faults name the fields of directory.User. The error is errdefs.ErrNotFound
// for an account that is gone or disabled.
func (s Users) UpdateProfile(ctx context.Context, user id.User, p directory.Profile, e audit.Event) error {
	return s.db.inTx(ctx, "update profile", func(q *sqlcgen.Queries) error {
		row, err := q.LockAccount(ctx, user.UUID())
		if err != nil {
			return err
		}
		was := toUser(row)
		if !was.DisabledAt.IsZero() {
			return fmt.Errorf("user %s is disabled: %w", user, errdefs.ErrNotFound)
		}
		fields, now := p.Changed(was.Profile()), was.WithProfile(p)
		if len(fields) == 0 {
			return nil
		}
		if err := now.CheckEdit(was); err != nil {
			return err
		}
		if err := q.SetActor(ctx, user.String()); err != nil {
			return err
		}
		if _, err := updateUser(ctx, q, was, now); err != nil {
			return err
		}
		e.User, e.Detail = user, map[string]string{"changed": strings.Join(fields, " ")}
		return appendEvents(ctx, q, []audit.Event{e})
	})
}

func lockedUser(ctx context.Context, q *sqlcgen.Queries, a admin.Act, user id.User) (directory.User, error) {
	row, err := q.LockAccount(ctx, user.UUID())
	if err == nil && a.IfVersion != 0 && a.IfVersion != row.Version {
		err = admin.ErrVersion
	}
	return toUser(row), err
}

// updateUser stores an edit. An address that was not edited stays as it is, and is not looked at.
func updateUser(ctx context.Context, q *sqlcgen.Queries, was, u directory.User) (directory.User, error) {
	var normalized string
	if u.Email != was.Email {
		var err error
		if normalized, err = directory.NormalizeEmail(u.Email); err != nil {
			return directory.User{}, err
		}
		other, err := q.FindUserByEmail(ctx, normalized)
		if err == nil && other.ID != u.ID.UUID() {
			return directory.User{}, emailTaken()
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return directory.User{}, err
		}
	}
	row, err := q.UpdateUser(ctx, sqlcgen.UpdateUserParams{
		ID: u.ID.UUID(), Email: u.Email, EmailNormalized: normalized, EmailVerified: u.EmailVerified, Name: u.Name,
		GivenName: u.GivenName, FamilyName: u.FamilyName, Picture: u.Picture, Locale: u.Locale, DisabledAt: nullTime(u.DisabledAt),
	})
	return toUser(row), err
}

// withTenantsOf makes a change after which the person administers nothing, and returns the tenants
// that they belong to.
func withTenantsOf(ctx context.Context, q *sqlcgen.Queries, user id.User, change func() error) ([][16]byte, error) {
	tenants, err := q.LockTenantsOfUser(ctx, user.UUID())
	if err != nil {
		return nil, err
	}
	return tenants, keepAdministrators(ctx, q, tenants, change)
}

// expel ends every session and grant of a person.
func (db *DB) expel(ctx context.Context, q *sqlcgen.Queries, user id.User, keep time.Duration) ([]revocation.Cutoff, error) {
	cut, err := db.endAll(ctx, q, user, id.Session{}, keep)
	if err != nil {
		return nil, err
	}
	// Grants of clients that get no refresh tokens, when they outlive their session.
	grants, err := q.GrantsOfUserWithoutFamily(ctx, sqlcgen.GrantsOfUserWithoutFamilyParams{UserID: user.UUID(), Keep: interval(keep)})
	if err != nil {
		return nil, err
	}
	more, err := db.cutGrants(ctx, q, grants, keep)
	return append(cut, more...), err
}

// Delete removes an account with its memberships. Its tokens are void; keep is the longest that one
// can still live. What the audit log says of the person stays.
func (s Users) Delete(ctx context.Context, a admin.Act, user id.User, keep time.Duration) error {
	if !a.Actor.ManagesAll() {
		return errNothing
	}
	var cut []revocation.Cutoff
	_, _, err := s.db.act(ctx, "delete user", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := lockedUser(ctx, q, a, user); err != nil {
			return "", err
		}
		left, err := withTenantsOf(ctx, q, user, func() error {
			var err error
			if cut, err = s.db.expel(ctx, q, user, keep); err != nil {
				return err
			}
			n, err := q.DeleteUser(ctx, user.UUID())
			if err == nil && n == 0 {
				err = fmt.Errorf("user %s: %w", user, errdefs.ErrNotFound)
			}
			return err
		})
		if err != nil {
			return "", err
		}
		records := make([]audit.Event, len(left))
		for i, t := range left {
			records[i] = recordIn(a, audit.MemberRemoved, id.TenantFromUUID(t), user, map[string]string{"account": "deleted"})
		}
		return user.String(), appendEvents(ctx, q, records)
	})
	if err == nil {
		s.db.stored(cut...)
	}
	return err
}
