package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

func kinds(err error) (out []string) {
	for name, kind := range map[string]error{
		"not found": errdefs.ErrNotFound, "conflict": errdefs.ErrConflict, "invalid": errdefs.ErrInvalid,
		"denied": errdefs.ErrDenied, "unauthenticated": errdefs.ErrUnauthenticated, "unavailable": errdefs.ErrUnavailable,
	} {
		if errors.Is(err, kind) {
			out = append(out, name)
		}
	}
	return out
}

func TestEveryErrorLeavesWithItsKind(t *testing.T) {
	t.Parallel()
	w := build(t)
	check := func(name string, err error, want ...string) {
		t.Helper()
		if got := kinds(err); err == nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v is %v, want %v", name, err, got, want)
		}
	}
	ctx := t.Context()
	_, err := w.Directory().FindUser(ctx, id.NewUser(time.Now()))
	check("no row", err, "not found")
	check("a token that is taken", w.Sessions().Begin(ctx, secret.New("browser").Hash(), session.New(w.ada, time.Now(), session.Lifetimes{})), "conflict")
	check("a reference to nothing", w.Sessions().Begin(ctx, secret.New("x").Hash(), session.New(id.NewUser(time.Now()), time.Now(), session.Lifetimes{})), "invalid")
	_, err = w.Directory().FindUserByEmail(ctx, "a\x00@b")
	check("a NUL in a text", err, "invalid")
	_, err = w.Clients().FindClient(ctx, "a\xff")
	check("invalid UTF-8 in a text", err, "invalid")

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = w.Directory().FindUser(gone, w.ada)
	check("a caller that has gone", err) // no kind: nobody is there to be told
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, err = w.Directory().FindUser(late, w.ada)
	check("a deadline that has passed", err, "unavailable")
}

func TestADatabaseThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"nobody listens": "postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable",
		"no such host":   "postgres://u:hunter2@nowhere.invalid:5432/db",
		"no such socket": "postgres:///db?host=/nonexistent&user=u&password=hunter2",
	} {
		db := reach(t, dsn)
		err := db.Ping(t.Context())
		if !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is in %v", name, err)
		}
		if _, err := db.Clean(t.Context(), time.Now()); !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("%s, cleaning: %v", name, err)
		}
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://u:hunter2@[::1/db"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a URL that cannot be read: %v", err)
	}
}

func TestAStatementThatTakesTooLongIsUnavailable(t *testing.T) {
	t.Parallel()
	w := build(t)
	// Cancelled by hand, with the error code of statement_timeout, which is too long for a test.
	db := reach(t, w.dsn)
	lock, err := w.conn.Begin(t.Context())
	must(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE user_account IN ACCESS EXCLUSIVE MODE")
	must(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := db.Directory().FindUser(context.WithoutCancel(t.Context()), w.ada)
		done <- err
	}()
	killer := connect(t, w.dsn)
	eventually(t, "the statement waits and is cancelled", func() bool {
		var n int
		must(t, killer.QueryRow(t.Context(), `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
		return n == 1
	})
	if err := <-done; !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("a cancelled statement: %v", err)
	}
	must(t, lock.Rollback(t.Context()))
}

func TestAKilledConnectionIsUnavailableOnceAndThenReplaced(t *testing.T) {
	t.Parallel()
	w := build(t)
	lock, err := w.conn.Begin(t.Context())
	must(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE user_account IN ACCESS EXCLUSIVE MODE")
	must(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := w.Directory().FindUser(context.WithoutCancel(t.Context()), w.ada)
		done <- err
	}()
	killer := connect(t, w.dsn)
	eventually(t, "the statement waits and its backend is killed", func() bool {
		var n int
		must(t, killer.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
		return n == 1
	})
	if err := <-done; !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	must(t, lock.Rollback(t.Context()))
	if _, err := w.Directory().FindUser(t.Context(), w.ada); err != nil {
		t.Errorf("the next question: %v", err)
	}
}

func TestADeadlockIsUnavailableSinceARetryMayWork(t *testing.T) {
	t.Parallel()
	w := build(t)
	// So that the other side is the one who finds out.
	if _, err := w.conn.Exec(t.Context(), "SET deadlock_timeout = '10s'"); err != nil {
		t.Skipf("needs a superuser: %v", err)
	}
	tx, err := w.conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "UPDATE tenant SET name = name WHERE slug = 'globex'")
	must(t, err)
	in := holding()
	in.Clients[0].OwnerTenant = ""
	other := reach(t, w.dsn)
	done := make(chan error, 1)
	// Installing updates the client, then waits for this transaction's new role.
	_, err = tx.Exec(t.Context(), "INSERT INTO resource_server (audience, name) VALUES ('https://z.example', 'Z')")
	must(t, err)
	in.ResourceServers = append(in.ResourceServers, in.ResourceServers[0], in.ResourceServers[0])
	in.ResourceServers[1].Audience, in.ResourceServers[2].Audience = "https://first.example", "https://z.example"
	go func() { done <- other.Install(context.WithoutCancel(t.Context()), in, time.Now()) }()
	watch := connect(t, w.dsn)
	eventually(t, "the installation waits", func() bool {
		var n int
		must(t, watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n))
		return n == 1
	})
	released := make(chan struct{})
	go func() {
		defer close(released)
		_, _ = tx.Exec(context.WithoutCancel(t.Context()), "INSERT INTO resource_server (audience, name) VALUES ('https://first.example', 'F')")
		_ = tx.Rollback(context.WithoutCancel(t.Context()))
	}()
	if err := <-done; !errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	<-released // the connection is closed when the test ends
}
