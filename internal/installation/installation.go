// Package installation describes what an installation holds: resource servers, tenants, people
// and clients, so that it can be checked as a whole and stored in one transaction.
//
// It knows neither HTTP nor SQL. `signet bootstrap` and `signet dev` build one; package
// postgres stores it.
package installation

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// Installation is what to store. What exists already stays as it is, clients and connectors
// excepted, which are brought up to date.
type Installation struct {
	ResourceServers []ResourceServer
	Tenants         []Tenant
	Users           []User
	Clients         []Client
	Connectors      []connector.Declaration
	Domains         []Domain
	// Keeper seals the secrets of Connectors; nil without any.
	Keeper *connector.Keeper `json:"-"`
}

// ResourceServer is an API that tokens are meant for.
type ResourceServer struct {
	Audience         string // absolute URI
	Name             string
	Permissions      []Permission
	SigningAlgorithm keys.Algorithm // of access tokens for it; "" is the server's default
}

// Permission is something that a resource server lets people do.
type Permission struct{ Slug, Description string }

// PermissionRef names a permission of a resource server.
type PermissionRef struct{ Audience, Slug string }

// Tenant is an organisation with its roles.
type Tenant struct {
	Slug, Name string
	Roles      []Role
}

// Role bundles permissions under a name.
type Role struct {
	Name, Description string
	Permissions       []PermissionRef
}

// User is a person with a password hash and memberships.
type User struct {
	Email                       string
	EmailVerified               bool
	Name, GivenName, FamilyName string
	Picture, Locale             string
	PasswordHash                string // encoded; "" for none
	Memberships                 []Membership
}

// Membership puts a person into a tenant.
type Membership struct {
	Tenant string // slug
	Roles  []string
}

// Client is a registration and the tenant that owns it.
type Client struct {
	client.Client
	OwnerTenant string // slug; "" when the installation owns it
}

// Domain is one of e-mail addresses that a tenant has, for certain: nobody is asked to prove it.
type Domain struct {
	Name      string
	Tenant    string // slug
	Connector string // reference; "" for any of the tenant
}

// Check says everything that is wrong, each fault as errdefs.ErrInvalid.
func (i Installation) Check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format+": %w", append(args, errdefs.ErrInvalid)...))
	}
	permissions := map[PermissionRef]bool{}
	for _, r := range i.ResourceServers {
		if u, err := url.Parse(r.Audience); err != nil || !u.IsAbs() || strings.ContainsAny(r.Audience, " #") {
			fault("resource server %q: the audience must be an absolute URI without fragment or space", r.Audience)
		}
		if _, err := keys.ParseAlgorithm(string(r.SigningAlgorithm)); err != nil && r.SigningAlgorithm != "" {
			fault("resource server %q: signing algorithm %q: use ES256, RS256 or EdDSA", r.Audience, r.SigningAlgorithm)
		}
		for _, p := range r.Permissions {
			if p.Slug == "" || strings.ContainsAny(p.Slug, " \t\n") {
				fault("resource server %q: permission %q: use a slug such as orders:read", r.Audience, p.Slug)
			}
			permissions[PermissionRef{r.Audience, p.Slug}] = true
		}
	}
	roles := map[[2]string]bool{}
	// The tenant of the installation's administrators is there from the first migration on.
	tenants := map[string]bool{admin.InstallationTenant: true}
	roles[[2]string{admin.InstallationTenant, admin.AdminRole}] = true
	for _, t := range i.Tenants {
		if err := directory.CheckSlug(t.Slug); err != nil {
			faults = append(faults, fmt.Errorf("tenant %q: %w", t.Slug, err))
		}
		if t.Name == "" {
			fault("tenant %q: the name is missing", t.Slug)
		}
		tenants[t.Slug] = true
		for _, r := range t.Roles {
			if err := directory.CheckRoleName("name", r.Name); err != nil {
				faults = append(faults, fmt.Errorf("tenant %q: role %q: %w", t.Slug, r.Name, err))
			}
			roles[[2]string{t.Slug, r.Name}] = true
			for _, p := range r.Permissions {
				if !permissions[p] {
					fault("tenant %q: role %q: no permission %q of %q", t.Slug, r.Name, p.Slug, p.Audience)
				}
			}
		}
	}
	for _, u := range i.Users {
		if _, err := directory.NormalizeEmail(u.Email); err != nil {
			faults = append(faults, fmt.Errorf("user %q: %w", u.Email, err))
		}
		for _, m := range u.Memberships {
			if !tenants[m.Tenant] {
				fault("user %q: no tenant %q", u.Email, m.Tenant)
			}
			for _, r := range m.Roles {
				if !roles[[2]string{m.Tenant, r}] {
					fault("user %q: no role %q in tenant %q", u.Email, r, m.Tenant)
				}
			}
		}
	}
	references := map[string]bool{"": true}
	for _, c := range i.Connectors {
		for _, f := range errdefs.Fields(c.Check()) {
			fault("connector %q: %v", c.Connector.Reference, f)
		}
		if c.Joins != "" && !tenants[c.Joins] {
			fault("connector %q: no tenant %q", c.Connector.Reference, c.Joins)
		}
		references[c.Connector.Reference] = true
	}
	for _, d := range i.Domains {
		if n, err := connector.NormalizeDomain(d.Name); err != nil || n != d.Name {
			fault("domain %q: use one such as acme.example, in lower case", d.Name)
		}
		if !tenants[d.Tenant] {
			fault("domain %q: no tenant %q", d.Name, d.Tenant)
		}
		if !references[d.Connector] {
			fault("domain %q: no connector %q", d.Name, d.Connector)
		}
	}
	for _, c := range i.Clients {
		for _, f := range errdefs.Fields(c.Check()) {
			fault("client %q: %v", c.ID, f)
		}
		if c.OwnerTenant != "" && !tenants[c.OwnerTenant] {
			fault("client %q: no tenant %q", c.ID, c.OwnerTenant)
		}
	}
	return errors.Join(faults...)
}
