package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/envelope"
)

// Sealed finds everything that is sealed under a master key, wherever it is stored.
type Sealed struct{ db *DB }

var _ envelope.Values = Sealed{}

// Sealed returns the store of all sealed values.
func (db *DB) Sealed() Sealed { return Sealed{db} }

// sealedColumn is a column of sealed values.
type sealedColumn struct {
	table, column string
	key           string // what is unique and ordered by an index: an expression of type as
	as            string // uuid, text or bytea
}

// sealedColumns are all there are: a test compares them with the schema.
func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{"signing_key", "sealed", "kid", "text"},
		{"system_secret", "sealed", "(purpose || '/' || version)", "text"}, // a handful of rows: no index needed
		{"connector", "sealed_secret", "id", "uuid"},
		{"identity", "sealed_tokens", "id", "uuid"},
		{"upstream_attempt", "sealed", "state_hash", "bytea"},
		{"pending_link", "sealed", "token_hash", "bytea"},
		{"mail_outbox", "sealed", "id", "uuid"},
	}
}

// Statements about sealed values are one text for all columns, of which nothing but the names above is
// put in: sqlc, which compiles all others, knows no names that vary.
func (c sealedColumn) statement(text string) string {
	bytes := map[string]string{"text": "convert_to(" + c.key + ", 'UTF8')", "uuid": "uuid_send(" + c.key + ")", "bytea": c.key}[c.as]
	// What is compared with an index has the type of the column. No key comes before the empty one.
	value := func(b string) string {
		return map[string]string{"text": "convert_from(" + b + ", 'UTF8')", "uuid": "rpad(encode(" + b + ", 'hex'), 32, '0')::uuid", "bytea": b}[c.as]
	}
	return strings.NewReplacer(
		"{table}", c.table, "{column}", c.column, "{key}", c.key, "{bytes}", bytes, "{$1}", value("$1::bytea"), "{was.key}", value("was.key"),
	).Replace(text)
}

const (
	staleValues = `SELECT {bytes}, {column} FROM {table}
 WHERE {column} IS NOT NULL AND {key} > {$1} AND substring({column} FOR length($2::bytea)) <> $2::bytea
 ORDER BY {key} LIMIT $3`

	// A row that somebody holds is left to them, so that nobody waits and no two wait for each other.
	replaceValues = `WITH mine AS (
    SELECT {key} AS key, was.next
      FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS was (key, value, next)
      JOIN {table} ON {key} = {was.key} AND {column} = was.value
       FOR NO KEY UPDATE OF {table} SKIP LOCKED)
UPDATE {table} SET {column} = mine.next FROM mine WHERE {key} = mine.key`

	countValues = `SELECT substring({column} FOR $1::integer), count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1`
)

// Places implements envelope.Values.
func (s Sealed) Places() []string {
	var names []string
	for _, c := range sealedColumns() {
		names = append(names, c.table)
	}
	return names
}

// Stale implements envelope.Values.
func (s Sealed) Stale(ctx context.Context, place string, head, after []byte, most int) (values []envelope.Value, err error) {
	if after == nil {
		after = []byte{}
	}
	err = s.in(ctx, place, func(tx pgx.Tx, c sealedColumn) error {
		rows, err := tx.Query(ctx, c.statement(staleValues), after, head, most)
		if err == nil {
			values, err = pgx.CollectRows(rows, pgx.RowToStructByPos[envelope.Value])
		}
		return err
	})
	return values, err
}

// Replace implements envelope.Values.
func (s Sealed) Replace(ctx context.Context, place string, changes []envelope.Change) (n int, err error) {
	var keys, was, next [][]byte
	for _, c := range changes {
		keys, was, next = append(keys, c.Key), append(was, c.Sealed), append(next, c.To)
	}
	err = s.in(ctx, place, func(tx pgx.Tx, c sealedColumn) error {
		tag, err := tx.Exec(ctx, c.statement(replaceValues), keys, was, next)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// CountByHead implements envelope.Values.
func (s Sealed) CountByHead(ctx context.Context, place string) (counts map[string]int, err error) {
	counts = make(map[string]int)
	err = s.in(ctx, place, func(tx pgx.Tx, c sealedColumn) error {
		rows, err := tx.Query(ctx, c.statement(countValues), envelope.HeadSize)
		if err != nil {
			return err
		}
		var head []byte
		var n int
		_, err = pgx.ForEachRow(rows, []any{&head, &n}, func() error {
			counts[string(head)] = n
			return nil
		})
		return err
	})
	return counts, err
}

// in runs f in a transaction that may take the time that a large table takes.
func (s Sealed) in(ctx context.Context, place string, f func(pgx.Tx, sealedColumn) error) error {
	what := "sealed values of " + place
	for _, c := range sealedColumns() {
		if c.table == place {
			return wrap(what, pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
				if err := s.db.q.WithTx(tx).TakeTime(ctx); err != nil {
					return err
				}
				return f(tx, c)
			}))
		}
	}
	return fmt.Errorf("%s: there is no such place", what)
}
