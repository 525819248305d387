package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/migrations"
)

// migrationLock is the advisory lock that serialises migrating replicas: "signet" in ASCII.
const migrationLock int64 = 0x7369676e6574

// undefinedTable is PostgreSQL's error code for a relation that does not exist.
const undefinedTable = "42P01"

// Migration is one file of package migrations and whether the database has it.
type Migration struct {
	Version int64
	Name    string
	// AppliedAt is zero for a pending migration.
	AppliedAt time.Time
}

// Up applies all pending migrations to the database at dsn and returns how many it applied.
// Replicas that call it at once take turns under an advisory lock; those that come later find
// nothing to do. A database that does not answer is errdefs.ErrUnavailable.
func Up(ctx context.Context, dsn secret.Text, log *slog.Logger) (int, error) {
	db, err := open(dsn)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }() // one command's connection: nothing is pending on it
	if err := db.PingContext(ctx); err != nil {
		return 0, unreachable(err)
	}
	// goose creates its version table under the lock, but it tries the lock only every so
	// often: one second apart, for up to five minutes of somebody else's migration.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, 300))
	if err != nil {
		return 0, fmt.Errorf("migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied // each step is a transaction of its own and stays
	}
	for _, r := range results {
		log.InfoContext(ctx, "migration applied", "version", r.Source.Version, "name", baseName(r.Source.Path), "duration_ms", r.Duration.Milliseconds())
	}
	if err != nil {
		return len(results), fmt.Errorf("migrate: %w", err)
	}
	return len(results), nil
}

func open(dsn secret.Text) (*sql.DB, error) {
	cfg, err := connConfig(dsn)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*cfg), nil
}

// connConfig is for commands, which may wait longer for a connection than a request may.
func connConfig(dsn secret.Text) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		// The parser's own text may quote the URL, and so the password.
		return nil, fmt.Errorf("database.url is not a PostgreSQL connection URL: %w", errdefs.ErrInvalid)
	}
	cfg.ConnectTimeout = 10 * time.Second
	cfg.RuntimeParams["application_name"] = "signet migrate"
	return cfg, nil
}

func unreachable(err error) error {
	return fmt.Errorf("cannot reach the database, check database.url (DATABASE_URL) and that PostgreSQL runs: %w: %w", errdefs.ErrUnavailable, err)
}

// querier is what Pending and Migrations need; *pgxpool.Pool, *pgx.Conn and pgx.Tx have it.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Pending returns how many migrations of this binary the database lacks. It only reads, so a
// readiness probe may call it; a database migrated by a newer binary has none pending.
func Pending(ctx context.Context, db querier) (int, error) {
	list, err := Migrations(ctx, db)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, m := range list {
		if m.AppliedAt.IsZero() {
			n++
		}
	}
	return n, nil
}

// Pending is the function Pending over db's pool.
func (db *DB) Pending(ctx context.Context) (int, error) { return Pending(ctx, db.pool) }

// Status is Migrations over a connection of its own, for the command line.
func Status(ctx context.Context, dsn secret.Text) ([]Migration, error) {
	cfg, err := connConfig(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, unreachable(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // read only: nothing to lose
	return Migrations(ctx, conn)
}

// Migrations returns every migration of this binary in order, with the time the database got it.
func Migrations(ctx context.Context, db querier) ([]Migration, error) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	applied, err := appliedVersions(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, 0, len(names))
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s does not begin with its version: %w", name, errdefs.ErrInvalid)
		}
		list = append(list, Migration{Version: version, Name: name, AppliedAt: applied[version]})
	}
	return list, nil
}

func appliedVersions(ctx context.Context, db querier) (map[int64]time.Time, error) {
	applied := map[int64]time.Time{}
	// goose writes its time stamp without zone, in the server's zone.
	rows, err := db.Query(ctx, `SELECT version_id, tstamp::timestamptz FROM goose_db_version WHERE is_applied`)
	if err == nil {
		var version int64
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&version, &at}, func() error {
			applied[version] = at
			return nil
		})
	}
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
		return applied, nil
	case errors.As(err, &pgErr) && pgErr.Code == undefinedTable:
		return applied, nil // never migrated
	}
	return nil, fmt.Errorf("read the applied migrations: %w: %w", errdefs.ErrUnavailable, err)
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
