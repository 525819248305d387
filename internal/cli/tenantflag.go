package cli

import (
	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
)

// installationTenant is the tenant of those who administer everything: nobody means it when they
// leave a tenant out.
const installationTenant = "signet"

// ownTenant ends the help of the flags for which tenantOr fills in what is left out.
const ownTenant = " (the organization that you act in, unless given)"

// tenantFlag adds -t to a command.
func (c *CLI) tenantFlag(cmd *cobra.Command, value *string, about string) {
	cmd.Flags().StringVarP(value, "tenant", "t", "", about)
	_ = cmd.RegisterFlagCompletionFunc("tenant", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return c.tenants(cmd, typed)
	})
}

// tenantOr returns the tenant of a flag, or that in which the caller acts.
func (c *CLI) tenantOr(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	who, err := c.caller()
	if err != nil {
		return "", err
	}
	if who.organization == "" || who.organization == installationTenant {
		return "", errdefs.Say(errdefs.ErrInvalid, nil, "name the tenant: --tenant acme")
	}
	return who.organization, nil
}
