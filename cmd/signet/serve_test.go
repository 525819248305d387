package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// output is what a command wrote, readable while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// listening returns the addresses in the last log line that says so.
func (o *output) listening() (public, ops string) {
	for line := range strings.Lines(o.String()) {
		var rec struct{ Msg, Public, Ops string }
		if json.Unmarshal([]byte(line), &rec) == nil && rec.Msg == "listening" {
			public, ops = "http://"+rec.Public, "http://"+rec.Ops
		}
	}
	return public, ops
}

func environ(t *testing.T, more ...string) []string {
	return append([]string{
		"SIGNET_ISSUER=https://id.example.com",
		"DATABASE_URL=" + pgtest.New(t),
		"SIGNET_KEYS_MASTER=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"SIGNET_SERVER_LISTEN=127.0.0.1:0",
		"SIGNET_OPS_LISTEN=127.0.0.1:0",
	}, more...)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestServeAnswersOnTwoListenersUntilItIsToldToStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, log output
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"serve"}, environ(t), &out, &log) }()

	public, ops := "", ""
	for deadline := time.Now().Add(20 * time.Second); public == ""; public, ops = log.listening() {
		if time.Now().After(deadline) || len(code) > 0 {
			t.Fatalf("serve does not listen:\n%s", log.String())
		}
		time.Sleep(2 * time.Millisecond)
	}
	if status, _ := get(t, ops+"/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if status, body := get(t, ops+"/metrics"); status != 200 || !strings.Contains(body, "signet_build_info{") {
		t.Errorf("metrics: %d\n%s", status, body)
	}
	for _, path := range []string{"/nowhere", "/healthz", "/metrics"} {
		if status, _ := get(t, public+path); status != 404 {
			t.Errorf("public %s: %d", path, status)
		}
	}
	cancel()
	select {
	case c := <-code:
		if c != 0 {
			t.Errorf("exit status %d\n%s", c, log.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("serve goes on after it was told to stop")
	}
	if out.String() != "" {
		t.Errorf("standard output: %q", out.String())
	}
}

// A replica that starts before its database was migrated is alive and not ready, and nothing is
// sent to it until it serves.
func TestServeIsNotReadyWhileMigrationsArePendingAndServesOnceTheyAreApplied(t *testing.T) {
	t.Parallel()
	env := environ(t, "DATABASE_URL="+pgtest.Empty(t))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, log output
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"serve"}, env, &out, &log) }()
	t.Cleanup(func() { cancel(); <-code })
	await := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not happen:\n%s", what, log.String())
			}
		}
	}

	var public, ops string
	await("listening", func() bool { public, ops = log.listening(); return public != "" })
	if status, _ := get(t, ops+"/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if status, body := get(t, ops+"/readyz"); status != 503 || !strings.Contains(body, `"database":"ok","migrations":"failing","serving":"failing"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := get(t, public+"/.well-known/openid-configuration"); status != 503 || body == "" {
		t.Errorf("while it waits: %d %q", status, body)
	}

	if c := run(ctx, []string{"migrate"}, env, io.Discard, &out); c != 0 {
		t.Fatalf("migrate: %s", out.String())
	}
	await("the end of waiting", func() bool {
		// The listeners are closed and opened again: an answer, when there is one, must be true.
		res, err := http.Get(ops + "/readyz")
		if err != nil {
			return true
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode == 200 {
			t.Fatalf("ready while everything is refused: %s", body)
		}
		return err != nil || !strings.Contains(string(body), "unready")
	})
	await("serving", func() bool { return strings.Count(log.String(), `"msg":"listening"`) == 2 })
	public, ops = log.listening()
	if status, body := get(t, ops+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := get(t, public+"/.well-known/openid-configuration"); status != 200 {
		t.Errorf("discovery: %d", status)
	}
}

func TestServeOnABusyAddressSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	var out, log output
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	code := run(ctx, []string{"serve"}, append(environ(t), "SIGNET_OPS_LISTEN="+taken.Addr().String()), &out, &log)
	if want := "set ops.listen (SIGNET_OPS_LISTEN) to a free address"; code != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("status %d\n%s", code, log.String())
	}
}
