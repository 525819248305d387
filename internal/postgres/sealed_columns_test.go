package postgres

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// What is in no list stays under a former master key, and is lost with it.
func TestEveryColumnOfSealedValuesIsRewrapped(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Config{URL: pgtest.New(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	rows, err := db.pool.Query(t.Context(), `SELECT table_name || '.' || column_name FROM information_schema.columns
	   WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name LIKE '%sealed%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, c := range sealedColumns() {
		known = append(known, c.table+"."+c.column)
	}
	if slices.Sort(known); !slices.Equal(stored, known) {
		t.Errorf("the schema has sealed values in %v, and known are %v: a new column needs a line in sealedColumns and in the Places of the package that seals it", stored, known)
	}
}
