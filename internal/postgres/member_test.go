package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/installation"
)

const keep = time.Hour

var anywhere = admin.Reach{All: true}

// did begins an act of the installation's administrator.
func did(action audit.Action) admin.Act {
	actor := admin.Actor{Client: "signet-cli", Installation: true, Permissions: []string{admin.InstallationManage}}
	return admin.Act{Actor: actor, Event: audit.Event{At: time.Now(), Action: action, Actor: actor.String(), Detail: map[string]string{}}}
}

// joined makes a person who holds the roles in the tenant.
func (w *world) joined(t *testing.T, email string, tenant id.Tenant, roles ...string) id.User {
	t.Helper()
	u, _, err := w.Users().Create(t.Context(), did(audit.UserCreated), directory.NewUser{
		User: directory.User{ID: id.NewUser(time.Now()), Email: email}, Memberships: []directory.NewMembership{{Tenant: tenant, Roles: roles}},
	})
	must(t, err)
	return u.ID
}

// names a field says that err refuses that field, as that kind.
func names(t *testing.T, what string, err error, field string, kind error) {
	t.Helper()
	fault, ok := errors.AsType[*admin.FieldError](err)
	if !ok || !errors.Is(err, kind) || fault.Field != field {
		t.Errorf("%s: %v, want %s of %s", what, err, kind, field)
	}
}

func (w *world) holders(t *testing.T, tenant id.Tenant, role string) (out []string) {
	t.Helper()
	l, err := w.Members().List(t.Context(), anywhere, tenant, directory.MemberFilter{Role: role}, admin.Page{Limit: 100})
	must(t, err)
	for _, m := range l.Items {
		out = append(out, m.User.Email)
	}
	return out
}

func TestAMembershipIsAddedEditedAndRemoved(t *testing.T) {
	t.Parallel()
	w := build(t)
	members := w.Members()
	m := directory.Member{Tenant: w.acme, User: directory.User{ID: w.linus}, Roles: []string{"clerk"}, Attributes: json.RawMessage(`{"desk": "7"}`)}
	a := did(audit.MemberAdded)
	got, _, err := members.Add(t.Context(), a, m)
	must(t, err)
	if got.User.Email != "linus@globex.example" || !slices.Equal(got.Roles, []string{"clerk"}) || got.Version != 1 || string(got.Attributes) != `{"desk": "7"}` || got.GrantedBy != "signet-cli" {
		t.Errorf("added %+v", got)
	}
	if a.Event.Detail["roles_added"] != "clerk" {
		t.Errorf("recorded %v", a.Event.Detail)
	}
	_, _, err = members.Add(t.Context(), did(audit.MemberAdded), m)
	names(t, "again", err, "user", errdefs.ErrConflict)

	a = did(audit.MemberUpdated)
	a.IfVersion = 1
	got, err = members.Update(t.Context(), a, w.acme, w.linus, func(m *directory.Member) error { m.Roles = []string{"member"}; return nil }, keep)
	must(t, err)
	if !slices.Equal(got.Roles, []string{"member"}) || got.Version != 2 || a.Event.Detail["roles_added"] != "member" || a.Event.Detail["roles_removed"] != "clerk" {
		t.Errorf("edited %+v, %v", got, a.Event.Detail)
	}
	_, err = members.Update(t.Context(), a, w.acme, w.linus, func(*directory.Member) error { return nil }, keep)
	if !errors.Is(err, admin.ErrVersion) {
		t.Errorf("an edit of the first version: %v", err)
	}
	refuse := errors.New("refused")
	if _, err = members.Update(t.Context(), did(audit.MemberUpdated), w.acme, w.linus, func(*directory.Member) error { return refuse }, keep); !errors.Is(err, refuse) {
		t.Errorf("a refused edit: %v", err)
	}
	must(t, members.Remove(t.Context(), did(audit.MemberRemoved), w.acme, w.linus, keep))
	_, err = members.Find(t.Context(), anywhere, w.acme, w.linus)
	notFound(t, "afterwards", err)
	if n := w.count(t, "SELECT count(*) FROM audit_event WHERE action LIKE 'member.%' AND target = $1", w.linus.String()); n != 3 {
		t.Errorf("%d events", n)
	}
}

