package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
)

// migrationLock is the number of the advisory lock, which replicas of all versions share: it
// must never change.
const migrationLock int64 = 0x7369676e6574

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestReplicasThatMigrateAtOnceApplyEachMigrationOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	conn := connect(t, dsn)
	all, err := postgres.Pending(t.Context(), conn)
	if err != nil || all == 0 {
		t.Fatalf("before: %d pending, %v", all, err)
	}

	// As if another replica were in the middle of migrating: everybody waits.
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		t.Fatal(err)
	}
	const replicas = 4
	applied := make(chan int, replicas)
	var wg sync.WaitGroup
	for range replicas {
		wg.Go(func() {
			n, err := postgres.Up(t.Context(), secret.New(dsn), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Errorf("Up: %v", err)
			}
			applied <- n
		})
	}
	waiting := func() (n int) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'signet migrate' AND query LIKE '%pg_try_advisory_lock%'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(20 * time.Second); waiting() < replicas; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d replicas wait for the lock", waiting(), replicas)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n, err := postgres.Pending(t.Context(), conn); err != nil || n != all {
		t.Errorf("while another one migrates: %d pending, %v", n, err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock($1)", migrationLock); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	close(applied)
	total := 0
	for n := range applied {
		total += n
	}
	if total != all {
		t.Errorf("%d migrations applied, want %d", total, all)
	}
	if n, err := postgres.Pending(t.Context(), conn); err != nil || n != 0 {
		t.Errorf("after: %d pending, %v", n, err)
	}
	list, err := postgres.Status(t.Context(), secret.New(dsn))
	if err != nil || len(list) != all {
		t.Fatalf("status: %v, %v", list, err)
	}
	for _, m := range list {
		if m.AppliedAt.IsZero() || m.Version == 0 || !strings.HasSuffix(m.Name, ".sql") {
			t.Errorf("status: %+v", m)
		}
	}
}

func TestAMissingMigrationIsPendingAndANewerDatabaseIsNot(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	if _, err := conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
		t.Fatal(err)
	}
	if n, err := postgres.Pending(t.Context(), conn); err != nil || n != 0 {
		t.Errorf("newer database: %d pending, %v", n, err)
	}
	if _, err := conn.Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id = 1`); err != nil {
		t.Fatal(err)
	}
	if n, err := postgres.Pending(t.Context(), conn); err != nil || n != 1 {
		t.Errorf("older database: %d pending, %v", n, err)
	}
}

func TestMigratingADatabaseThatIsNotThereSaysWhatToDoAndKeepsThePassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dsn  string
		kind error
		want string
	}{
		"nobody listens": {"postgres://me:hunter2@127.0.0.1:1/x", errdefs.ErrUnavailable, "cannot reach the database, check database.url (DATABASE_URL)"},
		"no URL":         {"postgres://me:hunter2@host:port/x", errdefs.ErrInvalid, "database.url is not a PostgreSQL connection URL"},
	} {
		_, up := postgres.Up(t.Context(), secret.New(c.dsn), slog.New(slog.DiscardHandler))
		_, status := postgres.Status(t.Context(), secret.New(c.dsn))
		for _, err := range []error{up, status} {
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
