package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

// running is a server on two loopback ports.
type running struct {
	t       *testing.T
	url     string // of the public listener
	ops     string
	addr    string
	log     *logLines
	stop    context.CancelFunc
	stopped chan error // what Serve returned
	metrics *telemetry.Metrics
}

// start runs a server with cfg's routes and ends it with the test.
func start(t *testing.T, cfg server.Config) *running {
	t.Helper()
	r := &running{t: t, log: &logLines{}, stopped: make(chan error, 1), metrics: telemetry.NewMetrics(telemetry.Build{Version: "test"})}
	cfg.Listen, cfg.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Metrics = r.metrics
	cfg.Log = telemetry.NewLogger(r.log, slog.LevelDebug, "json")
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	go func() { r.stopped <- s.Serve(ctx) }()
	r.stop = cancel
	r.addr = s.Addr().String()
	r.url, r.ops = "http://"+r.addr, "http://"+s.OpsAddr().String()
	if cfg.TLS != nil {
		r.url = "https://" + r.addr
	}
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.stopped:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve did not return")
		}
	})
	return r
}

// do sends a request and returns the response with its body read.
func (r *running) do(method, url string, body io.Reader, header ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, string(b)
}

// raw writes bytes to the public listener and reads one response.
func (r *running) raw(text string) *http.Response {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

func (r *running) scrape() string {
	_, body := r.do("GET", r.ops+"/metrics", nil)
	return body
}

// wait polls until ok, and fails the test when that takes too long.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// logLines is a log that tests read back.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// records returns the records with this message.
func (l *logLines) records(msg string) []map[string]any {
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var rec map[string]any
		if json.Unmarshal([]byte(line), &rec) == nil && rec["msg"] == msg {
			out = append(out, rec)
		}
	}
	return out
}

func route(method, pattern string, f http.HandlerFunc) server.Route {
	return server.Route{Method: method, Pattern: pattern, Handler: f}
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}
