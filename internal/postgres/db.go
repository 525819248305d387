// Package postgres is the only place that speaks SQL: one file per noun, each implementing
// interfaces that its callers own. Statements are in queries/, compiled by sqlc into sqlcgen.
//
// Every error leaves here with a kind (package errdefs), so that no caller has to know pgx.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
)

// DB is a pool of connections to one PostgreSQL database.
type DB struct {
	pool *pgxpool.Pool
	q    *sqlcgen.Queries
	cut  func(revocation.Cutoff) // nil: nobody on this replica asks
	now  func() time.Time        // the clock of cut

	templates *claims.Compiler // of declared claims, for all clients that are read here
}

// Config says how to connect.
type Config struct {
	URL      string // postgres://… or key=value
	MaxConns int    // of this process
}

// connectTimeout bounds a connection attempt, so that a request fails while its caller still
// waits.
const connectTimeout = 2 * time.Second

// Open returns a pool. It does not wait for the database: a replica starts, and publishes its
// keys once it has seen them, also while PostgreSQL restarts.
func Open(ctx context.Context, c Config) (*DB, error) {
	pc, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// The cause may quote the URL and with it the password.
		return nil, errors.New("database.url: cannot be read; write postgres://user:password@host:5432/database")
	}
	if c.MaxConns > 0 {
		pc.MaxConns = int32(c.MaxConns)
	}
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.ConnConfig.RuntimeParams["application_name"] = "signet"
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pc.ConnConfig.RuntimeParams["statement_timeout"] = "10000"
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "15000"
	pc.MaxConnLifetime = 30 * time.Minute
	pc.HealthCheckPeriod = 15 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &DB{pool: pool, q: sqlcgen.New(pool), templates: claims.NewCompiler()}, nil
}

// OnCutoff has f told of each cutoff that this replica stores, before the call that stored it
// returns: whoever recalls a token here finds it recalled here. Announcements to all replicas
// come from the database. now is f's clock. Call it before anything is stored.
func (db *DB) OnCutoff(f func(revocation.Cutoff), now func() time.Time) { db.cut, db.now = f, now }

func (db *DB) stored(cutoffs ...revocation.Cutoff) {
	if db.cut == nil {
		return
	}
	for _, c := range cutoffs {
		db.cut(c)
	}
}

// cutoff is one that was just stored to be kept for keep.
func (db *DB) cutoff(k revocation.Kind, subject string, keep time.Duration) revocation.Cutoff {
	c := revocation.Cutoff{Kind: k, Subject: subject}
	if db.now != nil {
		c.ExpiresAt = db.now().Add(keep)
	}
	return c
}

// Close waits for connections in use and closes all.
func (db *DB) Close() { db.pool.Close() }

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error { return wrap("ping", db.pool.Ping(ctx)) }

// Stat returns the pool's figures.
func (db *DB) Stat() *pgxpool.Stat { return db.pool.Stat() }

// inTx runs f in one transaction.
func (db *DB) inTx(ctx context.Context, what string, f func(*sqlcgen.Queries) error) error {
	return wrap(what, pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return f(db.q.WithTx(tx)) }))
}

// inSnapshot runs f in one transaction that only reads and sees one moment.
func (db *DB) inSnapshot(ctx context.Context, what string, f func(*sqlcgen.Queries) error) error {
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return wrap(what, pgx.BeginTxFunc(ctx, db.pool, opts, func(tx pgx.Tx) error { return f(db.q.WithTx(tx)) }))
}

// wrap gives err its kind. The text names the operation; the cause stays in the chain for the
// log.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{errdefs.ErrNotFound, errdefs.ErrConflict, errdefs.ErrInvalid, errdefs.ErrDenied, errdefs.ErrUnavailable} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, errdefs.ErrNotFound)
	}
	// Whatever PostgreSQL says to who connects, such as that the database takes no connections, it is
	// nothing about the request.
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return fmt.Errorf("%s: %w: %w", what, errdefs.ErrUnavailable, err)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == "23505": // unique_violation
			return fmt.Errorf("%s: %w: %w", what, errdefs.ErrConflict, err)
		case pg.Code == "22021", pg.Code == "22P05", pg.Code == "23503", pg.Code == "23514":
			// A character the database cannot hold, or a reference to nothing.
			return fmt.Errorf("%s: %w: %w", what, errdefs.ErrInvalid, err)
		case len(pg.Code) == 5 && unavailableClass[pg.Code[:2]], pg.Code == "25006": // read_only_sql_transaction: a failover
			return fmt.Errorf("%s: %w: %w", what, errdefs.ErrUnavailable, err)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) || errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("%s: %w: %w", what, errdefs.ErrUnavailable, err)
	}
	// A connection that breaks while in use surfaces as io.ErrUnexpectedEOF or a closed
	// socket: nothing that PostgreSQL said, so nothing about the request.
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w: %w", what, errdefs.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// unavailableClass holds the SQLSTATE classes that say "not now": connection exceptions, a
// transaction rolled back for another's sake, out of resources, operator intervention, system
// error.
var unavailableClass = map[string]bool{"08": true, "40": true, "53": true, "57": true, "58": true}

func interval(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}

// zeroTime turns a null into the zero time, which the rule packages use for "not yet".
func zeroTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func nullUUID(u [16]byte) *[16]byte {
	if u == ([16]byte{}) {
		return nil
	}
	return &u
}
