package postgres_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/postgres"
)

func TestChangesAreAnnouncedAlsoAfterAnInterruption(t *testing.T) {
	t.Parallel()
	w := build(t)
	ctx, stop := context.WithCancel(t.Context())
	type notice struct{ channel, payload string }
	heard, resyncs, lost, done := make(chan notice, 64), make(chan struct{}, 8), make(chan struct{}, 8), make(chan struct{})
	var alive atomic.Int64
	go func() {
		defer close(done)
		w.Listen(ctx, postgres.Listener{
			Handle: func(channel, payload string) { heard <- notice{channel, payload} },
			Resync: func(context.Context) error { resyncs <- struct{}{}; return nil },
			Alive:  func(at time.Time) { alive.Store(at.UnixNano()) },
			Lost:   func() { alive.Store(0); lost <- struct{}{} },
			Now:    time.Now,
			Log:    slog.New(slog.DiscardHandler),
		})
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
	w.exec(t, "INSERT INTO revocation (kind, subject, expires_at) VALUES ('grant', 'g-1', to_timestamp(1800000000.5))")
	wait("a cutoff", func(n notice) bool { return n == notice{postgres.ChannelCutoff, "1800000001 grant g-1"} })
	w.exec(t, "UPDATE revocation SET expires_at = to_timestamp(1900000000)")
	wait("a cutoff that lasts longer", func(n notice) bool { return n == notice{postgres.ChannelCutoff, "1900000000 grant g-1"} })
	for since := time.Now().UnixNano(); alive.Load() < since; { // the heart goes on beating
		runtime.Gosched()
	}
	w.exec(t, "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed, created_at) VALUES ('k', 'ES256', '{}', '', now())")
	wait("a key", func(n notice) bool { return n.channel == postgres.ChannelKeys })

	if n := w.count(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signet listener'`); n != 1 {
		t.Fatalf("%d listeners", n)
	}
	select {
	case <-lost:
	case <-time.After(20 * time.Second):
		t.Fatal("does not notice that the connection broke")
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

func TestOnlyWholeCutoffsAreRead(t *testing.T) {
	t.Parallel()
	c, err := postgres.ParseCutoff("1800000000 session ses_1")
	if err != nil || c.Kind != "session" || c.Subject != "ses_1" || c.ExpiresAt.Unix() != 1800000000 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", " ", "1", "1 grant", "1 grant ", "1  g", "x grant g", "1.5 grant g"} {
		if c, err := postgres.ParseCutoff(bad); err == nil {
			t.Errorf("%q: %+v", bad, c)
		}
	}
}
