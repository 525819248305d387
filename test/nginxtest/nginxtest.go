// Package nginxtest runs an nginx for tests, in the foreground and in a directory of its own. It
// says what to do when nginx is missing.
package nginxtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Find returns the path of nginx. A test on a machine without it fails, unless
// SIGNET_TEST_SKIP_NGINX=1 says to do without.
func Find(t testing.TB) string {
	t.Helper()
	if os.Getenv("SIGNET_TEST_SKIP_NGINX") == "1" {
		t.Skip("SIGNET_TEST_SKIP_NGINX=1")
	}
	// Debian installs it where the PATH of ordinary people does not lead.
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("nginx is missing; run: apt-get install nginx (or brew install nginx), or set SIGNET_TEST_SKIP_NGINX=1")
	return ""
}

// Start runs nginx until the test ends: one server with the contents of the file, and an
// upstream for each name, at an address host:port. It returns the server's URL.
func Start(t testing.TB, file string, upstreams map[string]string) string {
	t.Helper()
	path := Find(t)
	included, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	address := freeAddress(t)
	var config bytes.Buffer
	if os.Getuid() == 0 {
		config.WriteString("user root;\n") // the directory is this test's own
	}
	config.WriteString("daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn;\nevents { worker_connections 128; }\nhttp {\naccess_log off;\n")
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		_, _ = fmt.Fprintf(&config, "%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	for name, to := range upstreams {
		_, _ = fmt.Fprintf(&config, "upstream %s { server %s; }\n", name, to)
	}
	_, _ = fmt.Fprintf(&config, "server { listen %s; include %s; }\n}\n", address, included)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), config.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), path, "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	output := filepath.Join(dir, "output")
	out, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that its workers end too
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-exited
		_ = out.Close()
		if said, err := os.ReadFile(output); err == nil && t.Failed() {
			t.Logf("nginx says:\n%s", said)
		}
	})
	wait(t, address, exited, output)
	return "http://" + address
}

func wait(t testing.TB, address string, exited <-chan struct{}, output string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var dialer net.Dialer
		if conn, err := dialer.DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-exited:
			said, _ := os.ReadFile(output)
			t.Fatalf("nginx ended:\n%s", said)
		case <-deadline:
			t.Fatal("nginx did not start")
		case <-tick.C:
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
