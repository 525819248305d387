package rig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
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
	config   embeddedpg.Config
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
	d.config = embeddedpg.Config{DataDir: dir, Durable: true, Ephemeral: true, Settings: d.Settings}
	return d, d.migrate(ctx)
}

// StartLastingDatabase does the same for one that can be stopped and started again, and whose files stay
// until the caller removes dir.
func StartLastingDatabase(ctx context.Context, dir string) (*Database, error) {
	d := &Database{Settings: Settings(true)}
	d.config = embeddedpg.Config{DataDir: dir, Durable: true, Settings: d.Settings}
	return d, d.migrate(ctx)
}

// migrate starts the server for the first time.
func (d *Database) migrate(ctx context.Context) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	d.URL, d.Version = d.server.URL(), d.server.Version()
	if _, err := postgres.Up(ctx, secret.New(d.URL), slog.New(slog.DiscardHandler)); err != nil {
		return errors.Join(fmt.Errorf("create the schema: %w", err), d.Stop())
	}
	return nil
}

// Start starts PostgreSQL; after Stop or Crash once more, under the same URL.
func (d *Database) Start(ctx context.Context) error {
	server, err := embeddedpg.Start(ctx, d.config)
	if err == nil {
		d.server = server
	}
	return err
}

// Crash ends PostgreSQL at once, as pg_ctl stop -m immediate does: the next start recovers.
func (d *Database) Crash() error {
	if err := syscall.Kill(d.server.PID(), syscall.SIGQUIT); err != nil {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	<-d.server.Done()
	return d.Stop()
}

// PID is the process id of the postmaster, whose children do the work.
func (d *Database) PID() int { return d.server.PID() }

// Stop ends PostgreSQL, as pg_ctl stop -m fast does. Unless it is a lasting one its files are removed.
func (d *Database) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return d.server.Stop(ctx)
}
