package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Imports stores people who come from another system.
type Imports struct{ db *DB }

// Imports returns the store of people who come from another system.
func (db *DB) Imports() Imports { return Imports{db} }

var errDryRun = errors.New("dry run")

// ImportUsers stores at most importer.MaxBatch rows in one transaction of a constant number of
// statements, and returns the outcome of each row, in their order. A row that cannot be stored is
// rejected and does not hold up the others.
//
// Whoever has an account keeps it as it is, the password too, and gets the memberships and roles
// of the row that they do not have; nothing is ever taken away. So importing a row twice changes
// nothing the second time. With dry the outcomes are those that there would be, and nothing is
// stored.
//
// The act is recorded with its counts, and so are each new account and each new membership.
func (s Imports) ImportUsers(ctx context.Context, a admin.Act, rows []importer.Row, dry bool) ([]importer.Outcome, error) {
	if len(rows) > importer.MaxBatch {
		return nil, errdefs.Say(errdefs.ErrInvalid, nil, "At most %d rows are imported at once.", importer.MaxBatch)
	}
	if !a.Actor.ManagesAll() {
		return nil, errNothing
	}
	// The counts are known once the rows are stored: the record of the act is then made from this.
	detail := map[string]string{}
	maps.Copy(detail, a.Event.Detail)
	a.Event.Detail = detail
	var b *importing
	_, _, err := s.db.act(ctx, "import users", a, func(q *sqlcgen.Queries) (string, error) {
		b = &importing{q: q, act: a, rows: make([]importRow, len(rows)), out: make([]importer.Outcome, len(rows))}
		err := b.store(ctx, rows)
		if err == nil && dry {
			err = errDryRun // leaves nothing behind
		}
		return "", err
	})
	if dry && errors.Is(err, errDryRun) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return b.out, nil
}

// importing is a batch on its way.
type importing struct {
	q     *sqlcgen.Queries
	act   admin.Act
	rows  []importRow
	out   []importer.Outcome
	added []audit.Event
}

// importRow is a row and what was found for it.
type importRow struct {
	importer.Row
	normalized string
	user       [16]byte
	tenants    [][16]byte // of its memberships
}

// inTenant is a membership, and withRole a role of one.
type (
	inTenant struct{ tenant, user [16]byte }
	withRole struct {
		inTenant
		role string
	}
)

