package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
)

func rotationCommand() *cobra.Command {
	o, r := defaults(), rotationDefaults()
	cmd := &cobra.Command{
		Use:   "rotation",
		Short: "Change the signing keys every few seconds and count the good tokens that verifiers refuse",
		Long: `Runs three replicas behind a balancer with a schedule whose lead is exactly at its bound and
whose period is six seconds. Clients fetch tokens from each replica all the time, and
services verify them, at once, later, and just before they expire: with pkg/verify, and with other
libraries as their documentation sets them up. Meanwhile a replica is killed and started again, and
PostgreSQL is stopped once and crashes once, each time across a planned activation.

Then the key that signs is stolen, as somebody would do it who has the database and the master key;
an administrator revokes it, and it is counted how long each library goes on to accept a forged token.

It fails when pkg/verify refuses a good token, or accepts the stolen key too long. What other libraries do is
printed.`,
		Example: `  bench rotation
  bench rotation --rotations 5 --json rotation.json`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error {
			o.core = -1 // nothing here is about microseconds
			return o.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := rotation(cmd.Context(), o, r)
			if len(result.Libraries) == 0 {
				return err
			}
			// When the drill failed, what was found before it still counts.
			result.Text(os.Stdout, progress.IsTerminal(os.Stdout))
			return errors.Join(
				err,
				write(o.json, result.JSON),
				write(o.markdown, func(w io.Writer) error { result.Markdown(w); return nil }),
				fault(result),
			)
		},
	}
	f := cmd.Flags()
	f.IntVar(&r.wanted, "rotations", r.wanted, "how often the keys of each algorithm have to change")
	f.BoolVar(&r.noDrill, "no-drill", false, "steal no key")
	f.StringVar(&o.source, "source", "", "`directory` of the checkout to build the server from; around the working directory without")
	f.StringVar(&o.binary, "signet", "", "run this `binary` instead of building one")
	f.StringVar(&o.json, "json", "", "write all figures to `file`")
	f.StringVar(&o.markdown, "markdown", "", "write the tables as Markdown to `file`")
	return cmd
}

// rotationOptions are what a run of the rotation is asked for.
type rotationOptions struct {
	wanted  int
	noDrill bool
}

func rotationDefaults() *rotationOptions { return &rotationOptions{wanted: 20} }

// fault is an error that says what must not happen and did.
func fault(r report.Rotation) error {
	if faults := r.Faults(); len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}
