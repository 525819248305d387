package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/cli/login"
	"github.com/signet-id/signet/internal/errdefs"
)

// signInTimeout is how long a person may take in their browser.
const signInTimeout = 10 * time.Minute

func (c *CLI) loginCommand() *cobra.Command {
	var noBrowser bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to administer a server",
		Long: `Opens the server's sign-in page in your browser and waits until you come back. The commands
then act as you, in the organization that you signed in to: in "signet" they administer the whole
installation, in any other that one alone.

What they need for it is kept in the signet directory of your configuration directory, readable by
you alone. You can be signed in to several servers and organizations; the last one is used unless
--server or --organization say otherwise.

A script needs no sign-in: give it ` + EnvURL + ` with ` + EnvClientID + ` and
` + EnvClientSecret + ` (or ` + EnvSecretFile + `) of a client that has the
audience urn:signet:admin, or with an access token in ` + EnvToken + `.`,
		Example: `  signet login --server https://id.example.com
  signet login --server https://id.example.com --organization acme
  signet login --no-browser          print the address and open nothing`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.login(cmd.Context(), noBrowser) },
	}
	cmd.Flags().BoolVar(&noBrowser, "no-browser", false, "only print the address to open")
	return cmd
}

func (c *CLI) login(ctx context.Context, noBrowser bool) error {
	file, err := c.credentials()
	if err != nil {
		return err
	}
	server := or(c.server, c.getenv(EnvURL))
	if server == "" {
		all, err := file.Read()
		if err != nil {
			return err
		}
		if all.Current < 0 {
			return errdefs.Say(errdefs.ErrInvalid, nil, "name the server to sign in to: signet login --server https://id.example.com")
		}
		server = all.All[all.Current].Server
	}
	waiting, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	account, err := login.SignIn{
		Server: server, Organization: or(c.organization, c.getenv(EnvOrganization)), Client: httpClient(), Now: c.Now,
		Show: func(address string) {
			fmt.Fprintf(c.Stderr, "Open this address in a browser of this machine to sign in:\n\n  %s\n\n", address)
			if !noBrowser && c.Open != nil {
				if err := c.Open(waiting, address); err != nil {
					fmt.Fprintf(c.Stderr, "No browser could be opened (%v).\n", err)
				}
			}
		},
	}.Run(waiting)
	if err != nil {
		return err
	}
	replaced, existed, err := file.Save(ctx, account)
	if err != nil {
		return err
	}
	if existed { // its grant would live on with nobody to use it
		if err := login.Revoke(ctx, httpClient(), replaced); err != nil {
			fmt.Fprintf(c.Stderr, "The sign-in before this one could not be ended: %v\n", err)
		}
	}
	c.say("Signed in to %s as %s%s.", account.Server, or(account.Email, account.Subject), in(account.Organization))
	return nil
}

func in(organization string) string {
	if organization == "" {
		return ""
	}
	return " in " + organization
}

func (c *CLI) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End the sign-in and forget its tokens",
		Long: `Has the server end what signet login began, with every token that came of it, and forgets it
here. Your session in the browser goes on.`,
		Example: `  signet logout
  signet logout --server https://id.example.com --organization acme`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.logout(cmd.Context()) },
	}
}

func (c *CLI) logout(ctx context.Context) error {
	file, err := c.credentials()
	if err != nil {
		return err
	}
	all, err := file.Read()
	if err != nil {
		return err
	}
	server := or(c.server, c.getenv(EnvURL))
	if server != "" {
		if server, err = login.CheckServer(server); err != nil {
			return err
		}
	}
	a, err := all.Find(server, or(c.organization, c.getenv(EnvOrganization)))
	if err != nil {
		return err
	}
	revoked := login.Revoke(ctx, httpClient(), a)
	if err := file.Remove(ctx, a); err != nil {
		return err
	}
	if revoked != nil {
		return errdefs.Say(errdefs.ErrUnavailable, revoked, "forgotten here, but the server could not be told (%v): end the grant of signet-cli there", revoked)
	}
	c.say("Signed out of %s%s.", a.Server, in(a.Organization))
	return nil
}

func (c *CLI) whoamiCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say who the commands act as, and where",
		Example: `  signet whoami
  signet whoami --all                every server and organization that you are signed in to`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return c.accounts()
			}
			return c.explain(c.whoami(cmd.Context()))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list every sign-in of this file")
	return prints(cmd)
}

// identity is what whoami says to programs.
type identity struct {
	Server       string `json:"server"`
	Organization string `json:"organization,omitzero"`
	Name         string `json:"name,omitzero"`
	Email        string `json:"email,omitzero"`
	Subject      string `json:"subject,omitzero"`
	By           string `json:"by"` // sign-in, token or client
	Current      bool   `json:"current,omitzero"`

	Permissions []string `json:"permissions,omitzero"`
}

// whoami asks the server, which alone knows what the caller may do by now.
func (c *CLI) whoami(ctx context.Context) error {
	who, err := c.caller()
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	me, err := api.GetMe(ctx)
	if err != nil {
		return err
	}
	i := identity{Server: who.server, By: "client", Subject: me.ClientID, Permissions: me.Permissions}
	switch {
	case who.account != nil:
		i.By = "sign-in"
	case who.name == EnvToken:
		i.By = "token"
	}
	if me.User != nil {
		i.Subject, i.Name, i.Email = me.User.ID, me.User.Name, me.User.Email
	}
	if me.Tenant != nil {
		i.Organization = me.Tenant.Slug
	}
	scope := "this organization"
	if me.Installation {
		scope = "the whole installation"
	}
	return c.show(i, field{"server", i.Server}, field{"organization", i.Organization}, field{"name", i.Name},
		field{"e-mail", i.Email}, field{"subject", i.Subject}, field{"by", i.By},
		field{"administers", scope}, field{"permissions", lines(i.Permissions)})
}

func identityOf(a login.Account, current bool) identity {
	return identity{Server: a.Server, Organization: a.Organization, Name: a.Name, Email: a.Email, Subject: a.Subject, By: "sign-in", Current: current}
}

func (c *CLI) accounts() error {
	file, err := c.credentials()
	if err != nil {
		return err
	}
	all, err := file.Read()
	if err != nil {
		return err
	}
	items := func(yield func(identity, error) bool) {
		for i, a := range all.All {
			if !yield(identityOf(a, i == all.Current), nil) {
				return
			}
		}
	}
	return list(c, items,
		column[identity]{"", func(i identity) string { return map[bool]string{true: "*"}[i.Current] }},
		column[identity]{"SERVER", func(i identity) string { return i.Server }},
		column[identity]{"ORGANIZATION", func(i identity) string { return i.Organization }},
		column[identity]{"WHO", func(i identity) string { return or(i.Email, i.Subject) }},
	)
}
