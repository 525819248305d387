package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) resourceServerCommand() *cobra.Command {
	return noun("resource-server", "Resource servers: APIs, and the permissions that they know",
		`A resource server is an API that tokens are meant for. It is named by its audience or its
identifier, rsv_…. Its permissions are what roles bundle.`,
		`  signet resource-server create https://orders.example --name Orders --permission orders:read --permission orders:write
  signet resource-server permission set https://orders.example orders:refund --description "Give money back"`,
		c.serverList(), c.serverShow(), c.serverCreate(), c.serverUpdate(), c.serverDelete(), c.permissionCommand())
}

type serverColumn = column[adminclient.ResourceServer]

func (c *CLI) serverList() *cobra.Command {
	var p adminclient.ListResourceServersParams
	cmd := &cobra.Command{
		Use: "list", Short: "List resource servers by their audience", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, api.AllResourceServers(ctx, p),
				serverColumn{"AUDIENCE", func(r adminclient.ResourceServer) string { return r.Audience }},
				serverColumn{"NAME", func(r adminclient.ResourceServer) string { return r.Name }},
				serverColumn{"ID", func(r adminclient.ResourceServer) string { return r.ID }},
				serverColumn{"TENANT", func(r adminclient.ResourceServer) string { return r.TenantID }},
			)
		}),
	}
	c.tenantFlag(cmd, &p.Tenant, "only those of this `tenant`")
	cmd.Flags().StringVar(&p.AudiencePrefix, "prefix", "", "only audiences that begin with this `text`")
	return prints(cmd)
}

// server finds a resource server by its audience or its identifier.
func server(ctx context.Context, api *adminclient.Client, name string) (adminclient.ResourceServer, string, error) {
	if strings.HasPrefix(name, "rsv_") {
		return api.GetResourceServer(ctx, name)
	}
	for r, err := range api.AllResourceServers(ctx, adminclient.ListResourceServersParams{AudiencePrefix: name}) {
		if err != nil {
			return adminclient.ResourceServer{}, "", err
		}
		if r.Audience == name {
			return api.GetResourceServer(ctx, r.ID)
		}
	}
	return adminclient.ResourceServer{}, "", errdefs.Say(errdefs.ErrNotFound, nil, "there is no resource server %s, or not for you to see", name)
}

func (c *CLI) showServer(ctx context.Context, api *adminclient.Client, r adminclient.ResourceServer) error {
	permissions, err := adminclient.Collect(api.AllPermissions(ctx, r.ID, adminclient.ListPermissionsParams{}))
	if err != nil {
		return err
	}
	if permissions == nil {
		permissions = []adminclient.Permission{}
	}
	fields := []field{{"audience", r.Audience}, {"name", r.Name}, {"id", r.ID}, {"tenant", r.TenantID}, {"signed with", r.SigningAlgorithm}, {"created", when(r.CreatedAt)}, {"updated", when(r.UpdatedAt)}}
	for _, claim := range r.Claims {
		if text, err := compact(claim); err == nil {
			fields = append(fields, field{"claim", text})
		}
	}
	for _, p := range permissions {
		fields = append(fields, field{"permission", strings.TrimSpace(p.Slug + "  " + p.Description)})
	}
	if c.format == "json" {
		return c.show(struct {
			adminclient.ResourceServer
			Permissions []adminclient.Permission `json:"permissions"`
		}{r, permissions})
	}
	return c.show(r, fields...)
}

func (c *CLI) serverShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show AUDIENCE", Short: "Show a resource server and its permissions", Args: exactly("audience"), ValidArgsFunction: c.completeAudience,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			r, _, err := server(ctx, api, args[0])
			if err != nil {
				return err
			}
			return c.showServer(ctx, api, r)
		}),
	})
}

