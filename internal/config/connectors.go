package config

import (
	"strings"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// Google lets people sign in through Google.
type Google struct {
	ClientID      string      `key:"client_id" example:"1234.apps.googleusercontent.com" doc:"Client id from Google's console, where the redirect URI is {issuer}/upstream/google/callback. Empty: not declared here."`
	ClientSecret  secret.Text `key:"client_secret" doc:"Its secret. Required with google.client_id."`
	HostedDomains []string    `key:"hosted_domains" example:"example.com" doc:"Google Workspace domains whose people are let in, by the claim hd. Empty: anybody with a Google account."`
	JoinTenant    string      `key:"join_tenant" doc:"Slug of the tenant that people join who come the first time; they get an account. Empty: only people who have one, and linked it, sign in this way."`
	JoinRoles     []string    `key:"join_roles" doc:"Roles in that tenant that they get on joining."`
}

// GitHub lets people sign in through GitHub.
type GitHub struct {
	ClientID     string      `key:"client_id" doc:"Client id of the OAuth app, whose callback URL is {issuer}/upstream/github/callback. Empty: not declared here."`
	ClientSecret secret.Text `key:"client_secret" doc:"Its secret. Required with github.client_id."`
	BaseURL      string      `key:"base_url" default:"https://github.com" doc:"Where its pages are; GitHub Enterprise has them elsewhere."`
	JoinTenant   string      `key:"join_tenant" doc:"As google.join_tenant."`
	JoinRoles    []string    `key:"join_roles" doc:"As google.join_roles."`
}

// OIDC lets people sign in through any OpenID Provider.
type OIDC struct {
	Issuer       string      `key:"issuer" example:"https://login.example.com/realms/staff" doc:"Its issuer, byte for byte as its discovery document says it. Empty: not declared here."`
	ClientID     string      `key:"client_id" doc:"Client id that the provider gave. Required with oidc.issuer."`
	ClientSecret secret.Text `key:"client_secret" doc:"Its secret. Empty: a public client, which has PKCE alone."`
	Name         string      `key:"name" example:"Example Staff" doc:"What the button on the sign-in page says. Empty: the issuer's host."`
	Slug         string      `key:"slug" default:"oidc" doc:"Its name in addresses: the redirect URI is {issuer}/upstream/{slug}/callback. Another slug is another connector, which knows nobody yet."`
	JoinTenant   string      `key:"join_tenant" doc:"As google.join_tenant."`
	JoinRoles    []string    `key:"join_roles" doc:"As google.join_roles."`
}

// declared is a declaration with the section that it was read from.
type declared struct {
	section string
	connector.Declaration
}

func (c Config) declared() []declared {
	var out []declared
	add := func(section, joins string, roles []string, s secret.Text, k connector.Connector) {
		k.Reference, k.Provision, k.DefaultRoles, k.ManagedBy = k.Slug, joins != "", roles, connector.FromEnvironment
		out = append(out, declared{section, connector.Declaration{Connector: k.WithDefaults(), Joins: joins, Secret: s}})
	}
	if g := c.Google; g.ClientID != "" {
		add("google", g.JoinTenant, g.JoinRoles, g.ClientSecret, connector.Connector{
			Slug: "google", Kind: connector.Google, ClientID: g.ClientID, HostedDomains: g.HostedDomains,
		})
	}
	if g := c.GitHub; g.ClientID != "" {
		add("github", g.JoinTenant, g.JoinRoles, g.ClientSecret, connector.Connector{
			Slug: "github", Kind: connector.GitHub, ClientID: g.ClientID, Issuer: g.BaseURL,
		})
	}
	if o := c.OIDC; o.Issuer != "" {
		add("oidc", o.JoinTenant, o.JoinRoles, o.ClientSecret, connector.Connector{
			Slug: o.Slug, Kind: connector.OIDC, Name: o.Name, ClientID: o.ClientID, Issuer: o.Issuer,
		})
	}
	return out
}

// Connectors returns the connectors of the installation that the settings declare.
func (c Config) Connectors() []connector.Declaration {
	var out []connector.Declaration
	for _, d := range c.declared() {
		out = append(out, d.Declaration)
	}
	return out
}

func validateConnectors(c Config, f *faults) {
	// A setting without the one that turns its connector on would pass in silence.
	for _, section := range []struct {
		path string
		idle bool
	}{
		{"google.client_id", c.Google.ClientID == "" && (!c.Google.ClientSecret.Empty() || len(c.Google.HostedDomains)+len(c.Google.JoinTenant)+len(c.Google.JoinRoles) > 0)},
		{"github.client_id", c.GitHub.ClientID == "" && (!c.GitHub.ClientSecret.Empty() || len(c.GitHub.JoinTenant)+len(c.GitHub.JoinRoles) > 0)},
		{"oidc.issuer", c.OIDC.Issuer == "" && (!c.OIDC.ClientSecret.Empty() || len(c.OIDC.ClientID)+len(c.OIDC.Name)+len(c.OIDC.JoinTenant)+len(c.OIDC.JoinRoles) > 0)},
	} {
		f.require(section.path, !section.idle, "required with the other settings of its section: set it, or remove them")
	}
	f.require("google.client_secret", c.Google.ClientID == "" || !c.Google.ClientSecret.Empty(), "required with google.client_id")
	f.require("github.client_secret", c.GitHub.ClientID == "" || !c.GitHub.ClientSecret.Empty(), "required with github.client_id")
	taken := map[string]string{}
	for _, d := range c.declared() {
		other, twice := taken[d.Connector.Slug]
		f.require(d.section+".slug", !twice, "%q is the connector of the section %s: choose another", d.Connector.Slug, other)
		taken[d.Connector.Slug] = d.section
		for _, fault := range errdefs.Fields(d.Check()) {
			f.add(d.section+"."+settingOf(d.Connector.Kind, fault.Field), "%s", fault.Text)
		}
	}
}

// settingOf is the setting that gives a field of a connector its value.
func settingOf(k connector.Kind, field string) string {
	if k == connector.GitHub && field == "issuer" {
		return "base_url"
	}
	name, _, _ := strings.Cut(field, "[") // an entry of a list
	switch name {
	case "default_roles":
		return "join_roles"
	case "joins":
		return "join_tenant"
	}
	return name
}
