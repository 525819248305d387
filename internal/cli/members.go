package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) memberCommand() *cobra.Command {
	var tenant string
	cmd := noun("member", "Members: who belongs to a tenant, with which roles",
		`A membership puts a person into a tenant and gives them roles there. A person is named by their
e-mail address or their identifier. Administrators of a tenant add people by invitation.`,
		`  signet member list -t acme
  signet member add ada@acme.example -t acme --role admin
  signet member update ada@acme.example -t acme --add-role clerk --remove-role admin
  signet member suspend ada@acme.example -t acme`,
		c.memberList(&tenant), c.memberShow(&tenant), c.memberAdd(&tenant), c.memberUpdate(&tenant),
		c.memberSuspend(&tenant, true), c.memberSuspend(&tenant, false), c.memberRemove(&tenant))
	for _, sub := range cmd.Commands() {
		c.tenantFlag(sub, &tenant, "the `tenant`"+ownTenant)
	}
	return cmd
}

type memberColumn = column[adminclient.Member]

func (c *CLI) memberList(tenant *string) *cobra.Command {
	var p adminclient.ListMembersParams
	cmd := &cobra.Command{
		Use: "list", Short: "List the members of a tenant", Args: exactly(),
		Example: `  signet member list -t acme --role admin`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			return list(c, api.AllMembers(ctx, t, p),
				memberColumn{"E-MAIL", func(m adminclient.Member) string { return m.User.Email }},
				memberColumn{"NAME", func(m adminclient.Member) string { return m.User.Name }},
				memberColumn{"ROLES", func(m adminclient.Member) string { return words(m.Roles) }},
				memberColumn{"SINCE", func(m adminclient.Member) string { return when(m.GrantedAt) }},
				memberColumn{"BY", func(m adminclient.Member) string { return m.GrantedBy }},
				memberColumn{"", memberState},
			)
		}),
	}
	cmd.Flags().StringVar(&p.Role, "role", "", "only who holds this `role`")
	cmd.Flags().StringVar(&p.EmailPrefix, "prefix", "", "only addresses that begin with this `text`")
	_ = cmd.RegisterFlagCompletionFunc("role", c.completeRole(tenant))
	return prints(cmd)
}

func memberState(m adminclient.Member) string {
	switch {
	case !m.SuspendedAt.IsZero():
		return "suspended"
	case !m.User.DisabledAt.IsZero():
		return "account disabled"
	}
	return ""
}

func (c *CLI) showMember(m adminclient.Member) error {
	return c.show(m, field{"e-mail", m.User.Email}, field{"name", m.User.Name}, field{"id", m.User.ID}, field{"roles", words(m.Roles)},
		field{"attributes", object(m.Attributes)}, field{"since", when(m.GrantedAt)}, field{"by", m.GrantedBy},
		field{"suspended", when(m.SuspendedAt)}, field{"disabled", when(m.User.DisabledAt)})
}

// member finds the membership that a command is about.
func (c *CLI) member(ctx context.Context, api *adminclient.Client, tenant, who string) (t string, m adminclient.Member, etag string, err error) {
	if t, err = c.tenantOr(tenant); err != nil {
		return t, m, "", err
	}
	user, err := personID(ctx, api, who)
	if err != nil {
		return t, m, "", err
	}
	m, etag, err = api.GetMember(ctx, t, user)
	return t, m, etag, err
}

func (c *CLI) memberShow(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "show USER", Short: "Show a membership", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			_, m, _, err := c.member(ctx, api, *tenant, args[0])
			if err != nil {
				return err
			}
			return c.showMember(m)
		}),
	})
}

