package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/dev"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// devProcess is a `signet dev` in a process of its own.
type devProcess struct {
	dev.State
	cmd    *exec.Cmd
	out    *output
	exited chan struct{} // closed when the process has ended
}

// startDev starts `signet dev` on free ports and waits until dev.json says that it serves.
func startDev(t *testing.T, dataDir string, environ ...string) *devProcess {
	t.Helper()
	return startDevWith(t, dataDir, nil, environ...)
}

// startDevWith is startDev with further flags.
func startDevWith(t *testing.T, dataDir string, flags []string, environ ...string) *devProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &devProcess{out: &output{}, exited: make(chan struct{})}
	// TestMain makes a test binary that is called signet the command itself.
	p.cmd = &exec.Cmd{
		Path: self, Args: append([]string{"signet", "dev", "--data-dir", dataDir, "--port=0", "--ops-port=0", "--frontend-port=0", "--orders-port=0", "--mail-port=0", "--partner-port=0"}, flags...),
		Env: append(os.Environ(), environ...), Stdout: p.out, Stderr: p.out,
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is looked at where it matters
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Interrupt) // fails when it has ended, which is the aim
		select {
		case <-p.exited:
		case <-time.After(30 * time.Second):
			_ = p.cmd.Process.Kill()
			t.Errorf("signet dev does not stop\n%s", p.out)
		}
	})
	p.await(t, "signet dev to be ready", func() bool {
		select {
		case <-p.exited:
			t.Fatalf("signet dev ended\n%s", p.out)
		default:
		}
		b, err := os.ReadFile(filepath.Join(dataDir, "dev.json"))
		return err == nil && json.Unmarshal(b, &p.State) == nil && p.PID == p.cmd.Process.Pid
	})
	return p
}

// await waits for a condition that is bound to come.
func (p *devProcess) await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s\n%s", what, p.out)
		}
	}
}

// end sends a signal and waits for the process and for its PostgreSQL to be gone.
func (p *devProcess) end(t *testing.T, sig os.Signal) {
	t.Helper()
	postmaster := p.postmaster(t)
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	p.await(t, "the process to end", func() bool {
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	})
	p.await(t, "PostgreSQL to end", func() bool { return gone(postmaster) })
}

// gone reports whether a process has ended; a zombie, which init may be slow to bury, has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// postmaster returns the process id of the private PostgreSQL, wherever its files are.
func (p *devProcess) postmaster(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(p.Database)
	if err != nil {
		t.Fatal(err)
	}
	bases := []string{p.DataDir, filepath.Dir(u.Query().Get("host"))}
	if note, err := os.ReadFile(filepath.Join(p.DataDir, "postgres-location")); err == nil {
		bases = append(bases, strings.TrimSpace(string(note)))
	}
	for _, base := range bases {
		files, _ := filepath.Glob(filepath.Join(base, "pg*", "postmaster.pid"))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			first, _, _ := strings.Cut(string(b), "\n")
			if pid, err := strconv.Atoi(first); err == nil {
				return pid
			}
		}
	}
	t.Fatalf("no postmaster.pid below %v", bases)
	return 0
}

func (p *devProcess) secret(t *testing.T, id string) string {
	t.Helper()
	for _, c := range p.Clients {
		if c.ID == id {
			return c.Secret
		}
	}
	t.Fatalf("dev.json knows no client %s", id)
	return ""
}

// post sends a form with a client's credentials and returns the JSON answer.
func (p *devProcess) post(t *testing.T, path, clientID string, form url.Values) map[string]any {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(p.secret(t, clientID)))
	return fetch(t, req, http.StatusOK)
}

func fetch(t *testing.T, req *http.Request, want int) map[string]any {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != want {
		t.Fatalf("%s: status %d, want %d\n%s", req.URL, res.StatusCode, want, b)
	}
	return decoded(t, string(b))
}

func decoded(t *testing.T, body string) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return object
}

// machineReadsOrders is what a script does with dev.json.
func (p *devProcess) machineReadsOrders(t *testing.T) {
	t.Helper()
	answer := p.post(t, "/token", "demo-machine", url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}})
	token, _ := answer["access_token"].(string)
	req, err := http.NewRequest(http.MethodGet, p.Orders+"/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	list := fetch(t, req, http.StatusOK)
	if orders, _ := list["orders"].([]any); list["tenant"] != "acme" || len(orders) == 0 {
		t.Errorf("the machine of acme sees %v", list)
	}
	if facts := p.post(t, "/introspect", "demo-orders", url.Values{"token": {token}}); facts["active"] != true {
		t.Errorf("introspection by the orders service: %v", facts)
	}
}

