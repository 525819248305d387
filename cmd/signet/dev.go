package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signet-id/signet/internal/dev"
	"github.com/signet-id/signet/internal/secret"
)

// devDataVariable names the data directory of `signet dev`.
const devDataVariable = "SIGNET_DEV_DATA"

func (p *program) devCommand() *cobra.Command {
	var (
		dataDir, databaseURL string
		ports                dev.Ports
	)
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try it: a server with a database, demo people and demo applications",
		Long: `Starts a private PostgreSQL, the identity service, a demo frontend and a demo orders
service, with organizations, people and clients of every kind to try, and prints where
everything is. Mail is not delivered but shown on a page. One of the organizations, Partner Inc,
signs its people in itself: a second identity service with a database of its own plays that part.
Scripts read the same from dev.json in the data directory.

Ctrl-C stops all of it and keeps the data; a second Ctrl-C does not wait. Settings of
signet serve are taken from the environment (SIGNET_TOKENS_ACCESS_TTL=1m signet dev). Not for
production: passwords are public and it listens on this machine only.`,
		Example: `  signet dev
  signet dev --port 0 --ops-port 0 --frontend-port 0 --orders-port 0 --mail-port 0 --partner-port 0
  signet dev forget                  begin anew the next time`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dev.Run(cmd.Context(), dev.Options{
				DataDir: dataDir, Ports: ports, DatabaseURL: secret.New(databaseURL), Environ: p.environ,
				Stdout: p.stdout, Stderr: p.stderr, Colour: p.colour(), Build: build(), Now: time.Now,
			})
		},
	}
	directory := p.getenv(devDataVariable)
	if directory == "" {
		directory = filepath.Join(".signet", "dev")
	}
	cmd.PersistentFlags().StringVar(&dataDir, "data-dir", directory, "`directory` for the database, keys, log and dev.json ("+devDataVariable+")")
	f := cmd.Flags()
	f.IntVar(&ports.Issuer, "port", 8080, "port of the identity service; 0 picks a free one, here and below")
	f.IntVar(&ports.Ops, "ops-port", 9090, "port of health and metrics")
	f.IntVar(&ports.Frontend, "frontend-port", 8081, "port of the demo frontend")
	f.IntVar(&ports.Orders, "orders-port", 8082, "port of the demo orders service")
	f.IntVar(&ports.Mail, "mail-port", 8025, "port of the page that shows all mail")
	f.IntVar(&ports.Partner, "partner-port", 8083, "port of the identity service of Partner Inc")
	f.StringVar(&databaseURL, "database-url", "", "use the PostgreSQL at this `URL` instead of a private one")
	cmd.AddCommand(p.devForgetCommand(&dataDir))
	return cmd
}

func (p *program) devForgetCommand(dataDir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "forget",
		Short: "Remove the database, keys, log and dev.json of signet dev",
		Long: `Removes what signet dev made in its data directory, and the private PostgreSQL's files
wherever they are kept (run as root that may be outside). Anything else in the directory stays,
and so do databases at --database-url, that of Partner Inc included.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, existed, err := dev.Forget(*dataDir)
			if err != nil {
				return err
			}
			said := "Forgot the database, keys, log and dev.json of " + dir + "."
			if !existed {
				said = "Nothing to forget in " + dir + "."
			}
			_, err = fmt.Fprintln(p.stdout, said)
			return err
		},
	}
}

// colour reports whether standard output is a terminal whose user has not declined colour
// (no-color.org).
func (p *program) colour() bool {
	return terminal(p.stdout) && p.getenv("NO_COLOR") == "" && !dumb(p.getenv("TERM"))
}

func dumb(term string) bool { return term == "" || strings.EqualFold(term, "dumb") }

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