func TestOnlyRolesOfTheTenantAreGiven(t *testing.T) {
	t.Parallel()
	w := build(t)
	for what, roles := range map[string][]string{"unknown": {"clerk", "nothing"}, "of another tenant": {"clerk", "viewer"}} {
		_, _, err := w.Members().Add(t.Context(), did(audit.MemberAdded), directory.Member{Tenant: w.acme, User: directory.User{ID: w.linus}, Roles: roles})
		names(t, what, err, "roles[1]", errdefs.ErrInvalid)
		_, err = w.Members().Update(t.Context(), did(audit.MemberUpdated), w.acme, w.ada, func(m *directory.Member) error { m.Roles = roles; return nil }, keep)
		names(t, what, err, "roles[1]", errdefs.ErrInvalid)
		_, _, err = w.Users().Create(t.Context(), did(audit.UserCreated), directory.NewUser{
			User: directory.User{ID: id.NewUser(time.Now()), Email: "new@acme.example"}, Memberships: []directory.NewMembership{{Tenant: w.acme, Roles: roles}},
		})
		names(t, what, err, "memberships[0].roles[1]", errdefs.ErrInvalid)
	}
	_, _, err := w.Members().Add(t.Context(), did(audit.MemberAdded), directory.Member{Tenant: w.acme, User: directory.User{ID: id.NewUser(time.Now())}})
	names(t, "nobody", err, "user", errdefs.ErrInvalid)
	if n := w.count(t, "SELECT count(*) FROM user_account WHERE email = 'new@acme.example'"); n != 0 {
		t.Errorf("an account without its membership was made")
	}
}

func TestMembersAreListedInPagesByTimeRoleAndAddress(t *testing.T) {
	t.Parallel()
	w := build(t)
	for n := range 7 {
		roles := []string{"clerk"}
		if n%2 == 0 {
			roles = append(roles, "member")
		}
		w.joined(t, fmt.Sprintf("page%d@acme.example", n), w.acme, roles...)
	}
	w.joined(t, "page-elsewhere@globex.example", w.globex)
	all := func(f directory.MemberFilter) (out []string) {
		p := admin.Page{Limit: 2}
		for {
			l, err := w.Members().List(t.Context(), admin.Reach{Tenant: w.acme}, w.acme, f, p)
			must(t, err)
			for _, m := range l.Items {
				out = append(out, m.User.Email)
			}
			if p.After = l.Next; p.After == "" {
				return out
			}
		}
	}
	for what, c := range map[string]struct {
		f    directory.MemberFilter
		want int
	}{
		"all": {directory.MemberFilter{}, 8}, "who hold member": {directory.MemberFilter{Role: "member"}, 4},
		"who begin with page": {directory.MemberFilter{AddressPrefix: "page"}, 7}, "who begin with page3": {directory.MemberFilter{AddressPrefix: "page3"}, 1},
		"wildcards mean nothing": {directory.MemberFilter{AddressPrefix: "p%"}, 0},
	} {
		got := all(c.f)
		sorted := slices.Sorted(slices.Values(got))
		if len(got) != c.want || len(slices.Compact(sorted)) != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	w.exec(t, "UPDATE user_account SET email_normalized = 'other@acme.example' WHERE email = 'page3@acme.example'")
	if got := all(directory.MemberFilter{AddressPrefix: "other"}); len(got) != 1 {
		t.Errorf("after a change of address: %v", got)
	}
}

func TestWhoIsSuspendedOrRemovedIsRecalledInThatTenantAlone(t *testing.T) {
	t.Parallel()
	for what, do := range map[string]func(w *world) error{
		"suspended": func(w *world) error {
			_, err := w.Members().Update(t.Context(), did(audit.MemberUpdated), w.acme, w.ada, func(m *directory.Member) error { m.SuspendedAt = time.Now(); return nil }, keep)
			return err
		},
		"removed": func(w *world) error {
			return w.Members().Remove(t.Context(), did(audit.MemberRemoved), w.acme, w.ada, keep)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			w.joined(t, "second@acme.example", w.acme, "admin") // Ada may go
			here := w.family(t, nil)
			offline := w.family(t, func(a *grant.Authorization) { a.Offline = true })
			there := w.family(t, func(a *grant.Authorization) { a.Tenant = w.globex })
			another := w.family(t, func(a *grant.Authorization) { a.User = w.linus })
			alone, a := w.code(t, nil) // of a client that gets no refresh tokens
			alone.OpenFamily = false
			_, err := w.Grants().Redeem(t.Context(), alone)
			must(t, err)
			pending, _ := w.code(t, nil)
			must(t, do(w))
			for g, want := range map[id.Grant]bool{here: true, offline: true, a.ID: true, there: false, another: false} {
				if void, err := w.Grants().Void(t.Context(), g.String(), "", ""); err != nil || void != want {
					t.Errorf("tokens of %s are void: %v, %v", g, void, err)
				}
				if _, err := w.Grants().Rotate(t.Context(), rotation(g, 0, 0)); g != a.ID && errors.Is(err, errdefs.ErrNotFound) != want {
					t.Errorf("refreshing %s: %v", g, err)
				}
			}
			_, err = w.Grants().Redeem(t.Context(), pending)
			notFound(t, "a code not yet redeemed", err)
		})
	}
}

