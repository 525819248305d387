package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
			Handle: func(channel, payload string) error { heard <- notice{channel, payload}; return nil },
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

// pooler stands between a client and the server and passes on everything but announcements, as
// a pooler in transaction mode does. It returns the DSN.
func pooler(t *testing.T, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	must(t, err)
	if c.TLSConfig != nil {
		t.Skip("the server wants TLS, which cannot be looked into")
	}
	network, address := pgconn.NetworkAddress(c.Host, c.Port)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = front.Close() })
	pass := func(to, from net.Conn) {
		defer to.Close()
		for {
			head := make([]byte, 5) // a type and the length of what follows the type
			if _, err := io.ReadFull(from, head); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
			if _, err := io.ReadFull(from, body); err != nil {
				return
			}
			if head[0] == 'A' {
				continue
			}
			if _, err := to.Write(append(head, body...)); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := front.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				return
			}
			go pass(client, server)
			go func() {
				defer server.Close()
				_, _ = io.Copy(server, client)
			}()
		}
	}()
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: front.Addr().String(), Path: c.Database, RawQuery: "sslmode=disable"}
	return u.String()
}

func TestNothingIsCurrentWhereAnnouncementsDoNotArrive(t *testing.T) {
	t.Parallel()
	w := build(t)
	lost := make(chan struct{}, 1)
	go reach(t, pooler(t, w.dsn)).Listen(t.Context(), postgres.Listener{
		Handle: func(string, string) error { return nil },
		Resync: func(context.Context) error { return nil },
		Alive:  func(time.Time) { t.Error("says that all announcements were handled") },
		Lost:   func() { lost <- struct{}{} },
		Now:    time.Now,
		Log:    slog.New(slog.DiscardHandler),
	})
	select {
	case <-lost:
	case <-time.After(20 * time.Second):
		t.Error("listens to nothing")
	}
}

func TestAnAnnouncementThatCannotBeHeededHasEverythingReadAgain(t *testing.T) {
	t.Parallel()
	w := build(t)
	resyncs := make(chan struct{}, 8)
	go w.Listen(t.Context(), postgres.Listener{
		Handle: func(string, string) error { return errors.New("what is this?") },
		Resync: func(context.Context) error { resyncs <- struct{}{}; return nil },
		Alive:  func(time.Time) {},
		Lost:   func() {},
		Now:    time.Now,
		Log:    slog.New(slog.DiscardHandler),
	})
	<-resyncs
	w.exec(t, "NOTIFY "+postgres.ChannelCutoff+", 'of another kind'")
	select {
	case <-resyncs:
	case <-time.After(20 * time.Second):
		t.Error("goes on as if nothing had been missed")
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
