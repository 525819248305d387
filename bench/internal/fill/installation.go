package fill

import (
	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/secret"
)

// What the benchmark's clients are called.
const (
	Orders   = "https://orders.example"
	Billing  = "https://billing.example"
	Machine  = "bench-machine"
	Frontend = "bench-frontend" // public, first party
	API      = "bench-api"      // introspects tokens for Orders
	Admin    = "bench-admin"    // reads everything of the administration
	Callback = "https://app.example/callback"
)

// Scopes is what the frontend asks for.
const Scopes = "openid profile email orders:read orders:write"

// Secret is the secret of the confidential clients.
func Secret() secret.Text { return secret.New("secret-of-the-benchmark-clients-0123456789ab") }

// installed is what is stored through the product: few rows, with rules of their own.
func installed() installation.Installation {
	base := func(id client.ID, auth client.AuthMethod) client.Client {
		c := client.Client{ID: id, Name: string(id), AuthMethod: auth}
		if auth != client.AuthNone {
			c.Secrets = []client.Secret{{Hash: Secret().Hash()}}
		}
		return c
	}
	machine := base(Machine, client.AuthBasic)
	machine.GrantTypes = []string{client.GrantClientCredentials}
	machine.Scopes, machine.Audiences = []string{"orders:read", "orders:write"}, []string{Orders}
	frontend := base(Frontend, client.AuthNone)
	frontend.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantRefreshToken}
	frontend.Scopes = []string{"openid", "profile", "email", "offline_access", "orders:read", "orders:write"}
	frontend.Audiences, frontend.RedirectURIs, frontend.SkipConsent = []string{Orders}, []string{Callback}, true
	api := base(API, client.AuthBasic)
	api.ServesAudience = Orders
	reader := base(Admin, client.AuthBasic)
	reader.GrantTypes = []string{client.GrantClientCredentials}
	reader.Scopes, reader.Audiences = []string{admin.InstallationRead, admin.InstallationManage}, []string{admin.Audience}
	in := installation.Installation{Clients: []installation.Client{{Client: machine}, {Client: frontend}, {Client: api}, {Client: reader}}}
	for _, r := range []struct{ audience, name, noun string }{{Orders, "Orders", "orders"}, {Billing, "Billing", "invoices"}} {
		in.ResourceServers = append(in.ResourceServers, installation.ResourceServer{
			Audience: r.audience, Name: r.name,
			Permissions: []installation.Permission{{Slug: r.noun + ":read"}, {Slug: r.noun + ":write"}, {Slug: r.noun + ":delete"}},
		})
	}
	return in
}

// role is one that every tenant has.
type role struct {
	name        string
	permissions []installation.PermissionRef
}

var roles = [...]role{
	{"admin", []installation.PermissionRef{
		{Audience: Orders, Slug: "orders:read"}, {Audience: Orders, Slug: "orders:write"}, {Audience: Orders, Slug: "orders:delete"},
		{Audience: Billing, Slug: "invoices:read"}, {Audience: Billing, Slug: "invoices:write"},
	}},
	{"editor", []installation.PermissionRef{
		{Audience: Orders, Slug: "orders:read"}, {Audience: Orders, Slug: "orders:write"}, {Audience: Billing, Slug: "invoices:read"},
	}},
	{"viewer", []installation.PermissionRef{{Audience: Orders, Slug: "orders:read"}}},
}

// roleOf is the role of a person in every tenant that they belong to.
func roleOf(n int) role { return roles[n%len(roles)] }
