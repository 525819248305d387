package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// wire is the way to a database, which can be cut.
type wire struct {
	front            net.Listener
	network, address string
	user, password   string
	database         string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

// newWire lays one to the database of dsn. It is skipped where the server wants TLS.
func newWire(t *testing.T, dsn string) *wire {
	t.Helper()
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if c.TLSConfig != nil {
		t.Skip("the server wants TLS for the address that it has")
	}
	w := &wire{user: c.User, password: c.Password, database: c.Database, conns: map[net.Conn]bool{}}
	w.network, w.address = pgconn.NetworkAddress(c.Host, c.Port)
	if w.front, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.front.Close(); w.cut() })
	go w.accept()
	return w
}

// dsn leads through the wire.
func (w *wire) dsn() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(w.user, w.password), Host: w.front.Addr().String(), Path: w.database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (w *wire) accept() {
	for {
		client, err := w.front.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(w.network, w.address)
		if err != nil || !w.keep(client, server) {
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_, _ = way[0].Close(), way[1].Close()
			}()
		}
	}
}

// keep remembers what cut closes; false while the wire is cut.
func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return false
	}
	for _, c := range conns {
		w.conns[c] = true
	}
	return true
}

// cut ends every connection and lets no other begin.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// mend lets connections begin again.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}
