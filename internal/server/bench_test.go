package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// BenchmarkAnAnswerFromMemory measures what this package adds to net/http for a document that
// verifiers ask for all day, without a network: the same connection gives the same request over and
// over. Deadlines cost nothing here; `make bench` measures those.
func BenchmarkAnAnswerFromMemory(b *testing.B) {
	request := []byte("GET /jwks.json HTTP/1.1\r\nHost: issuer.example\r\nIf-None-Match: \"x\"\r\n\r\n")
	same := []string{"same"}
	unchanged := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Etag"], h["Cache-Control"], h["Access-Control-Allow-Origin"] = same, same, same
		w.WriteHeader(http.StatusNotModified)
	})
	s, err := New(Config{
		Routes:  []Route{{Method: "GET", Pattern: "/jwks.json", Handler: unchanged, Quiet: true}},
		Metrics: telemetry.NewMetrics(telemetry.Build{}), Log: telemetry.NewLogger(telemetry.NewBatch(io.Discard), slog.LevelInfo, "json"),
	})
	if err != nil {
		b.Fatal(err)
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = w.Header()
		w.WriteHeader(http.StatusNotModified)
	})
	for name, server := range map[string]*http.Server{"bare": {Handler: bare}, "bare with the headers": {Handler: unchanged}, "all of it": s.public} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c := &tape{request: request, left: b.N, done: make(chan struct{})}
			go func() { _ = server.Serve(&once{conn: c, done: c.done}) }()
			<-c.done
		})
	}
}

// tape is a connection on which the same request arrives so many times.
type tape struct {
	request []byte
	at      int
	left    int
	done    chan struct{}
}

func (c *tape) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.request[c.at:])
	if c.at += n; c.at == len(c.request) {
		c.at, c.left = 0, c.left-1
	}
	return n, nil
}

func (c *tape) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte("HTTP/1.1 304")) {
		panic(string(p))
	}
	return len(p), nil
}

func (c *tape) Close() error { close(c.done); return nil }
func (*tape) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:80"))
}
func (*tape) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:9"))
}
func (*tape) SetDeadline(time.Time) error        { return nil }
func (*tape) SetReadDeadline(time.Time) error    { return nil }
func (*tape) SetWriteDeadline(t time.Time) error { return nil }

// once is a listener that accepts one connection.
type once struct {
	conn net.Conn
	done chan struct{}
}

func (l *once) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (*once) Close() error   { return nil }
func (*once) Addr() net.Addr { return &net.TCPAddr{} }
