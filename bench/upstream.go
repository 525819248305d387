package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/provider"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
)

func upstreamCommand() *cobra.Command {
	o := defaults()
	o.scenarios = []string{"sign_in", "sign_in_upstream"}
	cmd := &cobra.Command{
		Use:   "upstream",
		Short: "Measure signing in through another provider beside signing in with a password",
		Long: fmt.Sprintf(`Signs people in, in turns, with their password and through an identity provider, which runs in
this program, off the server's core, and answers at once. What one costs beside the other is
the processor time of server and database: the provider's is not in it. A sign-in through a
provider may cost at most %.1f times what one with a password does.`, report.UpstreamLimit),
		Example: `  bench upstream
  bench upstream --duration 20s --rounds 4`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error { return o.isolate() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return throughProvider(cmd.Context(), o) },
	}
	o.flags(cmd.Flags())
	return cmd
}

// throughProvider is the whole of `bench upstream`.
func throughProvider(ctx context.Context, o *options) (err error) {
	bar := progress.New(os.Stderr)
	o.noCeiling = true
	began := time.Now()
	p, err := provider.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	o.settings = p.Settings()
	s, err := newStage(ctx, o, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := fill.Link(ctx, s.db.URL, provider.Slug, p.Issuer); err != nil {
		return err
	}
	r := report.Growth{
		Limit: report.UpstreamLimit, Much: "provider", Date: time.Now(), Machine: rig.Look(ctx, o.source),
		Settings: s.settings(), PostgreSQL: s.postgresql(),
	}
	bytes, err := s.databaseSize(ctx)
	if err != nil {
		return err
	}
	r.Sizes = []report.Sized{{Data: o.size, DatabaseBytes: bytes, LoadSeconds: time.Since(began).Seconds()}}
	var sides [2]*contestant
	for i, sc := range scenario.SignIns() {
		if sides[i], err = s.contestant(ctx, sc); err != nil {
			return fmt.Errorf("%s: %w", sc.Title, err)
		}
	}
	row, err := s.sideBySide(ctx, "sign_in", "sign-in", sides[0], sides[1])
	if err != nil {
		return err
	}
	r.Rows = append(r.Rows, row)
	return o.publish(r)
}
