package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
)

// growthScenarios are those that ask the database, and one that must not.
func growthScenarios() []string {
	return []string{"client_credentials", "refresh", "code", "introspect_first", "userinfo_first"}
}

func growthCommand() *cobra.Command {
	o := defaults()
	small := o.size
	o.size = fill.Size{Users: 1_000_000, Families: 10_000_000, Tenants: 10_000}
	o.scenarios, o.warmup = growthScenarios(), 6*time.Second
	cmd := &cobra.Command{
		Use:   "growth",
		Short: "Measure the same scenarios with little and with much data",
		Long: fmt.Sprintf(`Fills two databases, one with %d people and one with as many as asked for, starts a server
on each, and measures them in turns. Both servers act for people and families that are spread
evenly over all there are. What an operation costs must not grow with the data: the aim is at
most %.1f times.

The full size needs about 14 GB of disk while it runs and some minutes of loading.`, small.Users, report.GrowthLimit),
		Example: `  bench growth
  bench growth --users 100000 --families 1000000 --tenants 1000`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error { return o.isolate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return grow(cmd.Context(), o, small, report.Growth{Limit: report.GrowthLimit, Much: "with much"})
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// listsCommand is growth for the lists of the administration.
func listsCommand() *cobra.Command {
	o := defaults()
	small := fill.Size{Users: 10_000, Families: 10_000, Tenants: 100}
	o.size = fill.Size{Users: 1_000_000, Families: 1_000_000, Tenants: 10_000}
	for _, s := range scenario.Lists() {
		o.scenarios = append(o.scenarios, s.Name)
	}
	cmd := &cobra.Command{
		Use:   "lists",
		Short: "Measure the lists of the administration with little and with much data",
		Long: fmt.Sprintf(`Fills two databases, one with %d people in %d tenants and one with as many as asked for, and reads
the lists of the administration on both, page by page, in turns. The p99 of a page with much data
may be at most %.0f times the one with little.`, small.Users, small.Tenants, report.PageLimit),
		Example: `  bench lists
  bench lists --scenario list_users --users 100000 --tenants 1000`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error { return o.isolate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return grow(cmd.Context(), o, small, report.Growth{Limit: report.PageLimit, P99: true, Much: "with much"})
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// grow is the whole of `bench growth`; r says how it is judged.
func grow(ctx context.Context, o *options, small fill.Size, r report.Growth) (err error) {
	bar := progress.New(os.Stderr)
	var stages []*stage
	defer func() {
		for _, s := range stages {
			err = errors.Join(err, s.close())
		}
	}()
	r.Date, r.Machine = time.Now(), rig.Look(ctx, o.source)
	for _, size := range []fill.Size{small, o.size} {
		one := *o
		one.size, one.noCeiling = size, true
		began := time.Now()
		s, err := newStage(ctx, &one, bar)
		if err != nil {
			return fmt.Errorf("with %d people: %w", size.Users, err)
		}
		stages = append(stages, s)
		bytes, err := s.databaseSize(ctx)
		if err != nil {
			return err
		}
		r.Sizes = append(r.Sizes, report.Sized{Data: size, DatabaseBytes: bytes, LoadSeconds: time.Since(began).Seconds()})
	}
	r.Settings, r.PostgreSQL = stages[1].settings(), stages[1].postgresql()
	for _, sc := range o.selected {
		row, err := inTurns(ctx, stages, sc)
		if err != nil {
			return fmt.Errorf("%s: %w", sc.Title, err)
		}
		r.Rows = append(r.Rows, row)
	}
	return o.publish(r)
}

// inTurns measures a scenario on both stages, round by round.
func inTurns(ctx context.Context, stages []*stage, sc scenario.Scenario) (report.GrowthRow, error) {
	row := report.GrowthRow{Name: sc.Name, Title: sc.Title}
	contestants := make([]*contestant, len(stages))
	for i, s := range stages {
		c, err := s.contestant(ctx, sc)
		if err != nil {
			return row, err
		}
		c.title = fmt.Sprintf("%s, %d people", sc.Title, s.o.size.Users)
		contestants[i] = c
	}
	for range stages[0].o.rounds {
		for i, s := range stages {
			if err := s.round(ctx, contestants[i]); err != nil {
				return row, s.explain(err)
			}
		}
	}
	row.Small, row.Large = contestants[0].total.figures(), contestants[1].total.figures()
	return row, nil
}

// sideBySide measures two contestants on one stage, round by round.
func (s *stage) sideBySide(ctx context.Context, name, title string, small, large *contestant) (report.GrowthRow, error) {
	row := report.GrowthRow{Name: name, Title: title}
	for range s.o.rounds {
		for _, side := range []*contestant{small, large} {
			if err := s.round(ctx, side); err != nil {
				return row, s.explain(err)
			}
		}
	}
	row.Small, row.Large = small.total.figures(), large.total.figures()
	return row, nil
}

// publish writes what was measured to the terminal, and to the files that were asked for.
func (o *options) publish(r report.Growth) error {
	r.Text(os.Stdout, progress.IsTerminal(os.Stdout))
	return errors.Join(
		write(o.json, r.JSON),
		write(o.markdown, func(w io.Writer) error { r.Markdown(w); return nil }),
	)
}
