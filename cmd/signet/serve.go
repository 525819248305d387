package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the identity service",
		Long: `Serves the public endpoints on one listener and /healthz, /readyz and /metrics on another.
Needs PostgreSQL, an issuer URL and a master key; any number of replicas may share one
database. On SIGTERM it stops accepting work, finishes requests in flight and exits.`,
		Example: `  export SIGNET_ISSUER=https://id.example.com
  export DATABASE_URL=postgres://signet:password@db:5432/signet
  export SIGNET_KEYS_MASTER_FILE=/run/secrets/signet-master-key
  signet migrate && signet serve`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(config.Serve)
			if err != nil {
				return err
			}
			return assemble(cmd.Context(), c, telemetry.NewLogger(p.stderr, c.Log.Level, c.Log.Format))
		},
	}
}

// assemble builds the service from its configuration and serves until ctx ends. This is the
// one place where `signet serve` is wired together: stores, issuer and pages join here.
func assemble(ctx context.Context, c config.Config, log *slog.Logger) error {
	sc := server.FromConfig(c)
	sc.Metrics = telemetry.NewMetrics(build())
	sc.Log = log
	s, err := server.New(sc)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
