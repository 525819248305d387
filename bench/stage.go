package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// stage is what a run needs: the server's binary, a database that was filled, the server.
type stage struct {
	o      *options
	bar    *progress.Bar
	dir    string
	binary string
	master string
	db     *rig.Database
	keys   *postgres.DB // behind env.Ring
	server *rig.Server
	env    *scenario.Env
	closer []func() error
}

// sliceOf is how many people and families take part in a scenario, whatever the size of the
// data: few enough that the warm-up sees each of them once. The first write to a page after a
// checkpoint costs PostgreSQL a copy of that page, with much data more often than with little,
// and only for a moment.
const sliceOf = 5_000

// newStage builds, fills and starts everything.
func newStage(ctx context.Context, o *options, bar *progress.Bar) (s *stage, err error) {
	s = &stage{o: o, bar: bar}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.makeRoom(ctx); err != nil {
		return s, err
	}
	if s.db, err = rig.StartDatabase(ctx, filepath.Join(s.dir, "db"), o.commitsWait); err != nil {
		return s, err
	}
	s.closer = append(s.closer, s.db.Stop)
	set := fill.Set{Size: o.size, Began: time.Now().UTC()}
	total := float64(set.Rows())
	err = fill.Load(ctx, s.db.URL, set, func(rows int64, table string) { bar.Show("fill "+table, float64(rows), total, "rows") })
	bar.Clear()
	if err != nil {
		return s, err
	}
	if err := s.openRing(ctx); err != nil {
		return s, err
	}
	s.env.Set = set
	return s, s.start(ctx)
}

// makeRoom makes a directory, and the binary in it.
func (s *stage) makeRoom(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "signet-bench-"); err != nil {
		return err
	}
	s.closer = append(s.closer, func() error { return os.RemoveAll(s.dir) })
	if err := os.Chmod(s.dir, 0o711); err != nil { // PostgreSQL's user passes through when we are root
		return err
	}
	return s.build(ctx)
}

// build makes the binary that is measured, the way it is built for production.
func (s *stage) build(ctx context.Context) error {
	if s.binary = s.o.binary; s.binary != "" {
		return nil
	}
	s.binary = filepath.Join(s.dir, "signet")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.binary, "./cmd/signet")
	cmd.Dir = s.o.source
	if s.o.profile != "" {
		cmd = exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./profiled")
		cmd.Dir = filepath.Join(s.o.source, "bench")
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	s.bar.Show("build the server", 0, 1, "")
	defer s.bar.Clear()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return nil
}

// drawMaster makes up a master key.
func (s *stage) drawMaster() {
	var key [envelope.KeySize]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	s.master = base64.StdEncoding.EncodeToString(key[:])
}

// envelope opens what is sealed under the master key.
func (s *stage) envelope() (*envelope.Envelope, error) {
	master, err := envelope.ParseMaster(secret.New(s.master))
	if err != nil {
		return nil, err
	}
	return envelope.New(master), nil
}

// openRing opens the keys that the server will use, creating them: RSA keys are then made now,
// and not while the server starts.
func (s *stage) openRing(ctx context.Context) error {
	s.drawMaster()
	envelopes, err := s.envelope()
	if err != nil {
		return err
	}
	if s.keys, err = postgres.Open(ctx, postgres.Config{URL: s.db.URL, MaxConns: 2}); err != nil {
		return err
	}
	s.closer = append(s.closer, func() error { s.keys.Close(); return nil })
	ring, err := keyring.Open(ctx, keyring.Config{
		Store: s.keys.Keys(), Envelope: envelopes, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if _, err := ring.Sign(ctx, keys.RS256, "JWT", []byte("{}"), time.Now().Add(time.Hour)); err != nil {
		return err
	}
	s.env = &scenario.Env{Ring: ring, Slice: sliceOf, Now: time.Now, Longest: time.Duration(s.o.rounds)*s.o.warmup + s.o.duration}
	return nil
}

// start starts the server.
func (s *stage) start(ctx context.Context) (err error) {
	c := rig.ServerConfig{Binary: s.binary, Args: []string{"serve"}, Dir: s.dir, Core: s.o.core, Database: s.db.URL, Master: s.master, Settings: s.o.settings}
	if s.o.profile != "" {
		c.Args = []string{s.profilePath()}
	}
	if s.server, err = rig.StartServer(ctx, c); err != nil {
		return err
	}
	s.env.Host, s.env.Issuer = s.server.Addr, s.server.Issuer
	return nil
}

// databaseSize is the size of the database on disk in bytes.
func (s *stage) databaseSize(ctx context.Context) (n int64, err error) {
	conn, err := pgx.Connect(ctx, s.db.URL)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	return n, conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
}

func (s *stage) profilePath() string { return filepath.Join(s.dir, "cpu.out") }

// close ends and removes everything, the last first.
func (s *stage) close() (err error) {
	if s.server != nil {
		err = s.server.Stop()
	}
	for _, f := range slices.Backward(s.closer) {
		err = errors.Join(err, f())
	}
	return err
}
