// Package embeddedpg runs a private PostgreSQL as a child process: the database of
// `signet dev` and of the tests, with nothing to set up by hand.
//
// It owns one cluster per data directory: finding the binaries, initialising, starting,
// recovering after a kill, stopping. The cluster listens on a unix socket in a directory that
// only its own user may enter, never on the network, and it ends when this process ends,
// however that happens. It does not own the schema (package migrations) nor the connections
// made to it (package postgres).
//
// Layout below the data directory, NN being PostgreSQL's major version:
//
//	pgNN/       the cluster
//	pgNN.log    what the server says
//	run/        its socket (in /tmp when the path is too long for one)
//	pg.lock     held while a process uses the directory
//
// Run as root, PostgreSQL must drop to an unprivileged user. When that user cannot reach the
// data directory (it lies below /root, say) the same layout is placed in
// /var/lib/signet-dev-<hash>, and the file postgres-location in the data directory says so.
package embeddedpg

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/errdefs"
)

// Config says where the cluster lives and how careful it is.
type Config struct {
	// DataDir holds the cluster; it is created when missing. Required.
	DataDir string
	// Log receives what an operator may want to know; nil discards it.
	Log *slog.Logger
	// Durable keeps every committed transaction through a power cut. Without it a kill of the
	// server still loses nothing, but a crash of the machine may lose the cluster: for tests.
	Durable bool
	// Database is created when missing and is what URL names; "" means "signet".
	Database string
	// MaxConnections is the server's limit; 0 means 100.
	MaxConnections int
	// Seed, when set, is a data directory with a stopped cluster that is copied instead of
	// initialising a new one.
	Seed string
	// Settings are further settings of the server, each "name=value"; they win over its own. For
	// measurements that need it as large as an operator would make it.
	Settings []string
	// Ephemeral removes the cluster when it is stopped or when this process ends in any way.
	Ephemeral bool
}

// Server is a running cluster. Its methods may be called from any goroutine.
type Server struct {
	layout  layout
	account account
	install install
	cfg     Config
	lock    *os.File
	process *process
	watcher *watcher

	stopOnce sync.Once
	stopErr  error
}

// startTimeout bounds a start, crash recovery included, when ctx has no deadline of its own.
const startTimeout = 60 * time.Second

// Start starts the cluster in cfg.DataDir, initialising it when there is none, and returns
// once it accepts connections. ctx bounds the start only; Stop ends the server. The errors
// are single sentences that say what to do: errdefs.ErrUnavailable when PostgreSQL is missing,
// too old or will not run, ErrConflict when another process uses the directory, ErrDenied when
// the directory cannot be used.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.DataDir == "" {
		return nil, errdefs.Say(errdefs.ErrInvalid, nil, "the private PostgreSQL needs a data directory")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Database == "" {
		cfg.Database = "signet"
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 100
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	place, acct, err := locate(cfg.DataDir, cfg.Log)
	if err != nil {
		return nil, err
	}
	lock, err := place.prepare()
	if err != nil {
		return nil, err
	}
	s := &Server{account: acct, cfg: cfg, lock: lock}
	if err := s.start(ctx, place); err != nil {
		s.abandon()
		return nil, err
	}
	go func() {
		<-s.process.done
		// Until here a caller may forget s: were its files collected, the lock would be gone
		// and the watcher would take this process for dead.
		runtime.KeepAlive(s)
	}()
	return s, nil
}

func (s *Server) start(ctx context.Context, place place) error {
	inst, err := choose(ctx, candidates(ctx), place.majors())
	if err != nil {
		return err
	}
	s.install = inst
	if s.layout, err = place.layout(inst.major, s.account); err != nil {
		return err
	}
	if err := s.initialise(ctx); err != nil {
		return err
	}
	if err := s.clearLeftovers(ctx); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	return s.ensureDatabase(ctx)
}

// abandon undoes a failed start as far as it got.
func (s *Server) abandon() {
	if s.process != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Stop(ctx) // the cause of the failed start is the error worth reporting
		return
	}
	_ = s.lock.Close()
}

// URL is the DSN of Config.Database, for pgx and libpq alike. It stays the same from one start
// to the next.
func (s *Server) URL() string { return s.dsn(s.cfg.Database) }

func (s *Server) dsn(database string) string {
	q := url.Values{"host": {s.layout.socketDir}, "port": {port}, "user": {superuser}, "sslmode": {"disable"}}
	// libpq decodes %20 but not the plus sign.
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query}).String()
}

// Version is the server's version as PostgreSQL prints it, such as "15.18".
func (s *Server) Version() string { return s.install.version }

// PID is the process id of the postmaster.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

// Dir is the cluster's directory (PGDATA), LogFile the file with the server's messages.
func (s *Server) Dir() string { return s.layout.data }

// LogFile is the file that receives the server's messages.
func (s *Server) LogFile() string { return s.layout.log }

// Done is closed when the server has ended, by Stop or by itself. Whoever depends on the
// server watches it.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop shuts the server down, rolling back what is in progress, and waits for its end. When
// ctx ends first the server is stopped the hard way, which loses nothing committed but makes
// the next start recover. A second Stop returns what the first returned.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopErr = s.process.stop(ctx)
		if s.watcher != nil {
			s.watcher.dismiss()
		}
		if s.cfg.Ephemeral {
			s.stopErr = errors.Join(s.stopErr, s.layout.remove())
		}
		if !strings.HasPrefix(s.layout.socketDir, s.layout.base) {
			_ = os.Remove(s.layout.socketDir) // /tmp is not ours to fill; after a crash it is not empty
		}
		s.stopErr = errors.Join(s.stopErr, s.lock.Close())
	})
	return s.stopErr
}

// ensureDatabase creates the configured database on first use. Connecting to it is also the
// proof that the server accepts connections.
func (s *Server) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "3D000" { // invalid_catalog_name
		err = s.createDatabase(ctx)
	} else if err == nil {
		err = conn.Close(ctx)
	}
	if err != nil {
		return errdefs.Say(errdefs.ErrUnavailable, err, "the private PostgreSQL started but cannot be used (%v); see %s", err, s.layout.log)
	}
	return nil
}

func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{s.cfg.Database}.Sanitize())
	return err
}
