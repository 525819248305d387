package embeddedpg_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/internal/errdefs"
)

// helperDir makes this test binary run a server in that directory until its input ends: the
// separate process whose death the tests watch.
const helperDir = "SIGNET_EMBEDDEDPG_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(m.Run())
}

func helper(dir string) int {
	s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{
		DataDir: dir, Durable: true, Ephemeral: os.Getenv(helperDir+"_EPHEMERAL") != "",
	})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", s.PID(), s.URL(), s.Dir())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}

// child is the helper process as a test sees it.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	pid   int // the postmaster's
	url   string
	dir   string
}

func startChild(t *testing.T, dir string, change func(*exec.Cmd)) child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	if change != nil {
		change(cmd)
	}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	words := strings.Fields(line)
	if words[0] != "ready" {
		t.Fatalf("the helper says: %s", line)
	}
	pid, err := strconv.Atoi(words[1])
	must(t, err)
	return child{cmd: cmd, stdin: stdin, pid: pid, url: words[2], dir: words[3]}
}

func (c child) kill(t *testing.T) {
	t.Helper()
	must(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
}

// openDir returns a fresh directory that an unprivileged user can pass through, which
// t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "signet-embeddedpg-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, cfg embeddedpg.Config) *embeddedpg.Server {
	t.Helper()
	s, err := embeddedpg.Start(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop(context.Background())) })
	return s
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	must(t, err)
}

func show(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(context.Background())
	var v string
	must(t, conn.QueryRow(t.Context(), sql).Scan(&v))
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func running(pid int) bool {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(b), ") Z ") // a zombie has ended
	}
	return syscall.Kill(pid, 0) == nil
}

func TestAClusterKeepsItsDataFromOneRunToTheNext(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	began := time.Now()
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir, Durable: true})
	must(t, err)
	t.Logf("cold start of %s: %v", s.Version(), time.Since(began))
	exec1(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	url := s.URL()
	must(t, s.Stop(t.Context()))
	must(t, s.Stop(t.Context()))

	began = time.Now()
	s = start(t, embeddedpg.Config{DataDir: dir, Durable: true})
	t.Logf("warm start: %v", time.Since(began))
	if s.URL() != url {
		t.Errorf("the DSN changed from %s to %s", url, s.URL())
	}
	if got := show(t, s.URL(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
}

func TestTheServerIsPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: openDir(t)})
	for setting, want := range map[string]string{
		"listen_addresses": "", "TimeZone": "UTC", "server_encoding": "UTF8", "max_connections": "100",
		"unix_socket_permissions": "0700",
	} {
		if got := show(t, s.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	sockets := show(t, s.URL(), "SELECT trim(both '\"' from current_setting('unix_socket_directories'))")
	for _, dir := range []string{sockets, s.Dir()} {
		info, err := os.Stat(dir)
		must(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", dir, info.Mode())
		}
	}
	if base := filepath.Base(s.Dir()); !strings.HasPrefix(s.Version(), strings.TrimPrefix(base, "pg")) {
		t.Errorf("version %s lives in %s", s.Version(), base)
	}
}

func TestDurableServersFlushEveryCommit(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: openDir(t), Durable: true})
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := show(t, s.URL(), "SHOW "+setting); got != "on" {
			t.Errorf("%s = %q", setting, got)
		}
	}
}

func TestADirectoryWithALongOrOddNameWorks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("long", 30), "comma, space + ü 'quote' \"double\""} {
		s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: filepath.Join(openDir(t), name)})
		must(t, err)
		if got := show(t, s.URL(), "SELECT current_database()::text"); got != "signet" {
			t.Errorf("%s: database %q", name, got)
		}
		if out, err := exec.Command("psql", "-XAtc", "SELECT 1", s.URL()).CombinedOutput(); err != nil {
			t.Errorf("%s: psql: %s", name, out)
		}
		sockets := show(t, s.URL(), "SELECT trim(both '\"' from current_setting('unix_socket_directories'))")
		must(t, s.Stop(t.Context()))
		if left, err := os.Stat(sockets); !os.IsNotExist(err) {
			t.Errorf("%s: %v is left outside the data directory", name, left)
		}
	}
}

func TestAServerThatItsCallerForgotGoesOnRunning(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "gone")
	url := func() string {
		s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir, Ephemeral: true})
		must(t, err)
		return s.URL()
	}()
	for range 3 { // finalizers run after one collection, what they free goes in the next
		runtime.GC()
	}
	if _, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir}); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("the lock: %v", err)
	}
	exec1(t, url, "SELECT pg_sleep(0.2)") // the watcher would interrupt it
}

func TestAnotherProcessInTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	start(t, embeddedpg.Config{DataDir: dir})
	_, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	if !errors.Is(err, errdefs.ErrConflict) || !strings.Contains(err.Error(), "in use by another signet") {
		t.Fatalf("err = %v", err)
	}
	if err := embeddedpg.Remove(dir); !errors.Is(err, errdefs.ErrConflict) {
		t.Fatalf("Remove of a running cluster: %v", err)
	}
}

func TestTheServerDiesWithAKilledParentAndTheNextStartFindsEveryCommit(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	c := startChild(t, dir, nil)
	exec1(t, c.url, "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	c.kill(t)
	// The next start does not wait for the orphan to be gone first.
	s := start(t, embeddedpg.Config{DataDir: dir, Durable: true})
	if running(c.pid) {
		t.Error("the postmaster of the killed parent still runs beside the new one")
	}
	if got := show(t, s.URL(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
}

func TestNothingRunsOnAfterItsParentIsKilled(t *testing.T) {
	t.Parallel()
	c := startChild(t, openDir(t), nil)
	if !running(c.pid) {
		t.Fatal("the postmaster does not run")
	}
	c.kill(t)
	eventually(t, "the postmaster ends", func() bool { return !running(c.pid) })
}

func TestAnEphemeralClusterIsRemovedWhenItsParentIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "gone")
	c := startChild(t, dir, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, helperDir+"_EPHEMERAL=1") })
	c.kill(t)
	eventually(t, "the directory goes", func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) })
	if running(c.pid) {
		t.Error("the postmaster still runs")
	}
}

func TestAParentKilledWhileInitialisingLeavesTheNextStartClean(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	must(t, cmd.Start())
	eventually(t, "initdb has begun", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "pg*.new-*", "PG_VERSION"))
		return len(found) == 1
	})
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	s := start(t, embeddedpg.Config{DataDir: dir})
	exec1(t, s.URL(), "SELECT 1")
	if left, _ := filepath.Glob(filepath.Join(dir, "pg*.new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAKilledPostmasterIsNoticedAndStartedAgain(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir, Durable: true})
	must(t, err)
	exec1(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	must(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	<-s.Done()
	must(t, s.Stop(t.Context()))
	began := time.Now()
	s = start(t, embeddedpg.Config{DataDir: dir, Durable: true})
	t.Logf("start after a crash: %v", time.Since(began))
	if got := show(t, s.URL(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
}

func TestAPIDFileThatNamesAnotherProgramDoesNotStopTheStart(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	must(t, s.Stop(t.Context()))
	bystander := exec.Command("sleep", "60")
	must(t, bystander.Start())
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })
	text := fmt.Sprintf("%d\n%s\n1\n5432\n/nowhere\n\n1 2\nready\n", bystander.Process.Pid, s.Dir())
	must(t, os.WriteFile(filepath.Join(s.Dir(), "postmaster.pid"), []byte(text), 0o600))
	s = start(t, embeddedpg.Config{DataDir: dir})
	exec1(t, s.URL(), "SELECT 1")
	if !running(bystander.Process.Pid) {
		t.Error("the other program was killed")
	}
}

func TestADirectoryThatIsNoClusterIsKeptAside(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	must(t, s.Stop(t.Context()))
	must(t, os.Remove(filepath.Join(s.Dir(), "global", "pg_control")))
	s = start(t, embeddedpg.Config{DataDir: dir})
	exec1(t, s.URL(), "SELECT 1")
	if _, err := os.Stat(s.Dir() + ".broken-1"); err != nil {
		t.Error(err)
	}
}

func TestADamagedClusterIsReportedInOneSentence(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	must(t, s.Stop(t.Context()))
	must(t, os.WriteFile(filepath.Join(s.Dir(), "PG_VERSION"), []byte("9.6\n"), 0o600))
	_, err = embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	if !errors.Is(err, errdefs.ErrUnavailable) || !strings.Contains(err.Error(), "incompatible") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("err = %v", err)
	}
	must(t, embeddedpg.Remove(dir)) // the failed start let go of the lock
}

func TestCancellingAStartEndsEverythingItBegan(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // within initdb
	defer cancel()
	if _, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir}); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Fatalf("err = %v", err)
	}
	s := start(t, embeddedpg.Config{DataDir: dir})
	exec1(t, s.URL(), "SELECT 1")
}

func TestRemoveForgetsTheClusterAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	must(t, os.WriteFile(filepath.Join(dir, "dev.json"), nil, 0o600))
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	must(t, s.Stop(t.Context()))
	must(t, embeddedpg.Remove(dir))
	must(t, embeddedpg.Remove(dir))
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "dev.json" {
		t.Errorf("left: %v", entries)
	}
}
