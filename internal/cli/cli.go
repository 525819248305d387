// Package cli is the administrator's command line: one file for each noun of the administration,
// over its API and nothing else.
//
//	cli.go          what every command shares: flags, environment, the client
//	signin.go       login, logout, whoami
//	output.go       tables and JSON
//	explain.go      errors for people
//	ask.go          confirmation
//	tenants.go, …   a file per noun
//	import.go       people from another system, over package importjob
//	apply.go        apply and export, over package manifest
//
// It takes the environment, the clock and the terminal as values, so that a test runs it as
// cmd/signet does.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/cli/login"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

// The variables of the environment. Flags win over them, they win over who is signed in.
const (
	EnvURL          = "SIGNET_URL"
	EnvOrganization = "SIGNET_ORGANIZATION"
	EnvToken        = "SIGNET_TOKEN"
	EnvClientID     = "SIGNET_CLIENT_ID"
	EnvClientSecret = "SIGNET_CLIENT_SECRET"
	EnvSecretFile   = "SIGNET_CLIENT_SECRET_FILE"
	EnvCredentials  = "SIGNET_CREDENTIALS"
)

// requestTimeout bounds one call of the server.
const requestTimeout = time.Minute

// CLI is what the commands may use of the world outside.
type CLI struct {
	Environ        []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Interactive    bool // a person is at the terminal to be asked
	// Hidden reads a line from the terminal without showing it; nil where there is none.
	Hidden   func() (string, error)
	Colour   bool // Stdout shows colours
	Progress bool // Stderr shows how far something is
	Now      func() time.Time
	Open     func(ctx context.Context, address string) error // opens a browser
	Version  string

	server, organization, format string
	yes                          bool
}

// Commands returns the commands, for the root of the program.
func (c *CLI) Commands() []*cobra.Command {
	nouns := []*cobra.Command{
		c.loginCommand(), c.logoutCommand(), c.whoamiCommand(),
		c.tenantCommand(),
		c.userCommand(),
		c.memberCommand(),
		c.roleCommand(),
		c.roleTemplateCommand(),
		c.invitationCommand(),
		c.resourceServerCommand(),
		c.clientCommand(),
		c.connectorCommand(),
		c.domainCommand(),
		c.tokenCommand(),
		c.grantCommand(),
		c.sessionCommand(),
		c.importCommand(),
		c.applyCommand(),
		c.exportCommand(),
		c.keysCommand(),
		c.auditCommand(),
	}
	for _, cmd := range nouns {
		f := cmd.PersistentFlags()
		f.StringVar(&c.server, "server", "", "`URL` of the server ("+EnvURL+"; else the one you signed in to last)")
		f.StringVar(&c.organization, "organization", "", "`slug` of the organization that you act in ("+EnvOrganization+")")
		c.flags(cmd)
	}
	return nouns
}

// flags adds what marks ask for, to a command and all below it.
func (c *CLI) flags(cmd *cobra.Command) {
	if cmd.Annotations[printing] != "" {
		cmd.Flags().StringVarP(&c.format, "output", "o", "table", "`format`: table, or json for programs")
		_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	}
	if cmd.Annotations[asking] != "" {
		cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do not ask")
	}
	for _, sub := range cmd.Commands() {
		c.flags(sub)
	}
}

// The marks of commands that print a result, and of those that ask before they do something.
const (
	printing = "signet-prints"
	asking   = "signet-asks"
)

func prints(cmd *cobra.Command) *cobra.Command { return mark(cmd, printing) }
func asks(cmd *cobra.Command) *cobra.Command   { return mark(cmd, asking) }

func mark(cmd *cobra.Command, with string) *cobra.Command {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[with] = "yes"
	return cmd
}

// noun returns the command of a noun, which only teaches.
func noun(use, short, long, example string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// A verb that there is not comes with flags that the noun does not know: the verb is what is wrong.
	cmd.SetFlagErrorFunc(func(at *cobra.Command, err error) error {
		if verbs := at.Flags().Args(); at == cmd && len(verbs) > 0 {
			return exactly()(at, verbs)
		}
		return misuse(at, err)
	})
	cmd.AddCommand(subs...)
	return cmd
}

