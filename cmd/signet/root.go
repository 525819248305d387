package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/cli"
	"github.com/signet-id/signet/internal/config"
)

// program is what every command may use of the world outside.
type program struct {
	environ        []string
	stdout, stderr io.Writer
	configFile     string
}

// commands is the visible list: one function, one file each.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.devCommand(),
		p.serveCommand(),
		p.migrateCommand(),
		p.bootstrapCommand(),
		p.configCommand(),
		p.healthcheckCommand(),
		p.versionCommand(),
	}
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "signet",
		Short: "One identity service for all of your applications",
		Long: `Signet signs people in and issues the tokens that your services verify by themselves:
an OAuth 2 and OpenID Connect authorization server that needs nothing but PostgreSQL.`,
		Example: `  signet dev                         try it, with demo people and demo applications
  signet serve --config signet.yaml  run in production
  signet config check                find out what is missing from the configuration
  signet migrate                     bring the database up to date before an upgrade
  signet login                       sign in to administer a server from here
  signet tenant list                 look after tenants, people, roles and clients
  signet apply -f company.yaml       have them as a file says`,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misuse(cmd, err) })
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run a server:"}, &cobra.Group{ID: "administer", Title: "Administer one:"})
	for _, cmd := range p.commands() {
		cmd.GroupID = "run"
		cmd.PersistentFlags().StringVarP(&p.configFile, "config", "c", p.getenv(config.FileVariable),
			"YAML `file` with settings; the environment wins over it ("+config.FileVariable+")")
		root.AddCommand(cmd)
	}
	for _, cmd := range p.administration().Commands() {
		cmd.GroupID = "administer"
		root.AddCommand(cmd)
	}
	return root
}

func (p *program) execute(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var wrong usageError
	var misused cli.Misuse
	switch {
	case err == nil:
		return 0
	case errors.Is(err, cli.ErrChangesPending):
		return 3
	case errors.As(err, &wrong), errors.As(err, &misused), strings.HasPrefix(err.Error(), "unknown command"):
		p.complain(err)
		return 2
	}
	p.complain(err)
	return 1
}

// harmless replaces what a terminal would obey instead of show: errors repeat what servers say.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return '\ufffd'
		}
		return r
	}, s)
}

// complain prints an error for people: one line, or one for each configuration fault.
func (p *program) complain(err error) {
	faults := config.Faults(err)
	if len(faults) == 0 {
		fmt.Fprintf(p.stderr, "signet: %s\n", harmless(err.Error()))
		return
	}
	fmt.Fprintf(p.stderr, "signet: the configuration has %s:\n", count(len(faults), "fault"))
	for _, f := range faults {
		fmt.Fprintf(p.stderr, "  - %v\n", f)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (p *program) getenv(name string) string {
	for _, kv := range p.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// load reads the configuration for a command.
func (p *program) load(purpose config.Purpose) (config.Config, error) {
	return config.Load(config.Source{File: p.configFile, Environ: p.environ}, purpose)
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func misuse(cmd *cobra.Command, err error) error {
	return usageError{fmt.Errorf("%w\nTry: %s --help", err, cmd.CommandPath())}
}

// noArgs refuses arguments with a hint.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse(cmd, fmt.Errorf("unexpected argument %q", args[0]))
	}
	return nil
}
