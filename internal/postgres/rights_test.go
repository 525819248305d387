package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
)

func TestWhatIsHeldIsLeftOutUntilAnyOfItChanges(t *testing.T) {
	t.Parallel()
	w := build(t)
	family, generation := w.family(t, nil), uint32(0)
	rotate := func(known directory.AccessVersion) directory.Subject {
		t.Helper()
		r := rotation(family, generation, time.Minute)
		r.Known = known
		out, err := w.Grants().Rotate(t.Context(), r)
		must(t, err)
		generation = out.Generation
		return out.Subject
	}
	first := rotate(directory.AccessVersion{})
	if first.Access == (directory.AccessVersion{}) || len(first.Roles) == 0 || len(first.Permissions) == 0 {
		t.Fatalf("at first: %+v", first)
	}
	if again := rotate(first.Access); again.Access != first.Access || len(again.Roles)+len(again.Permissions) != 0 || !again.Member || again.User.Email == "" {
		t.Errorf("again: %+v", again)
	}
	r, _ := w.code(t, nil)
	r.Known = first.Access
	if redeemed, err := w.Grants().Redeem(t.Context(), r); err != nil || redeemed.Subject.Access != first.Access || len(redeemed.Subject.Roles) != 0 {
		t.Errorf("a code: %+v, %v", redeemed.Subject, err)
	}
	known := first.Access
	for _, step := range []struct{ what, sql string }{
		{"a role more", "INSERT INTO role (tenant_id, name) SELECT id, 'extra' FROM tenant WHERE slug = 'acme'"},
		{"given", "INSERT INTO membership_role (tenant_id, user_id, role) SELECT tenant_id, user_id, 'extra' FROM membership m JOIN tenant t ON t.id = m.tenant_id JOIN user_account u ON u.id = m.user_id WHERE t.slug = 'acme' AND u.name = 'Ada'"},
		{"the role bundles something", "INSERT INTO role_permission (tenant_id, role, audience, permission) SELECT tenant_id, 'extra', 'https://orders.example', 'orders:write' FROM role WHERE name = 'extra'"},
		{"and no longer", "DELETE FROM role_permission WHERE role = 'extra'"},
		{"the role includes another", "INSERT INTO role_inclusion (tenant_id, role, includes) SELECT tenant_id, 'extra', 'member' FROM role WHERE name = 'extra'"},
		{"and no longer includes it", "DELETE FROM role_inclusion"},
		{"the role is deleted", "DELETE FROM role WHERE name = 'extra'"},
		{"the permission is deleted", "DELETE FROM permission WHERE slug = 'orders:write'"},
		{"all roles are taken", "TRUNCATE membership_role CASCADE"},
	} {
		w.exec(t, step.sql)
		now := rotate(known)
		fresh := rotate(directory.AccessVersion{})
		if step.what == "a role more" {
			if now.Access != known {
				t.Errorf("%s, which nobody holds, moved the version", step.what)
			}
			continue
		}
		if now.Access == known || !slices.Equal(now.Roles, fresh.Roles) || !slices.Equal(now.Permissions, fresh.Permissions) {
			t.Errorf("%s: %+v, afresh %v %v", step.what, now, fresh.Roles, fresh.Permissions)
		}
		known = now.Access
	}
	w.exec(t, "UPDATE membership SET suspended_at = now()")
	if now := rotate(known); now.Member || now.Access != (directory.AccessVersion{}) {
		t.Errorf("suspended: %+v", now)
	}
}

func TestAMembershipThatBeginsAgainIsNotTakenForTheFormerOne(t *testing.T) {
	t.Parallel()
	w := build(t)
	rejoin := func(role string) {
		t.Helper()
		w.exec(t, "DELETE FROM membership m USING tenant t, user_account u WHERE t.id = m.tenant_id AND u.id = m.user_id AND t.slug = 'acme' AND u.name = 'Ada'")
		w.exec(t, `WITH again AS (
			INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u WHERE t.slug = 'acme' AND u.name = 'Ada' RETURNING *
		) INSERT INTO membership_role (tenant_id, user_id, role) SELECT tenant_id, user_id, '`+role+`' FROM again`)
	}
	held := func(known directory.AccessVersion) directory.Subject {
		t.Helper()
		r, _ := w.code(t, nil)
		r.Known = known
		out, err := w.Grants().Redeem(t.Context(), r)
		must(t, err)
		return out.Subject
	}
	w.exec(t, "INSERT INTO role (tenant_id, name) SELECT id, r FROM tenant, unnest('{first,second}'::text[]) r WHERE slug = 'acme'")
	rejoin("first")
	first := held(directory.AccessVersion{})
	rejoin("second")
	if again := held(first.Access); !slices.Equal(again.Roles, []string{"second"}) || again.Access == first.Access {
		t.Errorf("again: %v at %+v, formerly %v at %+v", again.Roles, again.Access, first.Roles, first.Access)
	}
}

func TestRightsAreCompletedAtTheirVersionAlone(t *testing.T) {
	t.Parallel()
	rights := directory.NewRights()
	w := build(t)
	key := func(g grant.RefreshToken) (k [32]byte) { u := g.Family.UUID(); copy(k[:], u[:]); return k }
	k := key(grant.RefreshToken{Family: w.family(t, nil)})
	if h := rights.Held(k); h.Version != (directory.AccessVersion{}) {
		t.Errorf("of an unknown family: %+v", h)
	}
	s := directory.Subject{User: directory.User{ID: w.ada}, Tenant: directory.Tenant{ID: w.acme}, Roles: []string{"admin"}, Access: directory.AccessVersion{Tenant: 3, Membership: 4}}
	rights.Keep(k, s)
	h := rights.Held(k)
	s.Roles = nil
	if got := h.Complete(s); !slices.Equal(got.Roles, []string{"admin"}) {
		t.Errorf("at the version: %v", got.Roles)
	}
	s.Access.Tenant++
	if got := h.Complete(s); got.Roles != nil {
		t.Errorf("at another version: %v", got.Roles)
	}
	if got := (directory.Held{}).Complete(directory.Subject{Roles: []string{"own"}}); !slices.Equal(got.Roles, []string{"own"}) {
		t.Errorf("nothing held: %v", got.Roles)
	}
	rights.Owned([32]byte{1}, w.acme, w.ada)
	if rights.Held([32]byte{1}).Version != (directory.AccessVersion{Tenant: 3, Membership: 4}) {
		t.Error("the owner of a code holds nothing")
	}
}
