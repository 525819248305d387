package cli

import (
	"context"
	"crypto/rand"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) tenantCommand() *cobra.Command {
	return noun("tenant", "Tenants: the organizations that people belong to",
		`Creating, renaming and deleting tenants is for administrators of the installation; a tenant's
own administrators see theirs. Everywhere a tenant is named, its slug or its identifier will do.`,
		`  signet tenant list
  signet tenant create acme --name "Acme Corporation"
  signet tenant update acme --attribute plan=gold
  signet tenant disable acme`,
		c.tenantList(), c.tenantShow(), c.tenantCreate(), c.tenantUpdate(), c.tenantDisable(true), c.tenantDisable(false), c.tenantDelete())
}

func (c *CLI) tenantList() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use: "list", Short: "List tenants, oldest first", Args: exactly(),
		Example: `  signet tenant list
  signet tenant list --prefix acme -o json`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, api.AllTenants(ctx, adminclient.ListTenantsParams{SlugPrefix: prefix}),
				column[adminclient.Tenant]{"SLUG", func(t adminclient.Tenant) string { return t.Slug }},
				column[adminclient.Tenant]{"NAME", func(t adminclient.Tenant) string { return t.Name }},
				column[adminclient.Tenant]{"ID", func(t adminclient.Tenant) string { return t.ID }},
				column[adminclient.Tenant]{"CREATED", func(t adminclient.Tenant) string { return when(t.CreatedAt) }},
				column[adminclient.Tenant]{"", func(t adminclient.Tenant) string { return state(t.DisabledAt) }},
			)
		}),
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only slugs that begin with this `text`")
	return prints(cmd)
}

func (c *CLI) showTenant(t adminclient.Tenant) error {
	return c.show(t, field{"slug", t.Slug}, field{"name", t.Name}, field{"id", t.ID}, field{"attributes", object(t.Attributes)},
		field{"passwords", map[bool]string{true: "refused: people enter through its connectors alone"}[t.OnlyConnectors]},
		field{"created", when(t.CreatedAt)}, field{"updated", when(t.UpdatedAt)}, field{"disabled", when(t.DisabledAt)})
}

func (c *CLI) tenantShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show TENANT", Short: "Show a tenant", Args: exactly("tenant"), ValidArgsFunction: c.completeTenant,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, _, err := api.GetTenant(ctx, args[0])
			if err != nil {
				return err
			}
			return c.showTenant(t)
		}),
	})
}

func (c *CLI) tenantCreate() *cobra.Command {
	var name string
	var attributes []string
	cmd := &cobra.Command{
		Use: "create SLUG", Short: "Create a tenant with the roles of the templates", Args: exactly("slug of the tenant"),
		Example: `  signet tenant create acme --name "Acme Corporation" --attribute plan=gold --attribute seats=25`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			values, err := parseAttributes(nil, attributes)
			if err != nil {
				return err
			}
			t, err := creating(func(key adminclient.Option) (adminclient.Tenant, error) {
				t, _, err := api.CreateTenant(ctx, adminclient.CreateTenantBody{Slug: args[0], Name: or(name, args[0]), Attributes: values}, key)
				return t, err
			})
			if err != nil {
				return err
			}
			return c.showTenant(t)
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` that people read (the slug unless given)")
	cmd.Flags().StringArrayVar(&attributes, "attribute", nil, attributeHelp)
	return prints(cmd)
}

func (c *CLI) tenantUpdate() *cobra.Command {
	var slug, name string
	var attributes []string
	var onlyConnectors bool
	cmd := &cobra.Command{
		Use: "update TENANT", Short: "Change a tenant's name, slug or attributes, or how it is entered", Args: exactly("tenant"), ValidArgsFunction: c.completeTenant,
		Long: `Changes what flags name and leaves the rest. The slug is in tokens and links: services that
know the old one will not know the new one. With --only-connectors passwords are refused to its people
and to addresses in its verified domains: they sign in through a connector (signet connector).`,
		Example: `  signet tenant update acme --name "Acme Incorporated"
  signet tenant update acme --attribute plan=gold --attribute trial=
  signet tenant update acme --only-connectors`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, etag, err := api.GetTenant(ctx, args[0])
		if err != nil {
			return err
		}
		body := adminclient.UpdateTenantBody{Slug: given(cmd, "slug", slug), Name: given(cmd, "name", name), OnlyConnectors: given(cmd, "only-connectors", onlyConnectors)}
		if len(attributes) > 0 {
			if body.Attributes, err = parseAttributes(t.Attributes, attributes); err != nil {
				return err
			}
		}
		if body.Slug == nil && body.Name == nil && body.Attributes == nil && body.OnlyConnectors == nil {
			return misuse(cmd, errNothingToChange)
		}
		if t, _, err = api.UpdateTenant(ctx, t.ID, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showTenant(t)
	})
	cmd.Flags().StringVar(&slug, "slug", "", "new `slug`")
	cmd.Flags().StringVar(&name, "name", "", "new `name`")
	cmd.Flags().StringArrayVar(&attributes, "attribute", nil, attributeHelp+"; an empty one is taken away")
	cmd.Flags().BoolVar(&onlyConnectors, "only-connectors", false, "let people in through its connectors alone; =false lets in passwords again")
	return prints(cmd)
}

func (c *CLI) tenantDisable(disabled bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "disable TENANT", Short: "Let nobody sign in to a tenant, and recall its tokens",
		Args: exactly("tenant"), ValidArgsFunction: c.completeTenant,
	}
	if !disabled {
		cmd.Use, cmd.Short = "enable TENANT", "Let people sign in to a tenant again"
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		t, etag, err := api.GetTenant(ctx, args[0])
		if err != nil {
			return err
		}
		if disabled {
			if err := c.confirm("Disable %s (%s)? Its people are signed out of it at once.", t.Slug, t.Name); err != nil {
				return err
			}
		}
		if t, _, err = api.UpdateTenant(ctx, t.ID, adminclient.UpdateTenantBody{Disabled: &disabled}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showTenant(t)
	})
	return asks(prints(cmd))
}

func (c *CLI) tenantDelete() *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete TENANT", Short: "Delete a disabled tenant and everything in it", Args: exactly("tenant"), ValidArgsFunction: c.completeTenant,
		Long: `Deletes the tenant with its roles, memberships, invitations and the clients that it owns.
Its people keep their accounts. Disable it first.`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, etag, err := api.GetTenant(ctx, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Delete %s (%s) and everything in it? This cannot be undone.", t.Slug, t.Name); err != nil {
				return err
			}
			if err := api.DeleteTenant(ctx, t.ID, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Deleted %s.", t.Slug)
			return nil
		}),
	})
}

// creating sends a creation under a key of its own, and once more when its answer was lost.
func creating[T any](create func(adminclient.Option) (T, error)) (T, error) {
	key := adminclient.IdempotencyKey(rand.Text())
	v, err := create(key)
	if lost(err) {
		return create(key)
	}
	return v, err
}