// manager is a role that includes the one that administers, so that reach counts.
func (w *world) manager(t *testing.T) {
	t.Helper()
	_, _, err := w.Roles().Create(t.Context(), did(audit.RoleCreated), directory.Role{Tenant: w.acme, Name: "manager", Includes: []string{"admin"}})
	must(t, err)
}

func TestATenantKeepsItsLastAdministrator(t *testing.T) {
	t.Parallel()
	manage := directory.Permission{Audience: admin.Audience, Slug: admin.TenantManage}
	without := func(r *directory.Role) error {
		r.Permissions = slices.DeleteFunc(r.Permissions, func(p directory.Permission) bool { return p == manage })
		return nil
	}
	for what, do := range map[string]func(t *testing.T, w *world) error{
		"removed": func(t *testing.T, w *world) error {
			return w.Members().Remove(t.Context(), did(audit.MemberRemoved), w.acme, w.ada, keep)
		},
		"suspended": func(t *testing.T, w *world) error {
			_, err := w.Members().Update(t.Context(), did(audit.MemberUpdated), w.acme, w.ada, func(m *directory.Member) error { m.SuspendedAt = time.Now(); return nil }, keep)
			return err
		},
		"role taken": func(t *testing.T, w *world) error {
			_, err := w.Members().Update(t.Context(), did(audit.MemberUpdated), w.acme, w.ada, func(m *directory.Member) error { m.Roles = []string{"clerk"}; return nil }, keep)
			return err
		},
		"account disabled": func(t *testing.T, w *world) error {
			_, err := w.Users().Update(t.Context(), did(audit.UserUpdated), w.ada, directory.UserEdit{Apply: func(u *directory.User) error { u.DisabledAt = time.Now(); return nil }}, keep)
			return err
		},
		"account deleted": func(t *testing.T, w *world) error {
			return w.Users().Delete(t.Context(), did(audit.UserDeleted), w.ada, keep)
		},
		"role deleted": func(t *testing.T, w *world) error {
			return w.Roles().Delete(t.Context(), did(audit.RoleDeleted), w.acme, "admin")
		},
		"permission taken from the role": func(t *testing.T, w *world) error {
			_, err := w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, "admin", without)
			return err
		},
	} {
		for through, role := range map[string]string{"itself": "admin", "through an inclusion": "manager"} {
			t.Run(what+" "+through, func(t *testing.T) {
				t.Parallel()
				w := build(t)
				w.manager(t)
				w.exec(t, "DELETE FROM membership_role WHERE user_id = $1 AND tenant_id = $2", w.ada.UUID(), w.acme.UUID())
				w.exec(t, "INSERT INTO membership_role (tenant_id, user_id, role) VALUES ($1, $2, $3)", w.acme.UUID(), w.ada.UUID(), role)
				suspended := w.joined(t, "suspended@acme.example", w.acme, role)
				w.exec(t, "UPDATE membership SET suspended_at = now() WHERE user_id = $1", suspended.UUID())
				disabled := w.joined(t, "disabled@acme.example", w.acme, role)
				w.exec(t, "UPDATE user_account SET disabled_at = now() WHERE id = $1", disabled.UUID())
				before := w.state(t)
				if err := do(t, w); !errors.Is(err, admin.ErrLastAdministrator) {
					t.Fatalf("%v", err)
				}
				if after := w.state(t); after != before {
					t.Errorf("something changed:\n%s\n%s", before, after)
				}
				w.joined(t, "second@acme.example", w.acme, role)
				err := do(t, w)
				if roles := strings.Contains(what, "role d") || strings.Contains(what, "permission"); (err == nil) == roles {
					t.Errorf("with a second one: %v", err) // who holds the same role goes along with it
				}
			})
		}
	}
	t.Run("an inclusion dropped", func(t *testing.T) {
		t.Parallel()
		w := build(t)
		w.manager(t)
		w.exec(t, "UPDATE membership_role SET role = 'manager' WHERE role = 'admin' AND tenant_id = $1", w.acme.UUID())
		_, err := w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, "manager", func(r *directory.Role) error { r.Includes = nil; return nil })
		if !errors.Is(err, admin.ErrLastAdministrator) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a tenant that never had one", func(t *testing.T) {
		t.Parallel()
		w := build(t)
		must(t, w.Members().Remove(t.Context(), did(audit.MemberRemoved), w.globex, w.linus, keep))
		must(t, w.Roles().Delete(t.Context(), did(audit.RoleDeleted), w.globex, "admin"))
	})
}