func (b *importing) store(ctx context.Context, rows []importer.Row) error {
	for i, row := range rows {
		err := row.Check()
		if err == nil {
			b.rows[i].normalized, err = directory.NormalizeEmail(row.Email)
		}
		if err != nil {
			b.out[i] = importer.Refuse("%s", err)
		}
		b.rows[i].Row = row
	}
	for _, step := range []func(context.Context) error{b.findTenants, b.findRoles, b.accounts, b.memberships, b.record} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// going calls f for each row that was not rejected, in order.
func (b *importing) going(f func(i int, r *importRow)) {
	for i := range b.rows {
		if b.out[i].Status != importer.Rejected {
			f(i, &b.rows[i])
		}
	}
}

func (b *importing) findTenants(ctx context.Context) error {
	slugs := map[string]bool{}
	b.going(func(_ int, r *importRow) {
		for _, m := range r.Memberships {
			slugs[m.Tenant] = true
		}
	})
	if len(slugs) == 0 {
		return nil
	}
	found, err := b.q.ImportTenants(ctx, slices.Collect(maps.Keys(slugs)))
	if err != nil {
		return err
	}
	bySlug := make(map[string][16]byte, len(found))
	for _, t := range found {
		bySlug[t.Slug] = t.ID
	}
	b.going(func(i int, r *importRow) {
		for _, m := range r.Memberships {
			t, ok := bySlug[m.Tenant]
			if !ok {
				b.out[i] = importer.Refuse("there is no tenant %q", m.Tenant)
				return
			}
			r.tenants = append(r.tenants, t)
		}
	})
	return nil
}

func (b *importing) findRoles(ctx context.Context) error {
	tenants, names := map[[16]byte]bool{}, map[string]bool{}
	b.going(func(_ int, r *importRow) {
		for i, m := range r.Memberships {
			for _, role := range m.Roles {
				tenants[r.tenants[i]], names[role] = true, true
			}
		}
	})
	if len(names) == 0 {
		return nil
	}
	found, err := b.q.ImportRoles(ctx, sqlcgen.ImportRolesParams{TenantIds: slices.Collect(maps.Keys(tenants)), Names: slices.Collect(maps.Keys(names))})
	if err != nil {
		return err
	}
	known := make(map[sqlcgen.ImportRolesRow]bool, len(found))
	for _, r := range found {
		known[r] = true
	}
	b.going(func(i int, r *importRow) {
		for n, m := range r.Memberships {
			for _, role := range m.Roles {
				if !known[sqlcgen.ImportRolesRow{TenantID: r.tenants[n], Name: role}] {
					b.out[i] = importer.Refuse("there is no role %q in tenant %s", role, m.Tenant)
					return
				}
			}
		}
	})
	return nil
}

// accounts makes the accounts that are missing, with their passwords, and finds the others. Of two
// rows about one person the first makes the account.
func (b *importing) accounts(ctx context.Context) error {
	var p sqlcgen.ImportAccountsParams
	first := map[string]int{}
	b.going(func(i int, r *importRow) {
		if _, twice := first[r.normalized]; twice {
			return
		}
		first[r.normalized] = i
		r.user = id.NewUser(b.act.Event.At).UUID()
		p.Ids = append(p.Ids, r.user)
		p.Emails = append(p.Emails, r.Email)
		p.Normalized = append(p.Normalized, r.normalized)
		p.Verified = append(p.Verified, r.EmailVerified)
		p.Names = append(p.Names, r.Name)
		p.GivenNames = append(p.GivenNames, r.GivenName)
		p.FamilyNames = append(p.FamilyNames, r.FamilyName)
		p.Pictures = append(p.Pictures, r.Picture)
		p.Locales = append(p.Locales, r.Locale)
		p.Disabled = append(p.Disabled, r.Disabled)
	})
	if len(p.Ids) == 0 {
		return nil
	}
	made, err := b.q.ImportAccounts(ctx, p)
	if err != nil {
		return err
	}
	fresh := make(map[[16]byte]bool, len(made))
	for _, user := range made {
		fresh[user] = true
	}
	var passwords sqlcgen.ImportPasswordsParams
	people := make(map[string][16]byte, len(first))
	var existing []string
	for address, i := range first {
		r := &b.rows[i]
		if !fresh[r.user] {
			existing = append(existing, address)
			continue
		}
		people[address] = r.user
		b.out[i] = importer.Outcome{Status: importer.Created}
		if r.PasswordHash != "" {
			passwords.UserIds = append(passwords.UserIds, r.user)
			passwords.Encoded = append(passwords.Encoded, r.PasswordHash)
		}
	}
	if err := b.findExisting(ctx, existing, people); err != nil {
		return err
	}
	b.going(func(i int, r *importRow) {
		user, ok := people[r.normalized]
		if !ok {
			b.out[i] = importer.Refuse("the account was deleted while it was imported: try again")
			return
		}
		r.user, b.out[i].User = user, id.UserFromUUID(user)
		if b.out[i].Status == importer.Created {
			b.note(audit.UserCreated, id.Tenant{}, user, nil)
		} else {
			b.out[i].Status = importer.Exists
		}
	})
	if len(passwords.UserIds) == 0 {
		return nil
	}
	return b.q.ImportPasswords(ctx, passwords)
}

func (b *importing) findExisting(ctx context.Context, addresses []string, people map[string][16]byte) error {
	if len(addresses) == 0 {
		return nil
	}
	rows, err := b.q.ImportExisting(ctx, addresses)
	for _, r := range rows {
		people[r.EmailNormalized] = r.ID
	}
	return err
}

// memberships adds the memberships and roles that are missing.
func (b *importing) memberships(ctx context.Context) error {
	members, roles := map[inTenant]bool{}, map[withRole]bool{}
	b.going(func(_ int, r *importRow) {
		for i, m := range r.Memberships {
			member := inTenant{r.tenants[i], r.user}
			members[member] = true
			for _, role := range m.Roles {
				roles[withRole{member, role}] = true
			}
		}
	})
	if len(members) == 0 {
		return nil
	}
	var mp sqlcgen.ImportMembershipsParams
	for m := range members {
		mp.TenantIds, mp.UserIds = append(mp.TenantIds, m.tenant), append(mp.UserIds, m.user)
	}
	joined, err := b.q.ImportMemberships(ctx, mp)
	if err != nil {
		return err
	}
	var rp sqlcgen.ImportMembershipRolesParams
	for r := range roles {
		rp.TenantIds, rp.UserIds, rp.Roles = append(rp.TenantIds, r.tenant), append(rp.UserIds, r.user), append(rp.Roles, r.role)
	}
	var granted []sqlcgen.ImportMembershipRolesRow
	if len(roles) > 0 {
		if granted, err = b.q.ImportMembershipRoles(ctx, rp); err != nil {
			return err
		}
	}
	b.gained(joined, granted)
	return nil
}

// gained says which of those who had an account got a membership or a role, and records both.
func (b *importing) gained(joined []sqlcgen.ImportMembershipsRow, granted []sqlcgen.ImportMembershipRolesRow) {
	roles := map[inTenant]string{}
	for _, g := range granted {
		m := inTenant{g.TenantID, g.UserID}
		if roles[m] != "" {
			roles[m] += " "
		}
		roles[m] += g.Role
	}
	fresh := make(map[inTenant]bool, len(joined))
	for _, j := range joined {
		m := inTenant{j.TenantID, j.UserID}
		fresh[m] = true
		b.note(audit.MemberAdded, id.TenantFromUUID(m.tenant), m.user, map[string]string{"roles": roles[m]})
	}
	for m, names := range roles {
		if !fresh[m] {
			b.note(audit.MemberUpdated, id.TenantFromUUID(m.tenant), m.user, map[string]string{"roles_added": names})
		}
	}
	b.going(func(i int, r *importRow) {
		if b.out[i].Status != importer.Exists {
			return
		}
		for _, t := range r.tenants {
			m := inTenant{t, r.user}
			if fresh[m] || roles[m] != "" {
				b.out[i].Status = importer.Joined
			}
		}
	})
}

// note keeps what is to be recorded about one person.
func (b *importing) note(action audit.Action, tenant id.Tenant, user [16]byte, detail map[string]string) {
	e := b.act.Event
	e.Action, e.Tenant, e.User, e.Target = action, tenant, id.UserFromUUID(user), id.UserFromUUID(user).String()
	e.Detail = map[string]string{"by": string(audit.UsersImported)}
	maps.Copy(e.Detail, detail)
	b.added = append(b.added, e)
}

// record stores what happened to each person, and gives the event of the whole batch its counts.
func (b *importing) record(ctx context.Context) error {
	counts := map[importer.Status]int{}
	for _, o := range b.out {
		counts[o.Status]++
	}
	for status, n := range counts {
		b.act.Event.Detail[string(status)] = strconv.Itoa(n)
	}
	if len(b.added) == 0 {
		return nil
	}
	return appendEvents(ctx, b.q, b.added)
}
