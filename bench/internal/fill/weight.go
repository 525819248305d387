package fill

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// What a heavy person has; a light one has one of each.
const (
	HeavyMemberships = 50
	HeavyRoles       = 20
	HeavyPermissions = 200
)

// Weigh makes some people of a filled database heavy and others light: all of them in the tenant
// that tokens are issued for, the light ones with one membership, one role and one permission, the
// heavy ones with as many as the constants say. It returns them, count of each.
func Weigh(ctx context.Context, url string, s Set, count int) (light, heavy []Member, err error) {
	if s.Tenants < HeavyMemberships {
		return nil, nil, fmt.Errorf("a person cannot belong to %d of %d tenants", HeavyMemberships, s.Tenants)
	}
	for n := 0; n < s.Users && (len(heavy) < count || len(light) < count); n++ {
		switch {
		case s.guest(n):
		case n%2 == 0:
			light = append(light, s.Member(n))
		default:
			heavy = append(heavy, s.Member(n))
		}
	}
	if len(heavy) < count || len(light) < count {
		return nil, nil, fmt.Errorf("%d people are too few for %d heavy and as many light ones", s.Users, count)
	}
	light, heavy = light[:count], heavy[:count]
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"INSERT INTO permission (audience, slug) SELECT $1, 'orders:right-' || n FROM generate_series(1, $2) n", []any{Orders, HeavyPermissions}},
		{"INSERT INTO role (tenant_id, name) SELECT t.id, 'heavy-' || n FROM tenant t, generate_series(1, $1) n", []any{HeavyRoles}},
		{"INSERT INTO role (tenant_id, name) SELECT id, 'light' FROM tenant", nil},
		{"INSERT INTO role_permission (tenant_id, role, audience, permission) SELECT t.id, 'heavy-' || (1 + n % $1), $2, 'orders:right-' || n FROM tenant t, generate_series(1, $3) n",
			[]any{HeavyRoles, Orders, HeavyPermissions}},
		{"INSERT INTO role_permission (tenant_id, role, audience, permission) SELECT id, 'light', $1, 'orders:right-1' FROM tenant", []any{Orders}},
		{"DELETE FROM membership_role WHERE user_id = ANY ($1)", []any{uuids(append(light[:len(light):len(light)], heavy...))}},
		{"INSERT INTO membership_role (tenant_id, user_id, role) SELECT tenant_id, user_id, 'light' FROM membership WHERE user_id = ANY ($1)", []any{uuids(light)}},
		{"INSERT INTO membership_role (tenant_id, user_id, role) SELECT m.tenant_id, m.user_id, 'heavy-' || n FROM membership m, generate_series(1, $1) n WHERE m.user_id = ANY ($2)",
			[]any{HeavyRoles, uuids(heavy)}},
		{"INSERT INTO membership (tenant_id, user_id) SELECT t.id, u FROM (SELECT id FROM tenant WHERE starts_with(slug, 'tenant-') ORDER BY id LIMIT $1) t, unnest($2::uuid[]) u ON CONFLICT DO NOTHING",
			[]any{HeavyMemberships, uuids(heavy)}},
		{"VACUUM (ANALYZE)", nil},
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			return nil, nil, fmt.Errorf("weigh people: %s: %w", step.sql, err)
		}
	}
	return light, heavy, nil
}

func uuids(members []Member) [][16]byte {
	out := make([][16]byte, len(members))
	for i, m := range members {
		out[i] = m.ID.UUID()
	}
	return out
}

// FamiliesOf returns all families of the people.
func (s Set) FamiliesOf(members []Member) []Family {
	wanted := map[int]bool{}
	for _, m := range members {
		wanted[m.Number] = true
	}
	var out []Family
	for n := range s.Families {
		if wanted[s.owner(n)] {
			out = append(out, s.Family(n))
		}
	}
	return out
}
