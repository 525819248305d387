package dev

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// site is one of the two servers of a run: its database, its keys, its settings, and what is seeded.
type site struct {
	database   secret.Text
	master     string // its file
	environ    []string
	former     Site // of the last run; zero at first
	definition definition
	hashes     *hashes
	log        *slog.Logger
	config     config.Config
}

// configure builds the configuration the way `signet serve` reads it, from an environment.
func (s *site) configure(d *directory) error {
	if err := d.ensureMaster(s.master, s.former.Seed != ""); err != nil {
		return err
	}
	var err error
	s.config, err = config.Load(config.Source{Environ: s.environ}, config.Serve)
	return err
}

// migrate brings the database up to date.
func (s *site) migrate(ctx context.Context) error {
	_, err := postgres.Up(ctx, s.database, s.log)
	return err
}

// migrateBeside is migrate for a database that may have to be made first, on the server of another.
func (s *site) migrateBeside(ctx context.Context, other secret.Text, name string) error {
	err := s.migrate(ctx)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != invalidCatalogName {
		return err
	}
	if err := postgres.CreateDatabase(ctx, other, name); err != nil {
		return err
	}
	return s.migrate(ctx)
}

// invalidCatalogName is PostgreSQL's error code for a database that does not exist.
const invalidCatalogName = "3D000"

// keeper seals secrets for the site.
func (s *site) keeper() (*connector.Keeper, error) {
	m, err := envelope.ParseMaster(s.config.Keys.Master)
	if err != nil {
		return nil, err
	}
	return connector.NewKeeper(envelope.New(m)), nil
}

// run serves the site until ctx ends.
func (s *site) run(ctx context.Context, o Options, ready func()) error {
	return app.Run(ctx, app.Options{Config: s.config, Log: s.log, Build: o.Build, Now: o.Now, Ready: func(app.Addresses) { ready() }})
}

// withoutPartner says why there is no Partner Inc this time.
func (r *run) withoutPartner(ctx context.Context, name string, err error) {
	why := reason(err)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		why = " (" + pg.Message + ")"
	}
	r.log.WarnContext(ctx, errdefs.Say(errdefs.ErrUnavailable, err,
		"%s is left out, because its database %s cannot be made or used%s: create it yourself, or let the user of --database-url create databases", partnerName, name, why).Error())
	r.partner = nil
	r.main.definition = define(r.main.definition.Addresses.alone())
}