// state is anywhere that decides who may do what.
func (w *world) state(t *testing.T) (out string) {
	t.Helper()
	must(t, w.conn.QueryRow(t.Context(), `SELECT
		(SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM membership m) || (SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM membership_role m) ||
		(SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM role m) || (SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM role_permission m) ||
		(SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM role_reach m) || (SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM user_account m) ||
		(SELECT count(*) FROM audit_event) || (SELECT count(*) FROM revocation)`).Scan(&out))
	return out
}

func TestTheInstallationKeepsAnAdministratorOfAllTenants(t *testing.T) {
	t.Parallel()
	w := build(t)
	signet, err := w.Tenants().Find(t.Context(), anywhere, admin.InstallationTenant)
	must(t, err)
	_, _, err = w.Roles().Create(t.Context(), did(audit.RoleCreated), directory.Role{Tenant: signet.ID, Name: "local", Permissions: []directory.Permission{{Audience: admin.Audience, Slug: admin.TenantManage}}})
	must(t, err)
	opal := w.joined(t, "opal@signet.example", signet.ID, "admin")
	w.joined(t, "local@signet.example", signet.ID, "local") // administers nothing but that tenant's looks
	if err := w.Users().Delete(t.Context(), did(audit.UserDeleted), opal, keep); !errors.Is(err, admin.ErrLastAdministrator) {
		t.Errorf("%v", err)
	}
}

func TestTwoAdministratorsWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	t.Parallel()
	for what, remove := range map[string]func(w *world, user id.User) error{
		"as members": func(w *world, user id.User) error {
			return w.Members().Remove(t.Context(), did(audit.MemberRemoved), w.acme, user, keep)
		},
		"by their accounts": func(w *world, user id.User) error {
			return w.Users().Delete(t.Context(), did(audit.UserDeleted), user, keep)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := build(t)
			people := []id.User{w.ada, w.joined(t, "second@acme.example", w.acme, "admin"), w.joined(t, "third@acme.example", w.acme, "admin")}
			errs := make([]error, len(people))
			var wg sync.WaitGroup
			for i, user := range people {
				wg.Go(func() { errs[i] = remove(w, user) })
			}
			wg.Wait()
			refused := 0
			for _, err := range errs {
				if errors.Is(err, admin.ErrLastAdministrator) {
					refused++
				} else if err != nil {
					t.Error(err)
				}
			}
			if left := w.holders(t, w.acme, "admin"); refused != 1 || len(left) != 1 {
				t.Errorf("%d refused, left %v", refused, left)
			}
		})
	}
}

func TestAPersonInManyTenantsLeavesAllTheirMembershipsOrNone(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.joined(t, "second@acme.example", w.acme, "admin")
	must(t, w.Install(t.Context(), installation.Installation{Tenants: []installation.Tenant{{Slug: "initech", Name: "Initech"}}}, time.Now()))
	initech, err := w.Tenants().Find(t.Context(), anywhere, "initech")
	must(t, err)
	_, _, err = w.Members().Add(t.Context(), did(audit.MemberAdded), directory.Member{Tenant: initech.ID, User: directory.User{ID: w.ada}, Roles: []string{"admin"}})
	must(t, err)
	if err := w.Users().Delete(t.Context(), did(audit.UserDeleted), w.ada, keep); !errors.Is(err, admin.ErrLastAdministrator) {
		t.Errorf("the only one of another tenant: %v", err)
	}
	w.joined(t, "second@initech.example", initech.ID, "admin")
	must(t, w.Users().Delete(t.Context(), did(audit.UserDeleted), w.ada, keep))
}

func TestATenantThatIsDisabledLeavesNoCodeAndNoTokenBehind(t *testing.T) {
	t.Parallel()
	w := build(t)
	spent, withoutFamily := w.code(t, nil)
	spent.OpenFamily = false
	_, err := w.Grants().Redeem(t.Context(), spent)
	must(t, err)
	open, _ := w.code(t, nil)
	for _, disabledAt := range []time.Time{time.Now(), {}} {
		_, err := w.Tenants().Update(t.Context(), did(audit.TenantUpdated), w.acme, func(t *directory.Tenant) error { t.DisabledAt = disabledAt; return nil }, keep)
		must(t, err)
	}
	if _, err := w.Grants().Redeem(t.Context(), open); !errors.Is(err, errdefs.ErrNotFound) {
		t.Errorf("a code from before: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM revocation WHERE kind = 'grant' AND subject = $1", withoutFamily.ID.String()); n != 1 {
		t.Errorf("a grant of a client without refresh tokens was not recalled")
	}
}

func TestATenantSeesASessionAsLongAsAGrantOfItsHangsOnIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	sees := func() bool {
		t.Helper()
		l, err := w.BegunSessions().List(t.Context(), admin.Reach{Tenant: w.acme}, w.ada, admin.Page{Limit: 10})
		must(t, err)
		_, err = w.BegunSessions().Find(t.Context(), admin.Reach{Tenant: w.acme}, w.session.ID)
		if found := err == nil; found != (len(l.Items) == 1) || !found && !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("list and find differ: %v, %v", l.Items, err)
		}
		return err == nil
	}
	if !sees() {
		t.Error("not while the grant is live")
	}
	must(t, w.GivenGrants().Revoke(t.Context(), did(audit.GrantRevoked), g, keep))
	if sees() {
		t.Error("still after it was revoked")
	}
}
