package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/telemetry"
)

func (p *program) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to date",
		Long: `Applies the migrations of this version that the database lacks. Run it before starting the
new version: each migration is safe while the previous version still serves. Several runs at
once take turns; a run with nothing to do changes nothing.`,
		Example: `  DATABASE_URL=postgres://signet:password@db:5432/signet signet migrate
  signet migrate status --config signet.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(config.Migrate)
			if err != nil {
				return err
			}
			log := telemetry.NewLogger(p.stderr, c.Log.Level, c.Log.Format)
			n, err := postgres.Up(cmd.Context(), c.Database.URL, log)
			if err != nil {
				return err
			}
			if n == 0 {
				_, err = fmt.Fprintln(p.stdout, "The database is up to date.")
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "Applied %s.\n", count(n, "migration"))
			return err
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "status",
		Short: "List the migrations and whether the database has them",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(config.Migrate)
			if err != nil {
				return err
			}
			list, err := postgres.Status(cmd.Context(), c.Database.URL)
			if err != nil {
				return err
			}
			for _, m := range list {
				state := "pending"
				if !m.AppliedAt.IsZero() {
					state = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
				}
				if _, err := fmt.Fprintf(p.stdout, "%-40s %s\n", m.Name, state); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}
