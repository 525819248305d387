package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
)

// subjects returns what each of the statements that read it says about Ada in Acme.
func (w *world) subjects(t *testing.T) map[string]directory.Subject {
	t.Helper()
	found, err := w.Directory().FindSubject(t.Context(), w.acme, w.ada)
	must(t, err)
	r, a := w.code(t, nil)
	redeemed, err := w.Grants().Redeem(t.Context(), r)
	must(t, err)
	rotated, err := w.Grants().Rotate(t.Context(), grant.Rotation{Token: grant.RefreshToken{Family: a.ID}, Client: "web", Idle: time.Hour})
	must(t, err)
	return map[string]directory.Subject{"found": found, "redeemed": redeemed.Subject, "rotated": rotated.Subject}
}

func TestRolesReachTheRolesThatTheyInclude(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "DELETE FROM membership_role WHERE tenant_id = $1 AND role = 'admin'", w.acme.UUID())
	w.exec(t, "INSERT INTO role (tenant_id, name) VALUES ($1, 'lead'), ($1, 'Boss'), ($2, 'lead')", w.acme.UUID(), w.globex.UUID())
	// Boss > lead > admin; Ada is Boss and clerk. The lead of the other tenant is another role.
	w.exec(t, "INSERT INTO role_inclusion (tenant_id, role, includes) VALUES ($1, 'Boss', 'lead'), ($1, 'lead', 'admin'), ($2, 'lead', 'viewer')",
		w.acme.UUID(), w.globex.UUID())
	w.exec(t, "INSERT INTO membership_role (tenant_id, user_id, role) VALUES ($1, $2, 'Boss')", w.acme.UUID(), w.ada.UUID())
	for how, s := range w.subjects(t) {
		if want := []string{"Boss", "admin", "clerk", "lead"}; !slices.Equal(s.Roles, want) {
			t.Errorf("%s: roles %v, want %v", how, s.Roles, want)
		}
		if want := []string{"orders:read", "orders:write"}; !slices.Equal(s.PermissionsFor([]string{orders}), want) {
			t.Errorf("%s: permissions %v, want %v", how, s.Permissions, want)
		}
	}
	list, err := w.Directory().ListMemberships(t.Context(), w.ada, directory.Among{Tenant: w.acme})
	must(t, err)
	if len(list) != 1 || !slices.Equal(list[0].Roles, []string{"Boss", "admin", "clerk", "lead"}) {
		t.Errorf("listed: %+v", list)
	}
	w.exec(t, "DELETE FROM role_inclusion WHERE tenant_id = $1 AND includes = 'admin'", w.acme.UUID())
	for how, s := range w.subjects(t) {
		if want := []string{"orders:read"}; !slices.Equal(s.PermissionsFor([]string{orders}), want) {
			t.Errorf("%s, admin no longer included: permissions %v, want %v", how, s.Permissions, want)
		}
	}
}

func TestASuspendedMembershipIsNone(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "UPDATE membership SET suspended_at = now() WHERE tenant_id = $1", w.acme.UUID())
	for how, s := range w.subjects(t) {
		if s.Member || len(s.Roles) > 0 || len(s.Permissions) > 0 || !errors.Is(s.Active(), errdefs.ErrDenied) {
			t.Errorf("%s: %+v", how, s)
		}
	}
	list, err := w.Directory().ListMemberships(t.Context(), w.ada, directory.Among{})
	must(t, err)
	if len(list) != 1 || list[0].Tenant.ID != w.globex {
		t.Errorf("memberships: %+v", list)
	}
	w.exec(t, "UPDATE membership SET suspended_at = NULL WHERE tenant_id = $1", w.acme.UUID())
	for how, s := range w.subjects(t) {
		if s.Active() != nil || len(s.Roles) != 2 {
			t.Errorf("%s, afterwards: %+v", how, s)
		}
	}
}

func TestASubjectHasTheAttributesOfItsTenantAndMembership(t *testing.T) {
	t.Parallel()
	w := build(t)
	for how, s := range w.subjects(t) {
		if s.Attributes != nil || s.Tenant.Attributes != nil {
			t.Errorf("%s, without: %s, %s", how, s.Attributes, s.Tenant.Attributes)
		}
	}
	w.exec(t, `UPDATE tenant SET attributes = '{"plan": "gold"}' WHERE id = $1`, w.acme.UUID())
	w.exec(t, `UPDATE membership SET attributes = '{"desk": 7}' WHERE tenant_id = $1`, w.acme.UUID())
	for how, s := range w.subjects(t) {
		if string(s.Attributes) != `{"desk": 7}` || string(s.Tenant.Attributes) != `{"plan": "gold"}` {
			t.Errorf("%s: %s, %s", how, s.Attributes, s.Tenant.Attributes)
		}
	}
}
