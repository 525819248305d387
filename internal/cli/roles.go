package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) roleCommand() *cobra.Command {
	var tenant string
	cmd := noun("role", "Roles: what members of a tenant may do",
		`A role bundles permissions of resource servers under a name that services see in tokens. It may
include other roles of the tenant. A permission is written audience=slug, with commas for many.`,
		`  signet role list -t acme
  signet role create clerk -t acme --permission https://orders.example=orders:read,orders:write
  signet role update manager -t acme --add-include clerk`,
		c.roleList(&tenant), c.roleShow(&tenant), c.roleCreate(&tenant), c.roleUpdate(&tenant), c.roleDelete(&tenant))
	for _, sub := range cmd.Commands() {
		c.tenantFlag(sub, &tenant, "the `tenant`"+ownTenant)
	}
	return cmd
}

// errEitherAll refuses a list that is given as a whole and in parts.
func errEitherAll(flag string) error {
	return fmt.Errorf("give --%[1]s for all of them, or --add-%[1]s and --remove-%[1]s, not both", flag)
}

type roleColumn = column[adminclient.Role]

func (c *CLI) roleList(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "list", Short: "List the roles of a tenant", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			return list(c, api.AllRoles(ctx, t, adminclient.ListRolesParams{}),
				roleColumn{"NAME", func(r adminclient.Role) string { return r.Name }},
				roleColumn{"INCLUDES", func(r adminclient.Role) string { return words(r.Includes) }},
				roleColumn{"PERMISSIONS", func(r adminclient.Role) string { return fmt.Sprint(len(r.Permissions)) }},
				roleColumn{"DESCRIPTION", func(r adminclient.Role) string { return r.Description }},
			)
		}),
	})
}

func (c *CLI) showRole(r adminclient.Role) error {
	return c.show(r, field{"name", r.Name}, field{"description", r.Description}, field{"includes", words(r.Includes)},
		field{"permissions", permissionLines(r.Permissions)}, field{"template", r.Template}, field{"tokens", sizes(r.TokenForecast)}, field{"created", when(r.CreatedAt)}, field{"updated", when(r.UpdatedAt)})
}

func (c *CLI) roleShow(tenant *string) *cobra.Command {
	return prints(&cobra.Command{
		Use: "show ROLE", Short: "Show a role", Args: exactly("role"), ValidArgsFunction: c.completeRole(tenant),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			r, _, err := api.GetRole(ctx, t, args[0])
			if err != nil {
				return err
			}
			return c.showRole(r)
		}),
	})
}

func (c *CLI) roleCreate(tenant *string) *cobra.Command {
	var description string
	var includes, permissions []string
	cmd := &cobra.Command{
		Use: "create ROLE", Short: "Create a role",
		Example: `  signet role create clerk -t acme --permission https://orders.example=orders:read
  signet role create boss -t acme --include clerk --permission https://orders.example=orders:refund`,
		Args: exactly("role"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			body := adminclient.CreateRoleBody{Name: args[0], Description: description, Includes: includes}
			if body.Permissions, err = permissionsOf(permissions); err != nil {
				return err
			}
			r, err := creating(func(key adminclient.Option) (adminclient.Role, error) {
				r, _, err := api.CreateRole(ctx, t, body, key)
				return r, err
			})
			if err != nil {
				return err
			}
			return c.showRole(r)
		}),
	}
	cmd.Flags().StringVar(&description, "description", "", "what the role is for, for `people`")
	cmd.Flags().StringArrayVar(&includes, "include", nil, "`role` whose permissions it has too; repeatable")
	cmd.Flags().StringArrayVar(&permissions, "permission", nil, "`audience=slug`; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("include", c.completeRole(tenant))
	return prints(cmd)
}

func (c *CLI) roleUpdate(tenant *string) *cobra.Command {
	var description string
	var addIncludes, removeIncludes, add, remove []string
	cmd := &cobra.Command{
		Use: "update ROLE", Short: "Change what a role bundles", Args: exactly("role"), ValidArgsFunction: c.completeRole(tenant),
		Example: `  signet role update clerk -t acme --add-permission https://orders.example=orders:write
  signet role update clerk -t acme --remove-permission https://orders.example=orders:write --description "Reads orders"`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, err := c.tenantOr(*tenant)
		if err != nil {
			return err
		}
		r, etag, err := api.GetRole(ctx, t, args[0])
		if err != nil {
			return err
		}
		body := adminclient.UpdateRoleBody{Description: given(cmd, "description", description)}
		if len(addIncludes)+len(removeIncludes) > 0 {
			body.Includes = edited(r.Includes, addIncludes, removeIncludes)
		}
		if len(add)+len(remove) > 0 {
			if body.Permissions, err = editPermissions(r.Permissions, add, remove); err != nil {
				return err
			}
		}
		if body.Description == nil && body.Includes == nil && body.Permissions == nil {
			return misuse(cmd, errNothingToChange)
		}
		if r, _, err = api.UpdateRole(ctx, t, r.Name, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showRole(r)
	})
	f := cmd.Flags()
	f.StringVar(&description, "description", "", "what the role is for, for `people`")
	f.StringArrayVar(&addIncludes, "add-include", nil, "`role` to include; repeatable")
	f.StringArrayVar(&removeIncludes, "remove-include", nil, "`role` to include no more; repeatable")
	f.StringArrayVar(&add, "add-permission", nil, "`audience=slug` to bundle; repeatable")
	f.StringArrayVar(&remove, "remove-permission", nil, "`audience=slug` to bundle no more; repeatable")
	for _, name := range []string{"add-include", "remove-include"} {
		_ = cmd.RegisterFlagCompletionFunc(name, c.completeRole(tenant))
	}
	return prints(cmd)
}

// editPermissions changes a list of permissions as flags say. The result is not nil.
func editPermissions(now []adminclient.RolePermission, add, remove []string) ([]adminclient.RolePermission, error) {
	gone, err := permissionsOf(remove)
	if err != nil {
		return nil, err
	}
	fresh, err := permissionsOf(add)
	if err != nil {
		return nil, err
	}
	out := []adminclient.RolePermission{}
	for _, p := range append(slices.Clone(now), fresh...) {
		if !slices.Contains(gone, p) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c *CLI) roleDelete(tenant *string) *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete ROLE", Short: "Delete a role, and take it from its members", Args: exactly("role"), ValidArgsFunction: c.completeRole(tenant),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := c.tenantOr(*tenant)
			if err != nil {
				return err
			}
			r, etag, err := api.GetRole(ctx, t, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Delete the role %s of %s? Whoever holds it loses what it gives.", r.Name, t); err != nil {
				return err
			}
			if err := api.DeleteRole(ctx, t, r.Name, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Deleted %s of %s.", r.Name, t)
			return nil
		}),
	})
}
