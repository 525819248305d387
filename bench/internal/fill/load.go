package fill

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// manyRows is from where on an index is made after its table was filled: sorting once is then
// faster than finding every row's place.
const manyRows = 100_000

// Load fills an empty database at url that has the schema. done is told how many rows have been
// written so far, and of which table; it may be nil.
func Load(ctx context.Context, url string, s Set, done func(rows int64, table string)) error {
	if err := s.Check(); err != nil {
		return err
	}
	if done == nil {
		done = func(int64, string) {}
	}
	if err := install(ctx, url, s.Began); err != nil {
		return err
	}
	hasher, err := password.New(password.Config{})
	if err != nil {
		return err
	}
	hash, err := hasher.Hash(ctx, secret.New(Password))
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// The clients are as old as the oldest of what was issued to them.
	if _, err := conn.Exec(ctx, "UPDATE client SET created_at = $1, valid_from = $1", s.Began.Add(-history)); err != nil {
		return fmt.Errorf("date the clients: %w", err)
	}
	l := loader{conn: conn, done: done}
	for _, t := range s.tables(hash) {
		if err := l.table(ctx, t, s.Users >= manyRows || s.Families >= manyRows); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	done(l.rows, "vacuum")
	// As autovacuum would leave it: statistics for the planner, hint bits and the visibility map.
	if _, err := conn.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func install(ctx context.Context, url string, now time.Time) error {
	db, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Install(ctx, installed(), now); err != nil {
		return fmt.Errorf("store clients: %w", err)
	}
	// Events that arrive before their month's partition would stay in the default one.
	if _, err := db.Audit().PreparePartitions(ctx, now); err != nil {
		return fmt.Errorf("prepare the audit log: %w", err)
	}
	return nil
}

type loader struct {
	conn *pgx.Conn
	rows int64
	done func(int64, string)
}

// table fills one table. Its references are right by construction, so they are not checked row
// by row where the role may say so.
func (l *loader) table(ctx context.Context, t table, many bool) error {
	l.done(l.rows, t.name)
	var indexes []index
	if many {
		var err error
		if indexes, err = l.dropIndexes(ctx, t.name); err != nil {
			return err
		}
	}
	if err := l.copy(ctx, t); err != nil {
		return err
	}
	for _, i := range indexes {
		l.done(l.rows, i.name)
		// PostgreSQL writes ONLY for a table in partitions, which would leave them without.
		if _, err := l.conn.Exec(ctx, strings.Replace(i.definition, " ON ONLY ", " ON ", 1)); err != nil {
			return fmt.Errorf("make index %s again: %w", i.name, err)
		}
	}
	return nil
}

func (l *loader) copy(ctx context.Context, t table) error {
	if _, err := l.conn.Exec(ctx, "SET session_replication_role = replica"); err != nil {
		if ctx.Err() != nil {
			return err
		} // not a superuser: references are checked, which takes longer and finds nothing
	}
	next, stop := iter.Pull(func(yield func([]any) bool) {
		t.rows(func(row ...any) bool { return yield(row) })
	})
	defer stop()
	source := pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, nil
		}
		if l.rows++; l.rows%10_000 == 0 {
			l.done(l.rows, t.name)
		}
		return row, nil
	})
	_, err := l.conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, source)
	_, resetErr := l.conn.Exec(context.WithoutCancel(ctx), "RESET session_replication_role")
	return errors.Join(err, resetErr)
}

// index is one that was dropped, with the statement that makes it again.
type index struct{ name, definition string }

// dropIndexes drops those indexes of a table that no constraint stands on.
func (l *loader) dropIndexes(ctx context.Context, name string) ([]index, error) {
	rows, err := l.conn.Query(ctx, `
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)`, name)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	indexes, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (i index, err error) { return i, r.Scan(&i.name, &i.definition) })
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	for _, i := range indexes {
		if _, err := l.conn.Exec(ctx, "DROP INDEX "+pgx.Identifier{i.name}.Sanitize()); err != nil {
			return nil, fmt.Errorf("drop index %s: %w", i.name, err)
		}
	}
	return indexes, nil
}