func (c *CLI) serverCreate() *cobra.Command {
	var name, tenant, algorithm string
	var permissions []string
	cmd := &cobra.Command{
		Use: "create AUDIENCE", Short: "Register a resource server",
		Example: `  signet resource-server create https://orders.example --name Orders`,
		Args:    exactly("audience"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			r, err := creating(func(key adminclient.Option) (adminclient.ResourceServer, error) {
				r, _, err := api.CreateResourceServer(ctx, adminclient.CreateResourceServerBody{
					Audience: args[0], Name: or(name, args[0]), TenantID: tenant, SigningAlgorithm: algorithm,
				}, key)
				return r, err
			})
			if err != nil {
				return err
			}
			for _, p := range permissions {
				if _, _, err := api.SavePermission(ctx, r.ID, p, adminclient.SavePermissionBody{}); err != nil {
					return fmt.Errorf("the resource server is there; its permission %s is not: %w", p, err)
				}
			}
			return c.showServer(ctx, api, r)
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` that people read (the audience unless given)")
	cmd.Flags().StringArrayVar(&permissions, "permission", nil, "`slug` of a permission; repeatable")
	algorithmFlag(cmd, &algorithm, "signing-algorithm", "access tokens for it")
	c.tenantFlag(cmd, &tenant, "`tenant` that it belongs to")
	return prints(cmd)
}

func (c *CLI) serverUpdate() *cobra.Command {
	var name, algorithm string
	cmd := &cobra.Command{Use: "update AUDIENCE", Short: "Change a resource server",
		Example: `  signet resource-server update https://orders.example --name "Orders and returns"
  signet resource-server update https://orders.example --signing-algorithm RS256`,
		Args: exactly("audience"), ValidArgsFunction: c.completeAudience}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		body := adminclient.UpdateResourceServerBody{Name: given(cmd, "name", name), SigningAlgorithm: given(cmd, "signing-algorithm", algorithm)}
		if body.Name == nil && body.SigningAlgorithm == nil {
			return misuse(cmd, errNothingToChange)
		}
		r, etag, err := server(ctx, api, args[0])
		if err != nil {
			return err
		}
		if r, _, err = api.UpdateResourceServer(ctx, r.ID, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showServer(ctx, api, r)
	})
	cmd.Flags().StringVar(&name, "name", "", "new `name`")
	algorithmFlag(cmd, &algorithm, "signing-algorithm", "access tokens for it")
	return prints(cmd)
}

func (c *CLI) serverDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "delete AUDIENCE", Short: "Delete a resource server and its permissions", Args: exactly("audience"), ValidArgsFunction: c.completeAudience,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		r, etag, err := server(ctx, api, args[0])
		if err != nil {
			return err
		}
		if err := c.confirm("Delete %s (%s) and its permissions?", r.Audience, r.Name); err != nil {
			return err
		}
		if err := api.DeleteResourceServer(ctx, r.ID, adminclient.DeleteResourceServerParams{Force: given(cmd, "force", force)}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		c.say("Deleted %s.", r.Audience)
		return nil
	})
	cmd.Flags().BoolVar(&force, "force", false, "take its permissions from roles and its audience from clients, too")
	return asks(cmd)
}

func (c *CLI) permissionCommand() *cobra.Command {
	var description string
	set := &cobra.Command{
		Use: "set AUDIENCE SLUG", Short: "Declare a permission, or describe it anew",
		Example: `  signet resource-server permission set https://orders.example orders:read --description "See orders"`,
		Args:    exactly("audience", "slug"), ValidArgsFunction: c.completeAudience,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			r, _, err := server(ctx, api, args[0])
			if err != nil {
				return err
			}
			if _, _, err := api.SavePermission(ctx, r.ID, args[1], adminclient.SavePermissionBody{Description: description}, adminclient.IfMatch("*")); err != nil {
				return err
			}
			c.say("%s knows %s.", r.Audience, args[1])
			return nil
		}),
	}
	set.Flags().StringVar(&description, "description", "", "what it lets people do, for `people`")
	var force bool
	remove := &cobra.Command{Use: "delete AUDIENCE SLUG", Short: "Delete a permission", Args: exactly("audience", "slug"), ValidArgsFunction: c.completeAudience}
	remove.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		r, _, err := server(ctx, api, args[0])
		if err != nil {
			return err
		}
		if err := c.confirm("Delete the permission %s of %s?", args[1], r.Audience); err != nil {
			return err
		}
		if err := api.DeletePermission(ctx, r.ID, args[1], adminclient.DeletePermissionParams{Force: given(remove, "force", force)}); err != nil {
			return err
		}
		c.say("Deleted %s of %s.", args[1], r.Audience)
		return nil
	})
	remove.Flags().BoolVar(&force, "force", false, "take it from the roles that hold it, too")
	return noun("permission", "The permissions of a resource server", "", `  signet resource-server permission set https://orders.example orders:refund`, set, asks(remove))
}
