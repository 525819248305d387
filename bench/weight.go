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
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
)

// weighed is how many light and how many heavy people take turns.
const weighed = 300

func weightCommand() *cobra.Command {
	o := defaults()
	o.size = fill.Size{Users: 2_000, Families: 40_000, Tenants: 60}
	o.scenarios = []string{"refresh", "code"}
	cmd := &cobra.Command{
		Use:   "weight",
		Short: "Measure tokens of people who have little and of people who have much",
		Long: fmt.Sprintf(`Issues tokens, in turns, for people with one membership, one role and one permission, and for
people with %d memberships, %d roles and %d permissions. The second may cost at most %.1f times
the first.`, fill.HeavyMemberships, fill.HeavyRoles, fill.HeavyPermissions, report.WeightLimit),
		Example: `  bench weight
  bench weight --scenario refresh --duration 20s --rounds 4`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error { return o.isolate() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return weigh(cmd.Context(), o) },
	}
	o.flags(cmd.Flags())
	return cmd
}

// weigh is the whole of `bench weight`.
func weigh(ctx context.Context, o *options) (err error) {
	bar := progress.New(os.Stderr)
	o.noCeiling = true
	began := time.Now()
	s, err := newStage(ctx, o, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	light, heavy, err := fill.Weigh(ctx, s.db.URL, s.env.Set, weighed)
	if err != nil {
		return err
	}
	r := report.Growth{
		Limit: report.WeightLimit, Much: "heavy", Date: time.Now(), Machine: rig.Look(ctx, o.source),
		Settings: s.settings(), PostgreSQL: s.postgresql(),
	}
	bytes, err := s.databaseSize(ctx)
	if err != nil {
		return err
	}
	r.Sizes = []report.Sized{{Data: o.size, DatabaseBytes: bytes, LoadSeconds: time.Since(began).Seconds()}}
	for _, sc := range o.selected {
		var sides [2]*contestant
		for i, people := range [][]fill.Member{light, heavy} {
			s.env.Cast = &scenario.Cast{Members: people, Families: s.env.Set.FamiliesOf(people)}
			if sides[i], err = s.contestant(ctx, sc); err != nil {
				return fmt.Errorf("%s: %w", sc.Title, err)
			}
		}
		row, err := s.sideBySide(ctx, sc.Name, sc.Title, sides[0], sides[1])
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, row)
	}
	return o.publish(r)
}
