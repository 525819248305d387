package postgres_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/postgres"
)

func TestChangesAreAnnouncedAlsoAfterAnInterruption(t *testing.T) {
	t.Parallel()
	w := build(t)
	ctx, stop := context.WithCancel(t.Context())
	type notice struct{ channel, payload string }
	heard, resyncs, done := make(chan notice, 64), make(chan struct{}, 8), make(chan struct{})
	go func() {
		defer close(done)
		w.Listen(ctx, slog.New(slog.DiscardHandler), func(channel, payload string) { heard <- notice{channel, payload} }, func() { resyncs <- struct{}{} })
	}()
	wait := func(what string, ok func(notice) bool) {
		t.Helper()
		for {
			select {
			case n := <-heard:
				if ok(n) {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("never heard of %s", what)
			}
		}
	}
	<-resyncs
	change := func(what string) {
		t.Helper()
		for _, sql := range []string{
			"UPDATE client SET name = name WHERE id = 'web'",
			"DELETE FROM client_secret WHERE hash = (SELECT hash FROM client_secret LIMIT 1)",
			"INSERT INTO client_origin (origin, client_id) VALUES (clock_timestamp()::text, 'web')",
		} {
			w.exec(t, sql)
			wait(what+": "+sql, func(n notice) bool { return n == notice{postgres.ChannelClient, "web"} })
		}
	}
	change("at first")
	w.exec(t, "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed, created_at) VALUES ('k', 'ES256', '{}', '', now())")
	wait("a key", func(n notice) bool { return n.channel == postgres.ChannelKeys })

	if n := w.count(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`); n != 1 {
		t.Fatalf("%d listeners", n)
	}
	select {
	case <-resyncs: // what was announced in between is lost, so everything is read again
	case <-time.After(20 * time.Second):
		t.Fatal("does not come back")
	}
	change("afterwards")
	stop()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("does not end with its context")
	}
}
