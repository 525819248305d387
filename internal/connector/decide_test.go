package connector_test

import (
	"testing"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Somebody who has left keeps the account that they made elsewhere with the address of their work, which
// may be somebody else's by now.
func TestOnlyWhoHostsAnAddressIsItsAuthority(t *testing.T) {
	t.Parallel()
	verified := true
	facts := connector.Facts{Holder: &directory.User{EmailVerified: true}, Domains: []string{"acme.example"}}
	for _, tt := range []struct {
		name string
		kind connector.Kind
		hd   string
		want connector.Verdict
	}{
		{"an account of Workspace", connector.Google, "acme.example", connector.Adopt},
		{"of a Workspace with a second domain", connector.Google, "acme-group.example", connector.Adopt},
		{"an account at Google with an address of work", connector.Google, "", connector.Prove},
		{"the provider of the organization", connector.OIDC, "", connector.Adopt},
	} {
		c := connector.Connector{Kind: tt.kind, Authoritative: true, Provision: true}
		p := connector.Profile{Email: "ada@acme.example", EmailVerified: &verified, HostedDomain: tt.hd}
		if got := c.Decide(p, facts); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	hub := connector.Connector{Kind: connector.GitHub, ClientID: "x", Joins: id.TenantFromUUID([16]byte{1}), Authoritative: true}.WithDefaults()
	if faults := errdefs.Fields(hub.Check()); len(faults) != 1 || faults[0].Field != "authoritative" {
		t.Errorf("github.com: %+v", faults)
	}
	hub.Issuer = "https://github.acme.example"
	if err := hub.Check(); err != nil {
		t.Errorf("one of the organization's own: %v", err)
	}
}