func (c *CLI) getenv(name string) string {
	for _, kv := range c.Environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// credentials is the file of who is signed in.
func (c *CLI) credentials() (login.File, error) {
	if path := c.getenv(EnvCredentials); path != "" {
		return login.File{Path: path}, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return login.File{}, errdefs.Say(errdefs.ErrInvalid, err, "there is no directory for your sign-ins (%v): set %s to a file", err, EnvCredentials)
	}
	return login.File{Path: filepath.Join(dir, "signet", "credentials.json")}, nil
}

// httpClient sends every request of the commands. It follows no redirect: they carry tokens.
func httpClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// caller is whoever the commands act for.
type caller struct {
	server, organization string
	name                 string // for messages
	account              *login.Account
	token                func(ctx context.Context, rejected string) (string, error)
}

// caller finds out who acts: a token, a client's credentials, or the person who is signed in.
func (c *CLI) caller() (caller, error) {
	server := or(c.server, c.getenv(EnvURL))
	organization := or(c.organization, c.getenv(EnvOrganization))
	if server != "" {
		var err error
		if server, err = login.CheckServer(server); err != nil {
			return caller{}, err
		}
	}
	token, id := c.getenv(EnvToken), c.getenv(EnvClientID)
	if token != "" || id != "" {
		if server == "" {
			return caller{}, errdefs.Say(errdefs.ErrInvalid, nil, "set %s to the server that %s is for, or use --server", EnvURL, map[bool]string{true: EnvToken, false: EnvClientID}[token != ""])
		}
		if token != "" {
			return caller{server: server, organization: organization, name: EnvToken, token: adminclient.StaticToken(token)}, nil
		}
		return c.machine(server, organization, id)
	}
	file, err := c.credentials()
	if err != nil {
		return caller{}, err
	}
	all, err := file.Read()
	if err != nil {
		return caller{}, err
	}
	a, err := all.Find(server, organization)
	if err != nil {
		return caller{}, err
	}
	return caller{
		server: a.Server, organization: a.Organization, name: or(a.Email, a.Subject), account: &a,
		token: file.Source(a, httpClient(), c.Now).Token,
	}, nil
}

func (c *CLI) machine(server, organization, id string) (caller, error) {
	secret, file := c.getenv(EnvClientSecret), c.getenv(EnvSecretFile)
	switch {
	case secret != "" && file != "":
		return caller{}, errdefs.Say(errdefs.ErrInvalid, nil, "set %s or %s, not both", EnvClientSecret, EnvSecretFile)
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return caller{}, fmt.Errorf("%s: %w", EnvSecretFile, err)
		}
		secret = strings.TrimRight(string(b), "\r\n")
	}
	if secret == "" {
		return caller{}, errdefs.Say(errdefs.ErrInvalid, nil, "%s is set: set %s or %s too", EnvClientID, EnvClientSecret, EnvSecretFile)
	}
	token, err := adminclient.ClientCredentials(adminclient.Machine{
		Issuer: server, ClientID: id, ClientSecret: secret, HTTPClient: httpClient(), Now: c.Now,
	})
	return caller{server: server, organization: organization, name: id, token: token}, err
}

// client returns a client of the administration for whoever acts.
func (c *CLI) client() (*adminclient.Client, error) {
	who, err := c.caller()
	if err != nil {
		return nil, err
	}
	return &adminclient.Client{BaseURL: who.server, Token: who.token, HTTPClient: httpClient(), UserAgent: "signet/" + or(c.Version, "devel")}, nil
}

// run is the shape of most commands: a client, something done with it, an error explained.
func (c *CLI) run(do func(ctx context.Context, api *adminclient.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if c.format != "" && c.format != "table" && c.format != "json" {
			return misuse(cmd, fmt.Errorf("--output %s: use table or json", c.format))
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		return c.explain(do(cmd.Context(), api, args))
	}
}

// Misuse is a command line that makes no sense.
type Misuse struct{ error }

// Unwrap returns what is wrong.
func (m Misuse) Unwrap() error { return m.error }

func misuse(cmd *cobra.Command, err error) error {
	return Misuse{fmt.Errorf("%w\nTry: %s --help", err, cmd.CommandPath())}
}

// exactly refuses any other number of arguments, and names what is missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return misuse(cmd, fmt.Errorf("name the %s", names[len(args)]))
		case len(args) > len(names):
			return misuse(cmd, fmt.Errorf("unexpected argument %q", args[len(names)]))
		}
		return nil
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

var errNothingToChange = errors.New("nothing to change: give at least one flag")
