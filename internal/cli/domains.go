package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) domainCommand() *cobra.Command {
	var tenant string
	cmd := noun("domain", "Domains: whose people those with an address in them are",
		`A tenant claims the domains of its people's e-mail addresses, and proves each by a TXT record. Then
whoever types such an address at the sign-in page is sent to the tenant's connector, and that
connector may vouch for such addresses. One tenant has a domain: the first that proves it.`,
		`  signet domain claim acme.example --tenant acme --connector acme.okta
  signet domain verify acme.example --tenant acme
  signet domain list --tenant acme`,
		c.domainList(&tenant), c.domainClaim(&tenant), c.domainVerify(&tenant), c.domainRelease(&tenant))
	for _, sub := range cmd.Commands() {
		c.tenantFlag(sub, &tenant, "`tenant` that claims it"+ownTenant)
	}
	return cmd
}

type domainColumn = column[adminclient.Domain]

func (c *CLI) domainList(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "list", Short: "List the domains that a tenant claims", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			called := connectorNames(ctx, api)
			return list(c, api.AllDomains(ctx, t, adminclient.ListDomainsParams{}),
				domainColumn{"DOMAIN", func(d adminclient.Domain) string { return d.Domain }},
				domainColumn{"VERIFIED", func(d adminclient.Domain) string { return or(when(d.VerifiedAt), "not yet") }},
				domainColumn{"BY", func(d adminclient.Domain) string { return d.VerifiedBy }},
				domainColumn{"CONNECTOR", func(d adminclient.Domain) string { return or(called(d.ConnectorID), "any") }},
			)
		}),
	})
}

// connectorNames returns the reference of a connector for its identifier, which it asks for once. It
// is the identifier where the reference cannot be had.
func connectorNames(ctx context.Context, api *adminclient.Client) func(string) string {
	known := map[string]string{"": ""}
	return func(id string) string {
		if _, asked := known[id]; !asked {
			known[id] = id
			if k, _, err := api.GetConnector(ctx, id); err == nil {
				known[id] = k.Reference
			}
		}
		return known[id]
	}
}

func (c *CLI) showDomain(ctx context.Context, api *adminclient.Client, d adminclient.Domain) error {
	connector := or(connectorNames(ctx, api)(d.ConnectorID), "any of the tenant")
	fields := []field{{"domain", d.Domain}, {"connector", connector}, {"verified", or(when(d.VerifiedAt), "not yet")}, {"by", d.VerifiedBy}}
	if d.VerifiedAt.IsZero() {
		fields = append(fields, field{"TXT record", d.ChallengeName + "\n" + d.ChallengeValue}, field{"", "add it, then run signet domain verify " + d.Domain})
	}
	return c.show(d, fields...)
}

func (c *CLI) domainClaim(tenant *string) *cobra.Command {
	var connector string
	var verified bool
	cmd := &cobra.Command{
		Use: "claim DOMAIN", Short: "Claim a domain for a tenant, or say where its people sign in", Args: exactly("domain"),
		Long: `Claims a domain and prints the TXT record that proves it. Of a domain that is claimed already, it
changes what flags name. Administrators of the installation may vouch for it with --verified instead.`,
		Example: `  signet domain claim acme.example --tenant acme --connector acme.okta
  signet domain claim acme.example --tenant acme --verified
  signet domain claim acme.example --tenant acme --connector ""`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, err := c.tenantOr(*tenant)
		if err != nil {
			return err
		}
		d, etag, err := api.GetDomain(ctx, t, args[0])
		if err != nil && !adminclient.IsNotFound(err) {
			return err
		}
		body := adminclient.SaveDomainBody{ConnectorID: d.ConnectorID, Verified: given(cmd, "verified", verified)}
		if cmd.Flags().Changed("connector") {
			body.ConnectorID = connector
		}
		var unchanged []adminclient.Option
		if etag != "" {
			unchanged = append(unchanged, adminclient.IfMatch(etag))
		}
		if d, _, err = api.SaveDomain(ctx, t, args[0], body, unchanged...); err != nil {
			return err
		}
		return c.showDomain(ctx, api, d)
	})
	cmd.Flags().StringVar(&connector, "connector", "", "`reference` of the connector that its people are sent to; none: any of the tenant")
	cmd.Flags().BoolVar(&verified, "verified", false, "vouch for it without DNS, or with =false take its verification away")
	_ = cmd.RegisterFlagCompletionFunc("connector", c.connectors)
	return prints(cmd)
}

func (c *CLI) domainVerify(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "verify DOMAIN", Short: "Look for the TXT record that proves a domain", Args: exactly("domain"), ValidArgsFunction: c.completeDomain(tenant),
		Long:    "Looks for the TXT record, and says what is there instead. The exit status is 1 while the domain is\nnot verified.",
		Example: `  signet domain verify acme.example --tenant acme`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			v, err := api.VerifyDomain(ctx, t, args[0])
			if err != nil {
				return err
			}
			if c.format == "json" {
				err = c.show(v)
			} else if v.Verified {
				err = c.showDomain(ctx, api, v.Domain)
			}
			if err == nil && !v.Verified {
				err = errdefs.Say(errdefs.ErrNotFound, nil, "%s", clean(v.Detail))
			}
			return err
		}),
	})
}

func (c *CLI) domainRelease(tenant *string) *cobra.Command {
	return asks(&cobra.Command{
		Use: "release DOMAIN", Short: "Give up a domain: it leads nowhere any more", Args: exactly("domain"), ValidArgsFunction: c.completeDomain(tenant),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			d, etag, err := api.GetDomain(ctx, t, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Release %s? Its people are no longer sent to a connector, and none may vouch for their addresses.", d.Domain); err != nil {
				return err
			}
			if err := api.DeleteDomain(ctx, t, d.Domain, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Released %s.", d.Domain)
			return nil
		}),
	})
}