// showsItsMail puts a message into the outbox and waits until it is on the page.
func (p *devProcess) showsItsMail(t *testing.T) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(p.DataDir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.ParseMaster(secret.New(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := mail.NewWriter(envelope.New(m), true, time.Now).Seal(mail.Message{Kind: mail.PasswordChanged, To: "nobody@acme.example", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: p.Database, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Mail().Enqueue(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	p.await(t, "the message", func() bool {
		_, body := get(t, p.Mail+"/messages.json?to=nobody@acme.example")
		return strings.Contains(body, "Your password was changed")
	})
}

// keyIDs returns the identifiers of the published keys. While data is kept, none disappears
// from one run to the next; further ones may be published by the time.
func (p *devProcess) keyIDs(t *testing.T) []string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.Issuer+"/.well-known/jwks.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := fetch(t, req, http.StatusOK)["keys"].([]any)
	var ids []string
	for _, k := range keys {
		key, _ := k.(map[string]any)
		kid, _ := key["kid"].(string)
		ids = append(ids, kid)
	}
	if len(ids) == 0 || slices.Contains(ids, "") {
		t.Fatalf("published keys: %v", keys)
	}
	return ids
}

// sameKeys reports whether all of the former keys are still published.
func (p *devProcess) sameKeys(t *testing.T, former []string) bool {
	t.Helper()
	now := p.keyIDs(t)
	return !slices.ContainsFunc(former, func(kid string) bool { return !slices.Contains(now, kid) })
}

func forgetAtEnd(t *testing.T, dataDir string) {
	t.Cleanup(func() {
		if _, _, err := dev.Forget(dataDir); err != nil {
			t.Error(err)
		}
	})
}

func TestDevKeepsItsDataThroughCtrlCAndThroughBeingKilled(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)

	first := startDev(t, dataDir)
	first.machineReadsOrders(t)
	if status, body := get(t, first.Mail); status != http.StatusOK || !strings.Contains(body, "No messages yet") {
		t.Errorf("the mailbox: %d", status)
	}
	first.showsItsMail(t)
	if status, _ := get(t, first.Ops+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	if info, err := os.Stat(filepath.Join(dataDir, "dev.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("dev.json holds secrets: %v %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dataDir, "master.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("master.key: %v %v", info, err)
	}
	for _, want := range []string{first.Frontend, first.Orders, first.Issuer, first.Mail, "ada@acme.example", "Ctrl-C stops everything; data is kept in"} {
		if !strings.Contains(first.out.String(), want) {
			t.Errorf("the terminal does not show %q\n%s", want, first.out)
		}
	}
	if strings.Contains(first.out.String(), "\x1b") {
		t.Error("colour without a terminal")
	}
	keys, machineSecret := first.keyIDs(t), first.secret(t, "demo-machine")
	first.end(t, os.Interrupt)
	if status := first.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("Ctrl-C ends it with status %d\n%s", status, first.out)
	}
	if b, err := os.ReadFile(filepath.Join(dataDir, "dev.json")); err != nil || bytes.Contains(b, []byte(`"pid"`)) {
		t.Errorf("dev.json says that something runs: %v\n%s", err, b)
	}

	second := startDev(t, dataDir)
	second.machineReadsOrders(t)
	if !second.sameKeys(t, keys) || second.secret(t, "demo-machine") != machineSecret {
		t.Error("the second run has other keys or secrets")
	}
	second.end(t, os.Kill)

	third := startDev(t, dataDir)
	third.machineReadsOrders(t)
	if !third.sameKeys(t, keys) {
		t.Error("after a kill the keys are others")
	}
	third.end(t, syscall.SIGTERM)
	if status := third.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("SIGTERM ends it with status %d\n%s", status, third.out)
	}
}

// breakOff starts `signet dev`, sends a signal after a while and returns what it said and how
// it ended.
func breakOff(t *testing.T, dataDir string, after time.Duration, sig os.Signal) (said string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out output
	cmd := &exec.Cmd{
		Path: self, Args: []string{"signet", "dev", "--data-dir", dataDir, "--port=0", "--ops-port=0", "--frontend-port=0", "--orders-port=0", "--mail-port=0", "--partner-port=0"},
		Env: os.Environ(), Stderr: &out,
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after) // which moment that is does not matter: any will do
	_ = cmd.Process.Signal(sig)
	_ = cmd.Wait() // the status says how it ended
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestDevRecoversFromAKillAtAnyMomentOfItsFirstStart(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	for _, after := range []time.Duration{40, 150, 400, 700} {
		breakOff(t, dataDir, after*time.Millisecond, os.Kill)
	}
	p := startDev(t, dataDir)
	p.machineReadsOrders(t)
}

func TestCtrlCAtAnyMomentOfTheFirstStartIsNoFailure(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	for _, after := range []time.Duration{100, 200, 400, 700, 1000} {
		said, status := breakOff(t, dataDir, after*time.Millisecond, os.Interrupt)
		// Before the program has asked for the signal, it ends the process itself: status -1.
		if status > 0 || said != "" {
			t.Errorf("after %d ms: status %d\n%s", after, status, said)
		}
	}
	p := startDev(t, dataDir)
	p.machineReadsOrders(t)
}

// devFails runs `signet dev` where it cannot start and returns what it says.
func devFails(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out, errs output
	if code := run(ctx, append([]string{"dev"}, args...), nil, &out, &errs); code != 1 {
		t.Errorf("status %d\n%s", code, errs.String())
	}
	if out.String() != "" {
		t.Errorf("standard output: %q", out.String())
	}
	said := strings.TrimSpace(errs.String())
	if strings.Contains(said, "\n") {
		t.Errorf("more than one sentence:\n%s", said)
	}
	return said
}

func TestDevSaysInOneSentenceWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	busy := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	free := []string{"--port=0", "--ops-port=0", "--frontend-port=0", "--orders-port=0", "--mail-port=0", "--partner-port=0"}
	with := func(flags ...string) []string { return append(free[:len(free):len(free)], flags...) }
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "dev.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	orphaned := t.TempDir()
	if err := os.WriteFile(filepath.Join(orphaned, "dev.json"), []byte(`{"seed":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := "postgres://signet@127.0.0.1:1/signet"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a busy port":                  {with("--port", busy), "port " + busy + " for the identity server is in use by another program: stop that one, or choose another with --port"},
		"a busy port of an app":        {with("--orders-port", busy), "choose another with --orders-port"},
		"a busy port of the mailbox":   {with("--mail-port", busy), "choose another with --mail-port"},
		"a port that does not exist":   {with("--frontend-port", "99999"), "choose one from 0 to 65535 with --frontend-port"},
		"a file for a directory":       {with("--data-dir", file), "choose another data directory with --data-dir"},
		"a dev.json that is none":      {with("--data-dir", broken), "remove it, and it is written again"},
		"a master key that is gone":    {with("--data-dir", orphaned, "--database-url", nobody), "put it back, or begin anew with signet dev forget"},
		"a database that is not there": {with("--database-url", nobody), "the database that --database-url names does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := test.args
			if !slices.Contains(args, "--data-dir") {
				dataDir := filepath.Join(t.TempDir(), "dev")
				forgetAtEnd(t, dataDir)
				args = append(args, "--data-dir", dataDir)
			}
			if said := devFails(t, args...); !strings.Contains(said, test.want) {
				t.Errorf("%s\nwant %q in it", said, test.want)
			}
		})
	}
}

func TestASecondDevOnTheSameDataIsTurnedAway(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "dev")
	forgetAtEnd(t, dataDir)
	p := startDev(t, dataDir)
	if said := devFails(t, "--data-dir", dataDir, "--port=0", "--ops-port=0", "--frontend-port=0", "--orders-port=0", "--mail-port=0", "--partner-port=0"); !strings.Contains(said, "another signet dev uses the data directory") {
		t.Error(said)
	}
	if said := devFails(t, "forget", "--data-dir", dataDir); !strings.Contains(said, "another signet dev uses the data directory") {
		t.Error(said)
	}
	p.machineReadsOrders(t) // and it goes on undisturbed
	p.end(t, os.Interrupt)
	if _, existed, err := dev.Forget(dataDir); err != nil || !existed {
		t.Errorf("forget: %v %v", existed, err)
	}
	if _, err := os.Stat(dataDir); !errors.Is(err, os.ErrNotExist) {
		left, _ := filepath.Glob(dataDir + "/*")
		t.Errorf("forget leaves %v", left)
	}
}
