// Package nodetest runs Node.js with the packages of test/node, for tests. It installs the
// packages when they are missing and says what to do when Node.js is.
package nodetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Oldest is the first major version of Node.js that the tests run on.
const Oldest = 18

// Node is an installed Node.js and a directory with packages.
type Node struct {
	Dir   string // test/node
	path  string
	major int
}

// Find returns the Node.js on PATH, with the packages of test/node/package-lock.json. A test on
// a machine without it fails, unless SIGNET_TEST_SKIP_NODE=1 says to do without.
func Find(t testing.TB) Node {
	t.Helper()
	if os.Getenv("SIGNET_TEST_SKIP_NODE") == "1" {
		t.Skip("SIGNET_TEST_SKIP_NODE=1")
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node.js is missing; run: apt-get install nodejs npm (or brew install node), or set SIGNET_TEST_SKIP_NODE=1")
	}
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	if err != nil {
		t.Fatalf("node --version: %v", err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	major, err := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	if err != nil || major < Oldest {
		t.Fatalf("Node.js %s is too old; version %d or later is needed", version, Oldest)
	}
	n := Node{Dir: filepath.Join(Root(t), "test", "node"), path: path, major: major}
	n.install(t)
	return n
}

// Root is the module's directory.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the source directory is unknown")
	}
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Command is node with arguments.
func (n Node) Command(t testing.TB, args ...string) *exec.Cmd {
	if n.major < 20 {
		// Web Cryptography is behind a flag there, and the client library relies on it.
		args = append([]string{"--experimental-global-webcrypto"}, args...)
	}
	return exec.CommandContext(t.Context(), n.path, args...)
}

// install brings node_modules up to the lock file, once for all test processes at a time.
func (n Node) install(t testing.TB) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "signet-npm-ci-"+strconv.Itoa(os.Getuid())+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINTR) {
			t.Fatal(err)
		}
	}
	if n.installed(t) {
		return
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal("npm is missing; run: apt-get install npm (or brew install node), or set SIGNET_TEST_SKIP_NODE=1")
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund")
	cmd.Dir = n.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", n.Dir, err, out)
	}
}

// installed reports whether npm has installed what the lock file now says: it notes down
// when it did.
func (n Node) installed(t testing.TB) bool {
	t.Helper()
	done, err := os.Stat(filepath.Join(n.Dir, "node_modules", ".package-lock.json"))
	if err != nil {
		return false
	}
	wanted, err := os.Stat(filepath.Join(n.Dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	return !done.ModTime().Before(wanted.ModTime())
}
