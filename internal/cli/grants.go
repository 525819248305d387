package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) grantCommand() *cobra.Command {
	return noun("grant", "Grants: what people allowed clients, and clients get tokens for", "",
		`  signet grant list --user ada@acme.example
  signet grant revoke gra_01h2xcejqtf2nbrexx3vqjhp41`,
		c.grantList(), c.grantRevoke())
}

type grantColumn = column[adminclient.Grant]

func (c *CLI) grantList() *cobra.Command {
	var p adminclient.ListGrantsParams
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List grants", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) (err error) {
			if p.User, err = personID(ctx, api, p.User); err != nil {
				return err
			}
			return list(c, first(limit, api.AllGrants(ctx, p)),
				grantColumn{"ID", func(g adminclient.Grant) string { return g.ID }},
				grantColumn{"USER", func(g adminclient.Grant) string { return g.UserID }},
				grantColumn{"CLIENT", func(g adminclient.Grant) string { return g.ClientID }},
				grantColumn{"SCOPES", func(g adminclient.Grant) string { return words(g.Scopes) }},
				grantColumn{"REFRESHED", func(g adminclient.Grant) string { return when(g.RefreshedAt) }},
				grantColumn{"", func(g adminclient.Grant) string { return map[bool]string{false: "ended"}[g.Active] }},
			)
		}),
	}
	c.tenantFlag(cmd, &p.Tenant, "only those in this `tenant`")
	cmd.Flags().StringVar(&p.User, "user", "", "only those of this `person`: e-mail address or identifier")
	cmd.Flags().StringVar(&p.Client, "client", "", "only those of this client `id`")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many `grants`")
	return prints(cmd)
}

func (c *CLI) grantRevoke() *cobra.Command {
	return asks(&cobra.Command{
		Use: "revoke GRANT", Short: "End a grant, and recall its tokens", Args: exactly("grant"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			g, err := api.GetGrant(ctx, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("End what %s allowed %s?", g.UserID, g.ClientID); err != nil {
				return err
			}
			if err := api.RevokeGrant(ctx, g.ID); err != nil {
				return err
			}
			c.say("Revoked %s.", g.ID)
			return nil
		}),
	})
}

func (c *CLI) sessionCommand() *cobra.Command {
	return noun("session", "Sessions: browsers in which people are signed in", "",
		`  signet session list --user ada@acme.example
  signet session end ses_01h2xcejqtf2nbrexx3vqjhp41`,
		c.sessionList(), c.sessionEnd())
}

type sessionColumn = column[adminclient.Session]

func (c *CLI) sessionList() *cobra.Command {
	var p adminclient.ListSessionsParams
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List sessions", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) (err error) {
			if p.User, err = personID(ctx, api, p.User); err != nil {
				return err
			}
			return list(c, first(limit, api.AllSessions(ctx, p)),
				sessionColumn{"ID", func(s adminclient.Session) string { return s.ID }},
				sessionColumn{"USER", func(s adminclient.Session) string { return s.UserID }},
				sessionColumn{"SIGNED IN", func(s adminclient.Session) string { return when(s.AuthenticatedAt) }},
				sessionColumn{"UNTIL", func(s adminclient.Session) string { return when(s.ExpiresAt) }},
				sessionColumn{"ADDRESS", func(s adminclient.Session) string { return s.Address }},
				sessionColumn{"BROWSER", func(s adminclient.Session) string { return s.UserAgent }},
			)
		}),
	}
	cmd.Flags().StringVar(&p.User, "user", "", "only those of this `person`: e-mail address or identifier")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many `sessions`")
	return prints(cmd)
}

func (c *CLI) sessionEnd() *cobra.Command {
	return asks(&cobra.Command{
		Use: "end SESSION", Short: "Sign a browser out, with everything that hangs on it", Args: exactly("session"),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			s, err := api.GetSession(ctx, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("End the session of %s at %s?", s.UserID, s.Address); err != nil {
				return err
			}
			if err := api.EndSession(ctx, s.ID); err != nil {
				return err
			}
			c.say("Ended %s.", s.ID)
			return nil
		}),
	})
}
