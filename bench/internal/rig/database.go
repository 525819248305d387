package rig

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// Database is a PostgreSQL of its own with the schema of this checkout.
type Database struct {
	URL      string
	Version  string
	Settings []string
	server   *embeddedpg.Server
}

// Settings are what an operator would give a PostgreSQL of this size.
func Settings(commitsWait bool) []string {
	s := []string{
		"shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min",
		"maintenance_work_mem=512MB", "effective_cache_size=4GB", "random_page_cost=1.1",
	}
	if !commitsWait {
		s = append(s, "synchronous_commit=off")
	}
	return s
}

// StartDatabase starts PostgreSQL in dir, which ends with this process, and migrates it.
// commitsWait says whether a commit waits for the disk.
func StartDatabase(ctx context.Context, dir string, commitsWait bool) (*Database, error) {
	d := &Database{Settings: Settings(commitsWait)}
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir, Durable: true, Ephemeral: true, Settings: d.Settings})
	if err != nil {
		return nil, err
	}
	d.server, d.URL, d.Version = server, server.URL(), server.Version()
	if _, err := postgres.Up(ctx, secret.New(d.URL), slog.New(slog.DiscardHandler)); err != nil {
		return nil, fmt.Errorf("create the schema: %w", err)
	}
	return d, nil
}

// PID is the process id of the postmaster, whose children do the work.
func (d *Database) PID() int { return d.server.PID() }

// Stop ends PostgreSQL and removes its files.
func (d *Database) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return d.server.Stop(ctx)
}
