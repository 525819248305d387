package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/postgres"
)

// TestMain removes the binary that binary built.
func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

var builtIn string

// binary is cmd/signet, built once for all tests that need real processes.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "signet-e2e-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "signet")
	out, err := exec.Command("go", "build", "-o", path, "github.com/signet-id/signet/cmd/signet").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// install stores the default installation in a database.
func install(t *testing.T, dsn string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: dsn, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Install(t.Context(), apptest.Installation(t), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// replica is a `signet serve` process.
type replica struct {
	t           *testing.T
	issuer, dsn string
	public, ops string   // host:port
	settings    []string // further environment variables
	cmd         *exec.Cmd
	output      *lockedBuffer
	exited      chan struct{}
}

// newReplica reserves addresses; Start runs the process. An empty issuer means its own address.
func newReplica(t *testing.T, issuer, dsn string) *replica {
	t.Helper()
	r := &replica{t: t, issuer: issuer, dsn: dsn, public: freeAddress(t), ops: freeAddress(t), output: &lockedBuffer{}}
	if r.issuer == "" {
		r.issuer = r.url()
	}
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (r *replica) url() string { return "http://" + r.public }

// app is the replica for the helpers of apptest.
func (r *replica) app() *apptest.App {
	return &apptest.App{URL: r.url(), OpsURL: "http://" + r.ops, DSN: r.dsn}
}

// Start runs the process and waits until it is ready.
func (r *replica) Start() {
	r.t.Helper()
	path, err := binary()
	if err != nil {
		r.t.Fatalf("build signet: %v", err)
	}
	r.cmd = exec.Command(path, "serve")
	r.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "SIGNET_ISSUER=" + r.issuer, "SIGNET_SERVER_LISTEN=" + r.public, "SIGNET_OPS_LISTEN=" + r.ops,
		"DATABASE_URL=" + r.dsn, "SIGNET_KEYS_MASTER=" + apptest.MasterKey, "SIGNET_DATABASE_MAX_CONNS=8",
	}, r.settings...)
	r.cmd.Dir = r.t.TempDir() // no configuration file of anybody's
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	exited := make(chan struct{})
	r.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(r.cmd)
	r.t.Cleanup(func() {
		r.Kill()
		if r.t.Failed() {
			r.t.Logf("replica at %s:\n%s", r.public, r.output)
		}
	})
	eventually(r.t, "a replica that is ready", func() bool {
		select {
		case <-exited:
			r.t.Fatalf("signet serve ended:\n%s", r.output)
		default:
		}
		res, err := http.Get("http://" + r.ops + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// Kill ends the process as a crash does.
func (r *replica) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		<-r.exited
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// family is a refresh-token family as its client knows it.
type family struct{ token string }

// errLost is a request that got no whole answer.
var errLost = errors.New("no answer")

// errUnavailable is a refusal that says to try again: the token may or may not have been spent.
var errUnavailable = errors.New("temporarily unavailable")

// refresh spends the token at the address of a replica and keeps the successor. The error is
// errLost, errUnavailable, or says what the answer was.
func (f *family) refresh(ctx context.Context, base string) error {
	status, body, err := post(ctx, base+"/token", apptest.RefreshForm("spa", f.token))
	if err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if status == http.StatusServiceUnavailable && body["error"] == "temporarily_unavailable" {
		return errUnavailable
	}
	next, _ := body["refresh_token"].(string)
	if status != http.StatusOK || next == "" {
		return fmt.Errorf("status %d: %v", status, body)
	}
	f.token = next
	return nil
}