func (c *CLI) memberAdd(tenant *string) *cobra.Command {
	var roles, attributes []string
	cmd := &cobra.Command{
		Use: "add USER", Short: "Make a person with an account a member", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		Example: `  signet member add ada@acme.example -t acme --role admin --role clerk`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			body := adminclient.AddMemberBody{Roles: roles}
			if body.User, err = personID(ctx, api, args[0]); err != nil {
				return err
			}
			if len(attributes) > 0 {
				if body.Attributes, err = parseAttributes(nil, attributes); err != nil {
					return err
				}
			}
			m, err := creating(func(key adminclient.Option) (adminclient.Member, error) {
				m, _, err := api.AddMember(ctx, t, body, key)
				return m, err
			})
			if err != nil {
				return err
			}
			return c.showMember(m)
		}),
	}
	cmd.Flags().StringArrayVar(&roles, "role", nil, "`role` of the tenant; repeatable")
	cmd.Flags().StringArrayVar(&attributes, "attribute", nil, attributeHelp)
	_ = cmd.RegisterFlagCompletionFunc("role", c.completeRole(tenant))
	return prints(cmd)
}

func (c *CLI) memberUpdate(tenant *string) *cobra.Command {
	var roles, add, remove, attributes []string
	cmd := &cobra.Command{
		Use: "update USER", Short: "Change a member's roles or attributes", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		Example: `  signet member update ada@acme.example -t acme --add-role clerk
  signet member update ada@acme.example -t acme --role viewer     all roles at once`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, m, etag, err := c.member(ctx, api, *tenant, args[0])
		if err != nil {
			return err
		}
		var body adminclient.UpdateMemberBody
		switch {
		case len(roles) > 0 && len(add)+len(remove) > 0:
			return misuse(cmd, errEitherAll("role"))
		case len(roles) > 0:
			body.Roles = roles
		case len(add)+len(remove) > 0:
			body.Roles = edited(m.Roles, add, remove)
		}
		if len(attributes) > 0 {
			if body.Attributes, err = parseAttributes(m.Attributes, attributes); err != nil {
				return err
			}
		}
		if body.Roles == nil && body.Attributes == nil {
			return misuse(cmd, errNothingToChange)
		}
		if m, _, err = api.UpdateMember(ctx, t, m.User.ID, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showMember(m)
	})
	f := cmd.Flags()
	f.StringArrayVar(&roles, "role", nil, "`role` to have, in place of all; repeatable")
	f.StringArrayVar(&add, "add-role", nil, "`role` to give; repeatable")
	f.StringArrayVar(&remove, "remove-role", nil, "`role` to take; repeatable")
	f.StringArrayVar(&attributes, "attribute", nil, attributeHelp+"; an empty one is taken away")
	for _, name := range []string{"role", "add-role", "remove-role"} {
		_ = cmd.RegisterFlagCompletionFunc(name, c.completeRole(tenant))
	}
	return prints(cmd)
}

func (c *CLI) memberSuspend(tenant *string, suspended bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "suspend USER", Short: "Let a membership give nothing for now, and recall its tokens", Args: exactly("user"), ValidArgsFunction: c.completeUser,
	}
	if !suspended {
		cmd.Use, cmd.Short = "resume USER", "Let a suspended membership count again"
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, m, etag, err := c.member(ctx, api, *tenant, args[0])
		if err != nil {
			return err
		}
		if suspended {
			if err := c.confirm("Suspend %s in %s? They are signed out of it at once.", m.User.Email, t); err != nil {
				return err
			}
		}
		if m, _, err = api.UpdateMember(ctx, t, m.User.ID, adminclient.UpdateMemberBody{Suspended: &suspended}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showMember(m)
	})
	return asks(prints(cmd))
}

func (c *CLI) memberRemove(tenant *string) *cobra.Command {
	return asks(&cobra.Command{
		Use: "remove USER", Short: "Remove a member; the account stays", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, m, etag, err := c.member(ctx, api, *tenant, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Remove %s from %s, with the roles %s?", m.User.Email, t, or(words(m.Roles), "(none)")); err != nil {
				return err
			}
			if err := api.RemoveMember(ctx, t, m.User.ID, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Removed %s from %s.", m.User.Email, t)
			return nil
		}),
	})
}
