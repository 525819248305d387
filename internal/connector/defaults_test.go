package connector_test

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/connector"
)

func TestThreeFieldsMakeAConnector(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		given              connector.Connector
		kind               connector.Kind
		slug, name, issuer string
	}{
		"google":            {given: connector.Connector{Kind: connector.Google}, kind: connector.Google, slug: "google", name: "Google", issuer: "https://accounts.google.com"},
		"github":            {given: connector.Connector{Kind: connector.GitHub}, kind: connector.GitHub, slug: "github", name: "GitHub", issuer: "https://github.com"},
		"a GitHub of one's": {given: connector.Connector{Kind: connector.GitHub, Issuer: "https://git.acme.example/"}, kind: connector.GitHub, slug: "github", name: "GitHub", issuer: "https://git.acme.example"},
		"an issuer": {
			given: connector.Connector{Issuer: "https://Login.Partner.example:8443/realms/a"}, kind: connector.OIDC,
			slug: "login-partner-example", name: "Login.Partner.example", issuer: "https://Login.Partner.example:8443/realms/a",
		},
		"an address": {given: connector.Connector{Issuer: "http://[::1]:9000"}, kind: connector.OIDC, slug: "1", name: "::1", issuer: "http://[::1]:9000"},
		"names that are given": {
			given: connector.Connector{Issuer: "https://idp.example", Slug: "partner", Name: "Partner Inc"}, kind: connector.OIDC, slug: "partner", name: "Partner Inc", issuer: "https://idp.example",
		},
	} {
		c.given.ClientID = "signet"
		got := c.given.WithDefaults()
		if got.Kind != c.kind || got.Slug != c.slug || got.Name != c.name || got.Issuer != c.issuer {
			t.Errorf("%s: %s %q %q %q", what, got.Kind, got.Slug, got.Name, got.Issuer)
		}
		if err := got.Check(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	long := connector.Connector{ClientID: "signet", Issuer: "https://" + strings.Repeat("a", 62) + ".example"}.WithDefaults()
	if long.Slug != strings.Repeat("a", 62) || long.Check() != nil {
		t.Errorf("a long host: %q %v", long.Slug, long.Check())
	}
	nothing := connector.Connector{ClientID: "signet", Issuer: "https://"}.WithDefaults()
	if err := nothing.Check(); err == nil || strings.Contains(err.Error(), "slug") {
		t.Errorf("an issuer without host: %v", err)
	}
}
