package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/config"
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
			defer tendMemory(cmd.Context(), p.environ)()
			out := telemetry.NewBatch(p.stderr)
			defer out.Close()
			return assemble(cmd.Context(), c, telemetry.NewLogger(out, c.Log.Level, c.Log.Format))
		},
	}
}

// assemble runs the service from its configuration until ctx ends.
func assemble(ctx context.Context, c config.Config, log *slog.Logger) error {
	return app.Run(ctx, app.Options{Config: c, Log: log, Build: build(), Now: time.Now})
}
