package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) roleTemplateCommand() *cobra.Command {
	return noun("role-template", "Role templates: the roles that a new tenant begins with",
		"Changing a template changes no tenant that is there. Administrators of the installation only.",
		`  signet role-template list
  signet role-template create support --description "Helps people" --permission https://orders.example=orders:read`,
		c.templateList(), c.templateShow(), c.templateCreate(), c.templateUpdate(), c.templateDelete())
}

type templateColumn = column[adminclient.RoleTemplate]

func (c *CLI) templateList() *cobra.Command {
	return prints(&cobra.Command{
		Use: "list", Short: "List role templates", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, api.AllRoleTemplates(ctx, adminclient.ListRoleTemplatesParams{}),
				templateColumn{"NAME", func(t adminclient.RoleTemplate) string { return t.Name }},
				templateColumn{"BUILT IN", func(t adminclient.RoleTemplate) string { return yesNo(t.BuiltIn) }},
				templateColumn{"PERMISSIONS", func(t adminclient.RoleTemplate) string { return fmt.Sprint(len(t.Permissions)) }},
				templateColumn{"DESCRIPTION", func(t adminclient.RoleTemplate) string { return t.Description }},
			)
		}),
	})
}

func (c *CLI) showTemplate(t adminclient.RoleTemplate) error {
	return c.show(t, field{"name", t.Name}, field{"description", t.Description}, field{"built in", yesNo(t.BuiltIn)},
		field{"permissions", permissionLines(t.Permissions)}, field{"created", when(t.CreatedAt)}, field{"updated", when(t.UpdatedAt)})
}

func (c *CLI) templateShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show TEMPLATE", Short: "Show a role template", Args: exactly("template"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, _, err := api.GetRoleTemplate(ctx, args[0])
			if err != nil {
				return err
			}
			return c.showTemplate(t)
		}),
	})
}

func (c *CLI) templateCreate() *cobra.Command {
	var description string
	var permissions []string
	cmd := &cobra.Command{
		Use: "create TEMPLATE", Short: "Create a role template",
		Example: `  signet role-template create auditor --description "Reads the log" --permission urn:signet:admin=audit:read`,
		Args:    exactly("template"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) (err error) {
			body := adminclient.CreateTemplateBody{Name: args[0], Description: description}
			if body.Permissions, err = permissionsOf(permissions); err != nil {
				return err
			}
			t, err := creating(func(key adminclient.Option) (adminclient.RoleTemplate, error) {
				t, _, err := api.CreateRoleTemplate(ctx, body, key)
				return t, err
			})
			if err != nil {
				return err
			}
			return c.showTemplate(t)
		}),
	}
	cmd.Flags().StringVar(&description, "description", "", "what the role is for, for `people`")
	cmd.Flags().StringArrayVar(&permissions, "permission", nil, "`audience=slug`; repeatable")
	return prints(cmd)
}

func (c *CLI) templateUpdate() *cobra.Command {
	var description string
	var add, remove []string
	cmd := &cobra.Command{Use: "update TEMPLATE", Short: "Change a role template",
		Example: `  signet role-template update auditor --add-permission urn:signet:admin=tenant:read`,
		Args:    exactly("template")}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, etag, err := api.GetRoleTemplate(ctx, args[0])
		if err != nil {
			return err
		}
		body := adminclient.UpdateTemplateBody{Description: given(cmd, "description", description)}
		if len(add)+len(remove) > 0 {
			if body.Permissions, err = editPermissions(t.Permissions, add, remove); err != nil {
				return err
			}
		}
		if body.Description == nil && body.Permissions == nil {
			return misuse(cmd, errNothingToChange)
		}
		if t, _, err = api.UpdateRoleTemplate(ctx, t.Name, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showTemplate(t)
	})
	cmd.Flags().StringVar(&description, "description", "", "what the role is for, for `people`")
	cmd.Flags().StringArrayVar(&add, "add-permission", nil, "`audience=slug` to bundle; repeatable")
	cmd.Flags().StringArrayVar(&remove, "remove-permission", nil, "`audience=slug` to bundle no more; repeatable")
	return prints(cmd)
}

func (c *CLI) templateDelete() *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete TEMPLATE", Short: "Delete a role template; roles made from it stay", Args: exactly("template"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			if err := c.confirm("Delete the role template %s?", args[0]); err != nil {
				return err
			}
			if err := api.DeleteRoleTemplate(ctx, args[0]); err != nil {
				return err
			}
			c.say("Deleted %s.", args[0])
			return nil
		}),
	})
}
