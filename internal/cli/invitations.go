package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) invitationCommand() *cobra.Command {
	var tenant string
	cmd := noun("invitation", "Invitations: how people come to belong to a tenant",
		`An invitation is a link in a message. Whoever follows it joins the tenant with the account that
they have, or makes one.`,
		`  signet invitation create ada@acme.example -t acme --role clerk
  signet invitation list -t acme
  signet invitation revoke inv_01h2xcejqtf2nbrexx3vqjhp41 -t acme`,
		c.invitationList(&tenant), c.invitationCreate(&tenant), c.invitationResend(&tenant), c.invitationRevoke(&tenant))
	for _, sub := range cmd.Commands() {
		c.tenantFlag(sub, &tenant, "the `tenant`"+ownTenant)
	}
	return cmd
}

type invitationColumn = column[adminclient.Invitation]

func (c *CLI) invitationList(tenant *string) *cobra.Command {
	var p adminclient.ListInvitationsParams
	cmd := &cobra.Command{
		Use: "list", Short: "List invitations", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			return list(c, api.AllInvitations(ctx, t, p),
				invitationColumn{"E-MAIL", func(i adminclient.Invitation) string { return i.Email }},
				invitationColumn{"ROLES", func(i adminclient.Invitation) string { return words(i.Roles) }},
				invitationColumn{"STATE", func(i adminclient.Invitation) string { return i.State }},
				invitationColumn{"UNTIL", func(i adminclient.Invitation) string { return when(i.ExpiresAt) }},
				invitationColumn{"ID", func(i adminclient.Invitation) string { return i.ID }},
				invitationColumn{"BY", func(i adminclient.Invitation) string { return i.InvitedBy }},
			)
		}),
	}
	cmd.Flags().StringVar(&p.State, "state", "", "only those in this `state`")
	return prints(cmd)
}

func (c *CLI) showInvitation(i adminclient.Invitation) error {
	return c.show(i, field{"e-mail", i.Email}, field{"roles", words(i.Roles)}, field{"state", i.State}, field{"id", i.ID},
		field{"until", when(i.ExpiresAt)}, field{"by", i.InvitedBy})
}

func (c *CLI) invitationCreate(tenant *string) *cobra.Command {
	var roles []string
	cmd := &cobra.Command{
		Use: "create E-MAIL", Short: "Invite a person",
		Example: `  signet invitation create grace@acme.example -t acme --role clerk`,
		Args:    exactly("e-mail address"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			i, err := creating(func(key adminclient.Option) (adminclient.Invitation, error) {
				return api.CreateInvitation(ctx, t, adminclient.CreateInvitationBody{Email: args[0], Roles: roles}, key)
			})
			if err != nil {
				return err
			}
			return c.showInvitation(i)
		}),
	}
	cmd.Flags().StringArrayVar(&roles, "role", nil, "`role` that the person gets; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("role", c.completeRole(tenant))
	return prints(cmd)
}

func (c *CLI) invitationResend(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "resend INVITATION", Short: "Send an invitation again, with a fresh link", Args: exactly("invitation"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			i, err := api.ResendInvitation(ctx, t, args[0])
			if err != nil {
				return err
			}
			return c.showInvitation(i)
		}),
	})
}

func (c *CLI) invitationRevoke(tenant *string) *cobra.Command {
	return &cobra.Command{
		Use: "revoke INVITATION", Short: "Let an invitation's link lead nowhere", Args: exactly("invitation"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			if err := api.RevokeInvitation(ctx, t, args[0]); err != nil {
				return err
			}
			c.say("Revoked %s.", args[0])
			return nil
		}),
	}
}
