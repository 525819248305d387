package installation_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/installation"
)

const orders = "https://orders.example"

func sound() installation.Installation {
	return installation.Installation{
		ResourceServers: []installation.ResourceServer{{Audience: orders, Name: "Orders", Permissions: []installation.Permission{{Slug: "orders:read"}}}},
		Tenants: []installation.Tenant{{Slug: "acme", Name: "Acme", Roles: []installation.Role{
			{Name: "clerk", Permissions: []installation.PermissionRef{{Audience: orders, Slug: "orders:read"}}},
		}}},
		Users: []installation.User{{Email: "ada@acme.example", Memberships: []installation.Membership{{Tenant: "acme", Roles: []string{"clerk"}}}}},
		Clients: []installation.Client{{OwnerTenant: "acme", Client: client.Client{
			ID: "web", Name: "Web", AuthMethod: client.AuthNone, GrantTypes: []string{client.GrantAuthorizationCode}, RedirectURIs: []string{"https://a.example/"},
		}}},
	}
}

func TestASoundInstallationAndAnEmptyOnePass(t *testing.T) {
	t.Parallel()
	for _, i := range []installation.Installation{sound(), {}} {
		if err := i.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestEachFaultIsReportedWithTheNameOfWhatItIsIn(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*installation.Installation){
		`resource server "orders"`:                                func(i *installation.Installation) { i.ResourceServers[0].Audience = "orders" },
		`resource server "https://orders.example#x"`:              func(i *installation.Installation) { i.ResourceServers[0].Audience = orders + "#x" },
		`resource server "https://orders .example"`:               func(i *installation.Installation) { i.ResourceServers[0].Audience = "https://orders .example" },
		`permission ""`:                                           func(i *installation.Installation) { i.ResourceServers[0].Permissions[0].Slug = "" },
		`permission "orders read"`:                                func(i *installation.Installation) { i.ResourceServers[0].Permissions[0].Slug = "orders read" },
		`tenant "Acme"`:                                           func(i *installation.Installation) { i.Tenants[0].Slug = "Acme" },
		`tenant "acme": the name is missing`:                      func(i *installation.Installation) { i.Tenants[0].Name = "" },
		`tenant "acme": role "": name: use 1 to 64`:               func(i *installation.Installation) { i.Tenants[0].Roles[0].Name = "" },
		`no permission "orders:burn" of "https://orders.example"`: func(i *installation.Installation) { i.Tenants[0].Roles[0].Permissions[0].Slug = "orders:burn" },
		`user "ada"`: func(i *installation.Installation) { i.Users[0].Email = "ada" },
		`user "ada@acme.example": no tenant "globex"`:              func(i *installation.Installation) { i.Users[0].Memberships[0].Tenant = "globex" },
		`user "ada@acme.example": no role "king" in tenant "acme"`: func(i *installation.Installation) { i.Users[0].Memberships[0].Roles[0] = "king" },
		`client "web": name`:               func(i *installation.Installation) { i.Clients[0].Name = "" },
		`client "web": no tenant "globex"`: func(i *installation.Installation) { i.Clients[0].OwnerTenant = "globex" },
	} {
		i := sound()
		change(&i)
		if err := i.Check(); !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestARoleOfAnotherTenantIsNoRoleHere(t *testing.T) {
	t.Parallel()
	i := sound()
	i.Tenants = append(i.Tenants, installation.Tenant{Slug: "globex", Name: "Globex"})
	i.Users[0].Memberships[0].Tenant = "globex"
	if err := i.Check(); err == nil || !strings.Contains(err.Error(), `no role "clerk" in tenant "globex"`) {
		t.Error(err)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	i := sound()
	i.ResourceServers[0].Permissions[0].Slug = ""
	i.Tenants[0].Name = ""
	i.Users[0].Email = ""
	i.Users[0].Memberships[0].Roles = []string{"a", "b"}
	i.Clients[0].ID = ""
	i.Clients[0].OwnerTenant = "globex"
	err := i.Check()
	if err == nil {
		t.Fatal("passed")
	}
	// The role lost its permission as well.
	if n := len(strings.Split(err.Error(), "\n")); n != 8 {
		t.Errorf("%d faults:\n%v", n, err)
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.HasSuffix(strings.TrimSpace(line), "invalid") {
			t.Errorf("without its kind: %s", line)
		}
	}
}
