package postgres

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// Directory stores people, tenants and who belongs where.
type Directory struct{ q *sqlcgen.Queries }

// Directory returns the store of people and tenants.
func (db *DB) Directory() Directory { return Directory{db.q} }

// FindUserByEmail returns the person with the normalized address; errdefs.ErrNotFound if
// there is none.
func (s Directory) FindUserByEmail(ctx context.Context, normalized string) (directory.User, error) {
	row, err := s.q.FindUserByEmail(ctx, normalized)
	return toUser(row), wrap("find user", err)
}

// FindUser returns the person; errdefs.ErrNotFound if there is none.
func (s Directory) FindUser(ctx context.Context, user id.User) (directory.User, error) {
	row, err := s.q.FindUser(ctx, user.UUID())
	return toUser(row), wrap("find user", err)
}

// FindPassword returns the person's password hash; errdefs.ErrNotFound if they have none.
func (s Directory) FindPassword(ctx context.Context, user id.User) (directory.Credential, error) {
	r, err := s.q.FindPassword(ctx, user.UUID())
	return directory.Credential{Encoded: r.Encoded, ChangedAt: r.ChangedAt}, wrap("find password", err)
}

// SetPassword replaces the person's password hash and nothing else: for importing. A person who
// changes their password goes through Sessions.ChangePassword.
func (s Directory) SetPassword(ctx context.Context, user id.User, encoded string) error {
	return wrap("set password", s.q.SetPassword(ctx, sqlcgen.SetPasswordParams{UserID: user.UUID(), Encoded: encoded}))
}

// UpgradePassword replaces the hash old by one of the same password under today's parameters,
// unless the password changed meanwhile.
func (s Directory) UpgradePassword(ctx context.Context, user id.User, old, encoded string) error {
	return wrap("upgrade password", s.q.UpgradePassword(ctx, sqlcgen.UpgradePasswordParams{
		UserID: user.UUID(), Encoded: encoded, OldEncoded: old,
	}))
}

// FindTenant returns a tenant by slug or identifier; errdefs.ErrNotFound if there is none.
func (s Directory) FindTenant(ctx context.Context, reference string) (directory.Tenant, error) {
	var uuid [16]byte
	if t, err := id.ParseTenant(reference); err == nil {
		uuid = t.UUID()
	}
	row, err := s.q.FindTenantByReference(ctx, sqlcgen.FindTenantByReferenceParams{Slug: reference, ID: uuid})
	return toTenant(row), wrap("find tenant", err)
}

// ListMemberships returns the enabled tenants among which the person belongs, by name, at most
// 200.
func (s Directory) ListMemberships(ctx context.Context, user id.User, among directory.Among) ([]directory.Membership, error) {
	p := sqlcgen.ListMembershipsParams{UserID: user.UUID(), TenantID: nullUUID(among.Tenant.UUID()), Slug: among.Reference, Open: among.Open}
	if t, err := id.ParseTenant(among.Reference); err == nil {
		p.ReferenceID = nullUUID(t.UUID())
	}
	rows, err := s.q.ListMemberships(ctx, p)
	if err != nil {
		return nil, wrap("list memberships", err)
	}
	out := make([]directory.Membership, len(rows))
	for i, r := range rows {
		out[i] = directory.Membership{Tenant: toTenant(r.Tenant), Roles: r.Roles}
	}
	return out, nil
}

// FindSubject returns what tokens say about the person in the tenant; errdefs.ErrNotFound if
// either does not exist. Whether the membership stands is in the result.
func (s Directory) FindSubject(ctx context.Context, tenant id.Tenant, user id.User) (directory.Subject, error) {
	out, err := findSubject(ctx, s.q, tenant, user)
	return out, wrap("find subject", err)
}

func findSubject(ctx context.Context, q *sqlcgen.Queries, tenant id.Tenant, user id.User) (directory.Subject, error) {
	r, err := q.FindSubject(ctx, sqlcgen.FindSubjectParams{TenantID: tenant.UUID(), UserID: user.UUID()})
	if err != nil {
		return directory.Subject{}, err
	}
	return toSubject(r.UserAccount, r.Tenant, r.Member, r.Attributes, r.Roles, r.Permissions), nil
}

func toUser(r sqlcgen.UserAccount) directory.User {
	return directory.User{
		ID:            id.UserFromUUID(r.ID),
		Email:         r.Email,
		EmailVerified: r.EmailVerified,
		Name:          r.Name,
		GivenName:     r.GivenName,
		FamilyName:    r.FamilyName,
		Picture:       r.Picture,
		Locale:        r.Locale,
		CreatedAt:     r.CreatedAt,
		UpdatedAt:     r.UpdatedAt,
		DisabledAt:    zeroTime(r.DisabledAt),
		Version:       r.Version,
	}
}

func toTenant(r sqlcgen.Tenant) directory.Tenant {
	return directory.Tenant{
		ID:             id.TenantFromUUID(r.ID),
		Slug:           r.Slug,
		Name:           r.Name,
		Attributes:     attributes(r.Attributes),
		CreatedAt:      r.CreatedAt,
		UpdatedAt:      r.UpdatedAt,
		DisabledAt:     zeroTime(r.DisabledAt),
		Version:        r.Version,
		OnlyConnectors: r.OnlyConnectors,
	}
}

// attributes spares memory for the many that have none.
func attributes(object []byte) json.RawMessage {
	if string(object) == "{}" {
		return nil
	}
	return object
}

// toSubject reads permissions from "audience slug" pairs: neither half can hold a space.
func toSubject(u sqlcgen.UserAccount, t sqlcgen.Tenant, member bool, attrs []byte, roles, permissions []string) directory.Subject {
	return directory.Subject{
		User: toUser(u), Tenant: toTenant(t), Member: member, Attributes: attributes(attrs), Roles: roles, Permissions: toPermissions(permissions),
	}
}

func toPermissions(pairs []string) []directory.Permission {
	var out []directory.Permission
	for _, p := range pairs {
		if audience, slug, ok := strings.Cut(p, " "); ok {
			out = append(out, directory.Permission{Audience: audience, Slug: slug})
		}
	}
	return out
}
