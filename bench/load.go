package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
)

// loadCommand fills a database.
func loadCommand() *cobra.Command {
	var url string
	size := fill.Size{Users: 1_000_000, Families: 10_000_000, Tenants: 10_000}
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Fill a database with people, sessions and refresh families",
		Long: `Streams rows into an empty database that has the schema (signet migrate), with COPY: tenants
with roles, people with a password, a membership or two and a session, refresh families, audit
events. Everything is valid: everybody's password is "` + fill.Password + `".

Memory does not grow with the data. Indexes that no constraint needs are dropped and made again.`,
		Example: `  bench load --database postgres://signet@localhost/empty --users 1000000 --families 10000000 --tenants 10000`,
		Args:    cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url == "" {
				return errors.New("name the database with --database postgres://…")
			}
			set, began := fill.Set{Size: size, Began: time.Now().UTC()}, time.Now()
			bar, total := progress.New(os.Stderr), float64(set.Rows())
			err := fill.Load(cmd.Context(), url, set, func(rows int64, table string) {
				bar.Show("fill "+table, float64(rows), total, fmt.Sprintf("%d rows", rows))
			})
			bar.Clear()
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%d rows in %s\n", set.Rows(), time.Since(began).Round(time.Second))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "database", "", "connection `URL`")
	f.IntVar(&size.Users, "users", size.Users, "people")
	f.IntVar(&size.Families, "families", size.Families, "refresh families")
	f.IntVar(&size.Tenants, "tenants", size.Tenants, "tenants")
	return cmd
}
