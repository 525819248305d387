package cli

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

// Completion asks the server for at most so long and so much: whoever presses a key waits.
const (
	completionTimeout = 2 * time.Second
	completionLimit   = 50
)

// complete offers the words of what the server lists; nothing when nobody is signed in or the
// server does not answer, for there is nobody to tell.
func complete[T any](c *CLI, cmd *cobra.Command, typed string, list func(context.Context, *adminclient.Client) iter.Seq2[T, error], word func(T) (word, about string)) ([]string, cobra.ShellCompDirective) {
	api, err := c.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	var out []string
	for v, err := range list(ctx, api) {
		if err != nil || len(out) == completionLimit {
			break
		}
		if w, about := word(v); strings.HasPrefix(w, typed) && clean(w) == w {
			out = append(out, w+"\t"+clean(about))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (c *CLI) completeTenant(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.tenants(cmd, typed)
}

func (c *CLI) tenants(cmd *cobra.Command, typed string) ([]string, cobra.ShellCompDirective) {
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.Tenant, error] {
		return api.AllTenants(ctx, adminclient.ListTenantsParams{SlugPrefix: typed, Limit: completionLimit})
	}, func(t adminclient.Tenant) (string, string) { return t.Slug, t.Name })
}

func (c *CLI) completeUser(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.User, error] {
		return api.AllUsers(ctx, adminclient.ListUsersParams{EmailPrefix: typed, Limit: completionLimit})
	}, func(u adminclient.User) (string, string) { return u.Email, u.Name })
}

// completeRole offers the roles of the tenant of -t.
func (c *CLI) completeRole(tenant *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		t, err := c.tenantOr(*tenant)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.Role, error] {
			return api.AllRoles(ctx, t, adminclient.ListRolesParams{})
		}, func(r adminclient.Role) (string, string) { return r.Name, r.Description })
	}
}

func (c *CLI) completeClient(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.ClientRegistration, error] {
		return api.AllClients(ctx, adminclient.ListClientsParams{IDPrefix: typed, Limit: completionLimit})
	}, func(r adminclient.ClientRegistration) (string, string) { return r.ID, r.Name })
}

func (c *CLI) completeAudience(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.ResourceServer, error] {
		return api.AllResourceServers(ctx, adminclient.ListResourceServersParams{AudiencePrefix: typed, Limit: completionLimit})
	}, func(r adminclient.ResourceServer) (string, string) { return r.Audience, r.Name })
}

func (c *CLI) completeConnector(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.connectors(cmd, args, typed)
}

func (c *CLI) connectors(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.Connector, error] {
		return api.AllConnectors(ctx, adminclient.ListConnectorsParams{})
	}, func(k adminclient.Connector) (string, string) { return k.Reference, k.Name })
}

// completeKey offers the keys that are not removed.
func (c *CLI) completeKey(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.SigningKey, error] {
		page, err := api.ListKeys(ctx)
		if err != nil {
			return func(yield func(adminclient.SigningKey, error) bool) { yield(adminclient.SigningKey{}, err) }
		}
		return each(slices.DeleteFunc(page.Items, removedKey))
	}, func(k adminclient.SigningKey) (string, string) { return k.KID, k.Algorithm + ", " + k.State })
}

// completeDomain offers the domains of the tenant of -t.
func (c *CLI) completeDomain(tenant *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		t, err := c.tenantOr(*tenant)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, cmd, typed, func(ctx context.Context, api *adminclient.Client) iter.Seq2[adminclient.Domain, error] {
			return api.AllDomains(ctx, t, adminclient.ListDomainsParams{})
		}, func(d adminclient.Domain) (string, string) { return d.Domain, "" })
	}
}
