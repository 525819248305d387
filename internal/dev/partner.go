package dev

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/secret"
)

// Partner Inc is a customer whose people have accounts elsewhere: at a second, separate Signet with
// a database, keys and people of its own. The first one knows it by its issuer and a client id, like
// any other OpenID Provider.
const (
	partnerName   = "Partner Inc"
	partnerSlug   = "partner" // of the tenant here and there, and of the connector
	partnerDomain = "partner.example"
	// clientSignet is the registration of the first server at the second.
	clientSignet = "signet"
)

// partnerTenant is where its people belong at the first server.
func partnerTenant() installation.Tenant {
	return installation.Tenant{Slug: partnerSlug, Name: partnerName, Roles: []installation.Role{
		{Name: "clerk", Description: "Takes orders", Permissions: permissions("orders:read", "orders:write")},
		{Name: "viewer", Description: "Looks at orders", Permissions: permissions("orders:read")},
	}}
}

// partnerConnector is how they get there; its secret is filled in when it is stored.
func partnerConnector(a Addresses) connector.Declaration {
	return connector.Declaration{Joins: partnerSlug, Connector: connector.Connector{
		Reference: partnerSlug, Slug: partnerSlug, Kind: connector.OIDC, Name: partnerName, Issuer: a.Partner, ClientID: clientSignet,
		// Its issuer moves with the port, and an account is found again by its address alone.
		Authoritative: true,
		Provision:     true, DefaultRoles: []string{"viewer"},
		GroupsClaim: "roles", RoleMappings: []connector.RoleMapping{{Group: "buyer", Role: "clerk"}},
	}}
}

func partnerPeople() []person {
	in := func(roles ...string) []installation.Membership {
		return []installation.Membership{{Tenant: partnerSlug, Roles: roles}}
	}
	return []person{
		{User: installation.User{
			Email: "nora@" + partnerDomain, EmailVerified: true, Name: "Nora Haddad", GivenName: "Nora", FamilyName: "Haddad", Locale: "en-GB",
			Memberships: in("buyer"),
		}, password: "sails-when-it-thunders", note: "at Partner Inc"},
		{User: installation.User{
			Email: "emil@" + partnerDomain, EmailVerified: true, Name: "Emil Sørensen", GivenName: "Emil", FamilyName: "Sørensen", Locale: "da",
			Memberships: in("accountant"),
		}, password: "folds-maps-perfectly", note: "at Partner Inc"},
	}
}

// definePartner is what the second server holds.
func definePartner(a Addresses) definition {
	registration := demoClient{kind: "the identity server next door", Client: installation.Client{Client: client.Client{
		ID: clientSignet, Name: "Signet", AuthMethod: client.AuthBasic, SkipConsent: true,
		RedirectURIs: []string{a.Issuer + partnerConnector(a).Connector.CallbackPath()},
		GrantTypes:   []string{client.GrantAuthorizationCode},
		Scopes:       []string{"openid", "profile", "email"},
	}}}
	return definition{Addresses: a, people: partnerPeople(), clients: []demoClient{registration}, In: installation.Installation{
		Tenants: []installation.Tenant{{Slug: partnerSlug, Name: partnerName, Roles: []installation.Role{
			{Name: "buyer", Description: "Buys for the company"}, {Name: "accountant", Description: "Checks what was bought"},
		}}},
	}}.complete()
}

// besideDatabase returns the URL of the database of Partner Inc, on the same server, and its name.
func besideDatabase(dsn secret.Text) (beside secret.Text, name string, err error) {
	c, err := pgconn.ParseConfig(dsn.Reveal())
	if err != nil {
		return secret.Text{}, "", errors.New("it is not a PostgreSQL connection URL") // the cause may quote the password
	}
	name = c.Database + "_partner"
	if u, err := url.Parse(dsn.Reveal()); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.Path = "/" + name
		q := u.Query()
		for _, key := range []string{"database", "dbname"} { // would win over the path
			q.Del(key)
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // which is all that libpq decodes
		return secret.New(u.String()), name, nil
	}
	return secret.New(dsn.Reveal() + " dbname=" + name), name, nil
}
