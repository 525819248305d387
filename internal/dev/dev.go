// Package dev runs Signet for people who try it or build against it: a private PostgreSQL, the
// same server as `signet serve`, demo people, demo clients, two demo applications and a mailbox that
// gets all mail, all in this process but for PostgreSQL, and all ended by one Ctrl-C.
//
// It owns a data directory (files.go) and what is seeded (people.go, clients.go). It decides
// nothing about identity: that is package app, which it configures like an operator would.
//
// Everything it reports to a person is one sentence that says what to do.
package dev

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/telemetry"
)

// Options is what Run needs.
type Options struct {
	// DataDir keeps the database, the keys and dev.json; it is created when missing.
	DataDir string
	// Ports to listen on; 0 picks a free one.
	Ports Ports
	// DatabaseURL names a PostgreSQL to use instead of a private one; empty for a private one.
	DatabaseURL secret.Text
	// Environ is the environment as os.Environ returns it: settings of `signet serve` that dev
	// does not decide itself (SIGNET_TOKENS_ACCESS_TTL, say) are taken from it.
	Environ []string
	// Stdout gets the table, Stderr warnings. Colour decorates the table.
	Stdout, Stderr io.Writer
	Colour         bool
	Build          telemetry.Build
	Now            func() time.Time
}

const (
	// stopTimeout bounds the end of PostgreSQL, after which it is stopped the hard way.
	stopTimeout = 10 * time.Second
	// drainTimeout bounds requests in flight at the demo applications.
	drainTimeout = 2 * time.Second
)

// Run starts everything, prints where it is, and returns nil once ctx has ended and all of it
// has stopped. The database and the keys stay in the data directory.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := openDirectory(o.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	ports, err := o.Ports.open(ctx)
	if err != nil {
		return err
	}
	defer ports.close()
	logFile, err := dir.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	log := newLog(logFile, o.Stderr)

	former, err := dir.readState()
	if err != nil {
		return err
	}
	// The seed's passwords are hashed while PostgreSQL starts; a later run needs none.
	definition := define(ports.addresses())
	hashes := newHashes(ctx, former.Seed == "")
	url, stop, ended, err := startDatabase(ctx, o, dir, log)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer func() { err = errors.Join(err, stop()) }()

	r := &run{Options: o, dir: dir, ports: ports, log: log, database: url, former: former, definition: definition, hashes: hashes}
	if err := r.prepare(ctx); err != nil {
		return unlessStopped(ctx, r.explain(err))
	}
	return r.explain(r.serve(ctx, ended))
}

// unlessStopped drops the error of a start that a person broke off: whatever was under way then
// failed because of that.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that ctx ended is why the start failed
	}
	return err
}

// startDatabase starts the private PostgreSQL, unless another one is named. ended is closed
// when it ends; nil means that its life is none of our business.
func startDatabase(ctx context.Context, o Options, dir *directory, log *slog.Logger) (url secret.Text, stop func() error, ended <-chan struct{}, err error) {
	if !o.DatabaseURL.Empty() {
		return o.DatabaseURL, func() error { return nil }, nil, nil
	}
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir.path, Log: log, Durable: true})
	if err != nil {
		return secret.Text{}, nil, nil, err
	}
	stop = func() error {
		// Not derived from ctx, which has ended by then.
		limit, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return pg.Stop(limit)
	}
	return secret.New(pg.URL()), stop, pg.Done(), nil
}

// run is one `signet dev` after its database has started.
type run struct {
	Options
	dir        *directory
	ports      *openPorts
	log        *slog.Logger
	database   secret.Text
	former     State // of the last run; zero at first
	definition definition
	hashes     *hashes
	state      State
	config     config.Config
}

// prepare leaves a migrated, seeded database, a master key and the configuration of the server.
func (r *run) prepare(ctx context.Context) error {
	if err := r.dir.ensureMaster(r.former.Seed != ""); err != nil {
		return err
	}
	var err error
	if r.config, err = r.configure(); err != nil {
		return err
	}
	if _, err := postgres.Up(ctx, r.database, r.log); err != nil {
		return err
	}
	r.state, err = r.seed(ctx)
	return err
}

// ours are the settings that dev decides.
func (r *run) ours() map[string]string {
	a := r.ports.addresses()
	return map[string]string{
		"SIGNET_ISSUER":                a.Issuer,
		"SIGNET_SERVER_LISTEN":         r.ports.issuer.listen(),
		"SIGNET_OPS_LISTEN":            r.ports.ops.listen(),
		"SIGNET_SERVER_SHUTDOWN_GRACE": "5s",
		"SIGNET_DATABASE_URL":          r.database.Reveal(),
		"SIGNET_KEYS_MASTER_FILE":      r.dir.master(),
		"SIGNET_MAIL_HOST":             "127.0.0.1",
		"SIGNET_MAIL_PORT":             strconv.Itoa(r.ports.smtp.number),
		"SIGNET_MAIL_TLS":              "none",
		"SIGNET_MAIL_FROM":             "no-reply@signet.example",
	}
}

// configure builds the configuration the way `signet serve` reads it, from an environment.
func (r *run) configure() (config.Config, error) {
	ours := r.ours()
	environ := []string{}
	for _, kv := range r.Environ {
		name, _, _ := strings.Cut(kv, "=")
		_, decided := ours[name]
		family := slices.ContainsFunc([]string{"SIGNET_DEV_", "SIGNET_DATABASE_", "SIGNET_KEYS_", "SIGNET_SERVER_TLS_", "SIGNET_MAIL_"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if strings.HasPrefix(name, config.Prefix) && !decided && !family {
			environ = append(environ, kv)
		}
	}
	for name, value := range ours {
		environ = append(environ, name+"="+value)
	}
	return config.Load(config.Source{Environ: environ}, config.Serve)
}

// serve runs the server and the demo applications until ctx ends or one of them fails.
func (r *run) serve(outer context.Context, databaseEnded <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	var apps sync.WaitGroup
	issuing := make(chan struct{})
	apps.Go(func() {
		select {
		case <-issuing: // the orders service fetches keys as it starts
			cancel(r.serveApplications(ctx))
		case <-ctx.Done():
		}
	})
	apps.Go(func() {
		select {
		case <-databaseEnded:
			cancel(errdefs.Say(errdefs.ErrUnavailable, nil, "the private PostgreSQL ended by itself, and its log in %s says why: start signet dev again", r.dir.path))
		case <-ctx.Done():
		}
	})
	var announced error
	r.ports.release()
	err := app.Run(ctx, app.Options{Config: r.config, Log: r.log, Build: r.Build, Now: r.Now, Ready: func(app.Addresses) {
		close(issuing)
		if announced = r.announce(); announced != nil {
			cancel(announced)
		}
	}})
	if r.state.PID == 0 {
		err = unlessStopped(outer, err)
	}
	cancel(err)
	apps.Wait()
	if cause := context.Cause(ctx); err == nil && outer.Err() == nil && !errors.Is(cause, context.Canceled) {
		err = cause // one of the others failed, and the server only followed
	}
	if r.state.PID != 0 {
		r.state.PID = 0
		err = errors.Join(err, r.dir.writeState(r.state))
	}
	return err
}

// announce writes dev.json and then the table: a script that waits for the file finds
// everything running.
func (r *run) announce() error {
	r.state.PID = os.Getpid()
	if err := r.dir.writeState(r.state); err != nil {
		return err
	}
	return writeTable(r.Stdout, r.state, r.Colour)
}
