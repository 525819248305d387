// Command bench measures Signet as its users meet it: the real server in a process of its own,
// a real PostgreSQL, requests over loopback. Beside each figure it puts, from the same run, what
// could be reached at all.
//
// main.go is the command line, run.go one run, stage.go what it runs on, growth.go the same
// scenarios on little and on much data.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/ceiling"
	"github.com/signet-id/signet/bench/internal/rig"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // when `| head` has seen enough, what was started is still to be ended
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	o := defaults()
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure Signet, and what could be reached at all",
		Long: `Builds the server, starts it on a core of its own against a PostgreSQL of its own, and drives
it over loopback with keep-alive connections, each of which sends its next request as soon as
the last was answered. Every answer is checked.

Next to each scenario it measures a ceiling: a bare net/http server, on the same core, with
the same requests and answers as large, that does nothing but what no server could leave out
(signatures, and for refresh and code the product's own database statement). The ratio of the
two is what to compare; the absolute figures belong to the machine and the moment.

Without --scenario it ends with a live run in which the signing keys change every few seconds
(bench rotation), and fails when pkg/verify refuses a good token in it.

Everything it starts and stores is gone afterwards.`,
		Example: `  bench                                          everything, in some minutes
  bench --scenario client_credentials,refresh    two of them
  bench --json run.json --markdown run.md        keep the figures
  bench --scenario refresh --profile cpu.out     a CPU profile of the server (go tool pprof cpu.out)
  bench growth --users 100000                    how cost grows with the data
  bench load --database postgres://… --users 1000000   fill a database that has the schema`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		PreRunE: func(*cobra.Command, []string) error { return o.isolate() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.flags(cmd.Flags())
	cmd.Flags().StringVar(&o.profile, "profile", "", "write a CPU profile of the server under the one --scenario to `file`")
	cmd.Flags().BoolVar(&o.noCeiling, "no-ceiling", false, "measure the server alone")
	cmd.Flags().BoolVar(&o.noRotation, "no-rotation", false, "leave out the rotation of keys (bench rotation)")
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(growthCommand(), listsCommand(), weightCommand(), upstreamCommand(), importCommand(), rotationCommand(), loadCommand(), ceilingCommand())
	return cmd
}

// ceilingCommand is what the process that plays the ceiling runs.
func ceilingCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ceiling", Hidden: true, Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return ceiling.Run(cmd.Context(), os.Stdin, os.Stdout) },
	}
}

// isolate leaves a core to the server.
func (o *options) isolate() (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if o.core, err = rig.Isolate(); err == nil && o.core < 0 {
		fmt.Fprintln(os.Stderr, "bench: the server gets no core of its own on this machine; expect figures that vary")
	}
	return err
}
