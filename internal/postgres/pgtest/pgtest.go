// Package pgtest gives each test a PostgreSQL database of its own, on a real server.
//
// Every test process runs one private cluster (package embeddedpg), copied from a seed that is
// built once per machine, PostgreSQL version and set of migrations. The seed holds a template
// database with all migrations applied; a test's database is a clone of it, dropped when the
// test ends. The cluster ends and its files go with the process, even when that is killed, and
// processes share nothing but the read-only seed: any number of `go test` runs may overlap.
//
// With SIGNET_TEST_DATABASE_URL set, the databases are made on that server instead; its role
// needs the CREATEDB right.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-id/signet/internal/embeddedpg"
)

// externalURL names the server to use instead of a private one.
const externalURL = "SIGNET_TEST_DATABASE_URL"

// patience bounds the making and the dropping of one database.
const patience = 60 * time.Second

// New returns the DSN of a fresh database with all migrations applied. It is dropped when the
// test ends, with whatever is still connected to it.
func New(t testing.TB) string {
	t.Helper()
	s := running(t)
	return s.create(t, s.template)
}

// Empty returns the DSN of a fresh database without any migration.
func Empty(t testing.TB) string {
	t.Helper()
	return running(t).create(t, "template0")
}

// server is where the databases of this process are made.
type server struct {
	dsn      string // of the maintenance database
	template string
	strategy string // of CREATE DATABASE; "" where the server has no choice
	pool     *pgxpool.Pool
}

// shared is this process's server: the one thing that its tests have in common, and nothing
// but the end of the process could close it.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if dsn := os.Getenv(externalURL); dsn != "" {
		return external(ctx, dsn)
	}
	return private(ctx)
})

func running(t testing.TB) *server {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return s
}

// private starts this process's own cluster.
func private(ctx context.Context) (*server, error) {
	pg, err := startCopy(ctx, embeddedpg.Config{Database: "postgres", MaxConnections: 200, Ephemeral: true})
	if err != nil {
		return nil, err
	}
	return connect(ctx, pg.URL(), template)
}

// connect opens the connections that create and drop databases.
func connect(ctx context.Context, dsn, template string) (*server, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var version int
	if err := pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		pool.Close()
		return nil, err
	}
	s := &server{dsn: dsn, template: template, pool: pool}
	if version >= 15_00_00 {
		// Copying through the log needs no checkpoint, which would make parallel tests wait
		// for each other.
		s.strategy = " STRATEGY wal_log"
	}
	return s, nil
}

func (s *server) create(t testing.TB, template string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name := "signet_test_" + strings.ToLower(rand.Text())
	_, err := s.pool.Exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)+s.strategy)
	if err != nil {
		t.Fatalf("pgtest: create a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := s.pool.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	dsn, err := withDatabase(s.dsn, name)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return dsn
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Private is a cluster of one test's own, which the test may stop, kill and start again. It
// flushes every commit as a production server does.
type Private struct {
	cfg embeddedpg.Config
	pg  *embeddedpg.Server
}

// Cluster starts a cluster that belongs to this test alone, and removes it when the test ends.
// It ignores SIGNET_TEST_DATABASE_URL.
func Cluster(t testing.TB) *Private {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Not ephemeral: it must survive its own Stop. A killed test's directory is swept later.
	pg, err := startCopy(ctx, embeddedpg.Config{Database: template, Durable: true})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	owner, err := own(pg.config.DataDir)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	p := &Private{cfg: pg.config, pg: pg.Server}
	t.Cleanup(func() {
		defer owner.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.pg.Stop(ctx); err != nil {
			t.Errorf("pgtest: stop the cluster: %v", err)
		}
		if err := discard(p.cfg.DataDir); err != nil {
			t.Errorf("pgtest: remove the cluster: %v", err)
		}
	})
	return p
}

// URL is the DSN of a database with all migrations applied. A restart does not change it.
func (p *Private) URL() string { return p.pg.URL() }

// Kill ends the server as a crash does: SIGKILL to all its processes, none of which can write
// anything or answer anybody any more when Kill returns.
func (p *Private) Kill(t testing.TB) {
	t.Helper()
	backends := p.backends(t)
	for _, pid := range append([]int{p.pg.PID()}, backends...) {
		// A backend may end by itself before its turn comes.
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatalf("pgtest: kill the server: %v", err)
		}
	}
	<-p.pg.Done()
	p.Stop(t) // lets go of the directory
}

// backends asks the server for its processes: without the postmaster each of them would answer
// until it notices.
func (p *Private) backends(t testing.TB) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL())
	if err != nil {
		t.Fatalf("pgtest: kill the server: %v", err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
	if err != nil {
		t.Fatalf("pgtest: kill the server: %v", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatalf("pgtest: kill the server: %v", err)
	}
	return pids
}

// Stop shuts the server down cleanly; sessions in progress are ended.
func (p *Private) Stop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.pg.Stop(ctx); err != nil {
		t.Fatalf("pgtest: stop the server: %v", err)
	}
}

// Start starts the server again after Kill or Stop, with the same data at the same URL.
func (p *Private) Start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pg, err := embeddedpg.Start(ctx, p.cfg)
	if err != nil {
		t.Fatalf("pgtest: start the server: %v", err)
	}
	if pg.URL() != p.pg.URL() {
		t.Fatalf("pgtest: the server moved from %s to %s", p.pg.URL(), pg.URL())
	}
	p.pg = pg
}
