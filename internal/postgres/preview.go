package postgres

import (
	"context"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/keys"
)

// Provenances explains what people may do.
type Provenances struct{ q *sqlcgen.Queries }

// Provenances returns the store of reasons.
func (db *DB) Provenances() Provenances { return Provenances{db.q} }

// Explain returns where what the person holds in the tenant comes from; errdefs.ErrNotFound when
// they are no member, or suspended, or the tenant is not within reach.
func (s Provenances) Explain(ctx context.Context, reach admin.Reach, tenant id.Tenant, user id.User) (claims.Provenance, error) {
	rows, err := s.q.ExplainAccess(ctx, sqlcgen.ExplainAccessParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), TenantID: tenant.UUID(), UserID: user.UUID(),
	})
	if err == nil && len(rows) == 0 {
		err = errdefs.ErrNotFound
	}
	if err != nil {
		return claims.Provenance{}, wrap("explain access", err)
	}
	p := claims.Provenance{Roles: map[string]claims.Granted{}, Reaches: map[string][]string{}}
	for _, r := range rows {
		granted := claims.Granted{By: r.GrantedBy, At: r.GrantedAt}
		switch r.Kind {
		case "membership":
			p.Membership = granted
		case "role":
			p.Roles[r.Role] = granted
		case "reach":
			p.Reaches[r.Role] = append(p.Reaches[r.Role], r.Name)
		case "permission":
			p.Permissions = append(p.Permissions, claims.Bundled{Role: r.Role, Audience: r.Audience, Slug: r.Name, Granted: granted})
		}
	}
	return p, nil
}

// Holding returns what somebody holds who has one role of the tenant; errdefs.ErrNotFound when
// there is no such role within reach.
func (s Provenances) Holding(ctx context.Context, reach admin.Reach, tenant id.Tenant, role string) (claims.Holding, error) {
	rows, err := s.q.ReadHolding(ctx, sqlcgen.ReadHoldingParams{
		ReachAll: reach.All, Reach: reach.Tenant.UUID(), TenantID: tenant.UUID(), Role: role,
	})
	if err == nil && len(rows) == 0 {
		err = errdefs.ErrNotFound
	}
	if err != nil {
		return claims.Holding{}, wrap("read holding", err)
	}
	h := claims.Holding{Permissions: map[string][]string{}, Algorithms: map[string]keys.Algorithm{}}
	for _, r := range rows {
		switch r.Kind {
		case "role":
			h.Roles = append(h.Roles, r.Name)
		case "permission":
			h.Permissions[r.Audience] = append(h.Permissions[r.Audience], r.Name)
		case "algorithm":
			h.Algorithms[r.Audience] = keys.Algorithm(r.Name)
		case "declaration":
			m, err := claims.Read(r.Claims)
			if err != nil {
				return claims.Holding{}, wrap("read declared claims", err)
			}
			h.Declarations = append(h.Declarations, claims.Declaration{Audience: r.Audience, Claims: m})
		}
	}
	return h, nil
}
