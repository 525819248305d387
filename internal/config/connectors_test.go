package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/connector"
)

func TestConnectorsAreDeclaredByTheirSections(t *testing.T) {
	t.Parallel()
	if none := load(t, "", valid()...).Connectors(); len(none) != 0 {
		t.Errorf("without settings: %+v", none)
	}
	file := write(t, "secret", "from-a-file\n")
	c := load(t, `
google: {client_id: g, client_secret_file: `+file+`, hosted_domains: [example.com], join_tenant: staff, join_roles: [viewer]}
oidc: {issuer: "https://login.example.com/realms/staff", client_id: o, name: Staff, slug: staff}
`, valid("SIGNET_GITHUB_CLIENT_ID=h", "SIGNET_GITHUB_CLIENT_SECRET=s", "SIGNET_GITHUB_BASE_URL=https://github.example.com/")...).Connectors()
	if len(c) != 3 {
		t.Fatalf("%d connectors", len(c))
	}
	g, h, o := c[0], c[1], c[2]
	if g.Connector.Reference != "google" || g.Connector.Issuer != connector.GoogleIssuer || g.Secret.Reveal() != "from-a-file" || g.Joins != "staff" ||
		!g.Connector.Provision || !slices.Equal(g.Connector.DefaultRoles, []string{"viewer"}) || !slices.Equal(g.Connector.HostedDomains, []string{"example.com"}) {
		t.Errorf("google: %+v", g)
	}
	if h.Connector.Reference != "github" || h.Connector.Issuer != "https://github.example.com" || h.Connector.Provision || h.Joins != "" {
		t.Errorf("github: %+v", h)
	}
	if o.Connector.Reference != "staff" || o.Connector.Name != "Staff" || !o.Secret.Empty() || o.Connector.ManagedBy != connector.FromEnvironment {
		t.Errorf("oidc: %+v", o)
	}
}

func TestConnectorsThatCannotWorkAreRefusedByTheNameOfTheSetting(t *testing.T) {
	t.Parallel()
	const google, oidc = "google: {client_id: g, client_secret: s", "oidc: {issuer: 'https://a.example', client_id: o"
	for name, c := range map[string]struct{ yaml, fault string }{
		"no secret for Google":         {"google: {client_id: g}", "google.client_secret"},
		"no secret for GitHub":         {"github: {client_id: g}", "github.client_secret"},
		"a secret without its client":  {"github: {client_secret: g}", "github.client_id"},
		"a tenant without a client":    {"google: {join_tenant: acme}", "google.client_id"},
		"a client without an issuer":   {"oidc: {client_id: o}", "oidc.issuer"},
		"an issuer without a client":   {"oidc: {issuer: 'https://a.example'}", "oidc.client_id"},
		"an issuer in plain text":      {"oidc: {issuer: 'http://a.example', client_id: o}", "oidc.issuer"},
		"pages in plain text":          {"github: {client_id: g, client_secret: s, base_url: 'http://a.example'}", "github.base_url"},
		"no slug":                      {oidc + ", slug: Staff}", "oidc.slug"},
		"a slug of another section":    {google + "}\n" + oidc + ", slug: google}", "oidc.slug"},
		"roles of no tenant":           {google + ", join_roles: [viewer]}", "google.join_tenant"},
		"a role twice":                 {google + ", join_tenant: a, join_roles: [viewer, viewer]}", "google.join_roles"},
		"a hosted domain that is none": {google + ", hosted_domains: [example]}", "google.hosted_domains"},
		"a name over two lines":        {oidc + `, name: "A\nB"}`, "oidc.name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Source{File: write(t, "signet.yaml", c.yaml+"\n"), Environ: valid()}, config.Serve)
			faults := config.Faults(err)
			if len(faults) != 1 || faults[0].Path != c.fault {
				t.Errorf("error %v, want a fault of %s alone", err, c.fault)
			}
			if len(faults) > 0 && strings.Contains(faults[0].Text, "joins") {
				t.Errorf("%q is no setting", faults[0].Text)
			}
		})
	}
}
