package pgtest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver, which goose's *sql.DB needs
	"github.com/pressly/goose/v3"

	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/migrations"
)

const (
	// template is the database of a seed that holds the migrated schema.
	template = "signet_template"
	// seedLife is how long a seed is used. Cleaners of temporary directories remove old files
	// one by one; a seed never grows old enough to lose some.
	seedLife = 24 * time.Hour
	// strayAge is when a directory that was never locked is taken for abandoned.
	strayAge = 10 * time.Minute
)

// copied is a running copy of the seed.
type copied struct {
	*embeddedpg.Server
	config embeddedpg.Config // as it was started, without the seed
}

// startCopy starts a cluster that is a copy of the seed, in a directory of its own.
func startCopy(ctx context.Context, cfg embeddedpg.Config) (copied, error) {
	root, err := workDir()
	if err != nil {
		return copied{}, err
	}
	sweep(root)
	seed, release, err := openSeed(ctx, root)
	if err != nil {
		return copied{}, err
	}
	defer release()
	if cfg.DataDir, err = newDir(root, "run-"); err != nil {
		return copied{}, err
	}
	cfg.Seed = seed
	pg, err := embeddedpg.Start(ctx, cfg)
	if err != nil {
		return copied{}, errors.Join(err, discard(cfg.DataDir))
	}
	cfg.Seed = ""
	return copied{Server: pg, config: cfg}, nil
}

// workDir is this user's directory for seeds and clusters. Its name can be guessed and /tmp is
// everybody's, so it must be a real directory of the user's own.
func workDir() (string, error) {
	base := os.TempDir()
	if !embeddedpg.CanHost(base) {
		base = "/tmp"
	}
	dir := filepath.Join(base, fmt.Sprintf("signet-pgtest-%d", os.Geteuid()))
	if err := os.Mkdir(dir, dirMode()); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s is not a directory of this user; remove it", dir)
	}
	return dir, nil
}

// dirMode lets the user whom root's PostgreSQL runs as pass through.
func dirMode() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

func newDir(root, prefix string) (string, error) {
	dir, err := os.MkdirTemp(root, prefix)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, dirMode())
}

// discard removes a directory made by newDir whose cluster has been stopped.
func discard(dir string) error {
	return errors.Join(embeddedpg.Remove(dir), os.RemoveAll(dir))
}

// ownerFile is the lock by which a test keeps the directory of a cluster that it has stopped.
const ownerFile = "owner.lock"

// own keeps sweep away from dir for as long as the file stays open.
func own(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// owned reports whether a living process owns dir.
func owned(dir string) bool {
	f, err := os.Open(filepath.Join(dir, ownerFile))
	if err != nil {
		return false
	}
	defer f.Close()
	return flock(f, syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// sweep removes what killed processes left behind: the directories that nobody holds a lock
// on. It is best effort; what it cannot remove is in nobody's way.
func sweep(root string) {
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if !strings.HasPrefix(e.Name(), "run-") && !strings.HasPrefix(e.Name(), "build-") {
			continue
		}
		_, err := os.Stat(filepath.Join(dir, "pg.lock"))
		if errors.Is(err, fs.ErrNotExist) && fresh(dir, strayAge) {
			continue // its process is about to lock it
		}
		if owned(dir) {
			continue // its server is stopped, by the test that has it
		}
		if embeddedpg.Remove(dir) == nil {
			_ = os.RemoveAll(dir)
		}
	}
}

// fresh reports whether path exists and is younger than age.
func fresh(path string, age time.Duration) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) < age
}

// openSeed returns the seed for the installed PostgreSQL and the present migrations, building
// it when there is none. The seed stays as it is until release is called.
func openSeed(ctx context.Context, root string) (seed string, release func(), err error) {
	version, err := embeddedpg.Installed(ctx)
	if err != nil {
		return "", nil, err
	}
	digest, err := migrationsHash(migrations.FS)
	if err != nil {
		return "", nil, err
	}
	seed = filepath.Join(root, "seed-"+version+"-"+digest)
	lock, err := os.OpenFile(filepath.Join(root, "seeds.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, err
	}
	release = func() { _ = lock.Close() }
	if err = flock(lock, syscall.LOCK_SH); err == nil && !fresh(seed, seedLife) {
		if err = flock(lock, syscall.LOCK_EX); err == nil {
			err = renewSeed(ctx, root, seed) // others read it while we wait to write: look again
		}
		if err == nil {
			// Giving up exclusiveness lets others copy at the same time. The kernel may let a
			// third process in between; it would find the seed fresh.
			err = flock(lock, syscall.LOCK_SH)
		}
	}
	if err != nil {
		release()
		return "", nil, err
	}
	return seed, release, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// renewSeed builds the seed unless another process just did, and removes those that are past
// their time. The caller holds the exclusive lock.
func renewSeed(ctx context.Context, root, seed string) error {
	if fresh(seed, seedLife) {
		return nil
	}
	seeds, _ := filepath.Glob(filepath.Join(root, "seed-*"))
	for _, dir := range seeds {
		if dir == seed || !fresh(dir, seedLife) {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	dir, err := newDir(root, "build-")
	if err != nil {
		return err
	}
	if err := buildSeed(ctx, dir); err != nil {
		return errors.Join(err, discard(dir))
	}
	if err := os.Rename(dir, seed); err != nil {
		return err
	}
	return os.Chtimes(seed, time.Time{}, time.Now())
}

func buildSeed(ctx context.Context, dir string) (err error) {
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir, Database: template})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop(context.WithoutCancel(ctx))) }()
	return migrate(ctx, pg.URL())
}

// migrate applies all migrations. It does not go through package postgres, whose own tests
// import this package.
func migrate(ctx context.Context, dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrationsHash identifies the set of migrations by their names and contents.
func migrationsHash(files fs.FS) (string, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		if _, err := fmt.Fprintf(h, "%s\n%d\n", name, len(b)); err != nil {
			return "", err
		}
		if _, err := h.Write(b); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
