package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

func TestShutdownFailsReadinessFirstAndFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, server.Config{ShutdownDelay: 300 * time.Millisecond, Routes: []server.Route{
		route("GET", "/slow", func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			select {
			case <-release:
				fmt.Fprint(w, "finished")
			case <-r.Context().Done():
				fmt.Fprint(w, "cut off")
			}
		}),
		route("GET", "/quick", ok),
	}})
	if res, _ := s.do("GET", s.ops+"/readyz", nil); res.StatusCode != 200 {
		t.Fatalf("ready: %d", res.StatusCode)
	}
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get(s.url + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(b)
	}()
	<-entered
	s.stop()

	// Readiness fails while the public listener still accepts.
	wait(t, "readiness to fail", func() bool {
		res, body := s.do("GET", s.ops+"/readyz", nil)
		return res.StatusCode == 503 && strings.Contains(body, "stopping")
	})
	if res, _ := s.do("GET", s.url+"/quick", nil); res.StatusCode != 200 {
		t.Errorf("during the delay: %d", res.StatusCode)
	}
	// Then the public listener closes, and the operators' one still answers.
	wait(t, "the public listener to close", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if res, _ := s.do("GET", s.ops+"/healthz", nil); res.StatusCode != 200 {
		t.Errorf("healthz while draining: %d", res.StatusCode)
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("the request in flight: %s", got)
	}
	s.stopped <- <-s.stopped // leave it for the clean-up to check
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.ops, "http://")); err == nil {
		_ = conn.Close()
		t.Error("the operators' listener is open after Serve returned")
	}
}

func TestShutdownCutsOffWhatOutlivesTheGrace(t *testing.T) {
	t.Parallel()
	s := newServer(t, server.Config{ShutdownGrace: 50 * time.Millisecond, Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Routes: []server.Route{
		{Method: "GET", Pattern: "/forever", Timeout: server.Streaming, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	res, err := http.Get("http://" + s.Addr().String() + "/forever")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cancel()
	select {
	case err = <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Serve waits for ever")
	}
	if err == nil || !strings.Contains(err.Error(), "still running after 50ms") {
		t.Errorf("Serve: %v", err)
	}
}

func TestStreamsLearnOfShutdown(t *testing.T) {
	t.Parallel()
	var s *server.Server
	s = newServer(t, server.Config{Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Routes: []server.Route{
		{Method: "GET", Pattern: "/stream", Timeout: server.Streaming, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "open")
			w.(http.Flusher).Flush()
			<-s.Stopping()
			fmt.Fprint(w, " closed")
		})},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	res, err := http.Get("http://" + s.Addr().String() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cancel()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "open closed" {
		t.Errorf("%q, %v", body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestABusyAddressIsOneSentenceThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for setting, cfg := range map[string]server.Config{
		"set server.listen (SIGNET_SERVER_LISTEN) to a free address": {Listen: taken.Addr().String(), OpsListen: "127.0.0.1:0"},
		"set ops.listen (SIGNET_OPS_LISTEN) to a free address":       {Listen: "127.0.0.1:0", OpsListen: taken.Addr().String()},
		"set ops.listen (SIGNET_OPS_LISTEN) to an address of this":   {Listen: "127.0.0.1:0", OpsListen: "192.0.2.1:0"},
	} {
		err := newServer(t, cfg).Run(context.Background())
		if err == nil || !strings.Contains(err.Error(), setting) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v\nwant %s", err, setting)
		}
	}
}

func newServer(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	cfg.Metrics = telemetry.NewMetrics(telemetry.Build{})
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReadinessNamesTheFailingCheckAndKeepsItsCauseForTheLog(t *testing.T) {
	t.Parallel()
	broken := make(chan error, 1)
	broken <- errors.New("postgres://signet:hunter2@db refused")
	s := start(t, server.Config{Checks: []server.Check{
		{Name: "database", Probe: func(context.Context) error {
			select {
			case err := <-broken:
				broken <- err
				return err
			default:
				return nil
			}
		}},
		{Name: "keys", Probe: func(context.Context) error { return nil }},
	}})
	for range 3 {
		res, body := s.do("GET", s.ops+"/readyz", nil)
		if want := `{"status":"unready","checks":{"database":"failing","keys":"ok"}}` + "\n"; res.StatusCode != 503 || body != want {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	}
	if got := s.log.records("readiness check fails"); len(got) != 1 || got[0]["check"] != "database" || !strings.Contains(fmt.Sprint(got[0]["error"]), "refused") {
		t.Errorf("logged %v", got)
	}
	<-broken
	res, body := s.do("GET", s.ops+"/readyz", nil)
	if want := `{"status":"ready","checks":{"database":"ok","keys":"ok"}}` + "\n"; res.StatusCode != 200 || body != want {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if got := s.log.records("readiness check passes"); len(got) != 1 {
		t.Errorf("logged %v", got)
	}
}

func TestAReadinessCheckThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s := start(t, server.Config{Checks: []server.Check{
		{Name: "deaf", Timeout: 20 * time.Millisecond, Probe: func(context.Context) error { <-release; return nil }},
	}})
	if res, body := s.do("GET", s.ops+"/readyz", nil); res.StatusCode != 503 || !strings.Contains(body, `"deaf":"timeout"`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestTheOperatorsPathsAreNotOnThePublicListener(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{})
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/"} {
		if res, _ := s.do("GET", s.url+path, nil); res.StatusCode != 404 {
			t.Errorf("public %s: %d", path, res.StatusCode)
		}
	}
	for path, status := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 404} {
		if res, _ := s.do("GET", s.ops+path, nil); res.StatusCode != status {
			t.Errorf("ops %s: %d", path, res.StatusCode)
		}
	}
	if res, _ := s.do("POST", s.ops+"/metrics", nil); res.StatusCode != 405 {
		t.Errorf("POST /metrics: %d", res.StatusCode)
	}
}
