package main

import (
	"os"
	"time"

	"golang.org/x/term"

	"github.com/signet-id/signet/internal/cli"
)

// administration is the commands that administer a running server, wherever it is.
func (p *program) administration() *cli.CLI {
	return &cli.CLI{
		Environ: p.environ, Stdin: os.Stdin, Stdout: p.stdout, Stderr: p.stderr,
		Interactive: terminal(os.Stdin) && terminal(p.stderr), Colour: p.colour(), Progress: terminal(p.stderr),
		Hidden: func() (string, error) {
			b, err := term.ReadPassword(int(os.Stdin.Fd()))
			return string(b), err
		},
		Now: time.Now, Open: cli.OpenBrowser(p.getenv), Version: build().Version,
	}
}
