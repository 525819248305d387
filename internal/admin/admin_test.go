package admin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/id"
)

func TestWhatAnActorMayDoFollowsFromTheirTenantAndPermissions(t *testing.T) {
	t.Parallel()
	own, other, signet := id.NewTenant(time.Now()), id.NewTenant(time.Now()), id.NewTenant(time.Now())
	person := func(permissions ...string) admin.Actor {
		return admin.Actor{User: id.NewUser(time.Now()), Tenant: own, Permissions: permissions}
	}
	installation := func(permissions ...string) admin.Actor {
		return admin.Actor{User: id.NewUser(time.Now()), Tenant: signet, Installation: true, Permissions: permissions}
	}
	machine := func(permissions ...string) admin.Actor {
		return admin.Actor{Client: "robot", Installation: true, Permissions: permissions}
	}
	everything := []string{admin.TenantRead, admin.TenantManage, admin.AuditRead, admin.InstallationRead, admin.InstallationManage}
	for what, c := range map[string]struct {
		actor admin.Actor
		want  string // reads, manages and reads the audit log of: o(wn) x (another) s(ignet's) *(everything)
	}{
		"nobody":                               {admin.Actor{}, "||"},
		"a member":                             {person(), "||"},
		"a reader of a tenant":                 {person(admin.TenantRead), "o||"},
		"an administrator of a tenant":         {person(admin.TenantManage), "o|o|"},
		"an auditor of a tenant":               {person(admin.AuditRead), "||o"},
		"everything, in a tenant":              {person(everything...), "o|o|o"},
		"an administrator of the installation": {installation(admin.InstallationManage), "oxs*|oxs*|oxs*"},
		"an auditor of the installation":       {installation(admin.InstallationRead), "oxs*||oxs*"},
		"an administrator of signet alone":     {installation(admin.TenantManage), "s||"},
		"a machine of the installation":        {machine(admin.InstallationManage), "oxs*|oxs*|oxs*"},
		"a machine with scopes of a tenant":    {machine(admin.TenantManage, admin.TenantRead, admin.AuditRead), "||"},
	} {
		a := c.actor
		of := func(may func(id.Tenant) bool, all bool) (out string) {
			for name, tenant := range []id.Tenant{own, other, signet} {
				if may(tenant) {
					out += "oxs"[name : name+1]
				}
			}
			if all {
				out += "*"
			}
			return out
		}
		got := fmt.Sprintf("%s|%s|%s", of(a.Reads, a.ReadsAll()), of(a.Manages, a.ManagesAll()), of(a.ReadsAudit, a.ReadsAudit(id.Tenant{})))
		if got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
		for _, tenant := range []id.Tenant{own, other, signet, {}} {
			if a.Reach().Sees(tenant) != (a.Reads(tenant) || a.ReadsAll()) || a.ManageReach().Sees(tenant) != (a.Manages(tenant) || a.ManagesAll()) {
				t.Errorf("%s: reach and rights differ for %v", what, tenant)
			}
		}
	}
}

func TestAnActorIsNamedByThePersonElseTheClient(t *testing.T) {
	t.Parallel()
	user := id.NewUser(time.Now())
	if got := (admin.Actor{User: user, Client: "web"}).String(); got != user.String() {
		t.Error(got)
	}
	if got := (admin.Actor{Client: "robot"}).String(); got != "robot" {
		t.Error(got)
	}
}
