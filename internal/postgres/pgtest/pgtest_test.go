package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/postgres/pgtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func count(t *testing.T, dsn, sql string) (n int) {
	t.Helper()
	must(t, connect(t, dsn).QueryRow(t.Context(), sql).Scan(&n))
	return n
}

const appliedMigrations = "SELECT count(*) FROM goose_db_version WHERE version_id > 0"

func TestEachTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 8)
	t.Run("tests", func(t *testing.T) {
		for i := range cap(seen) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				dsn := pgtest.New(t)
				t.Logf("a database after %v", time.Since(began))
				if count(t, dsn, appliedMigrations) == 0 {
					t.Error("no migration is applied")
				}
				_, err := connect(t, dsn).Exec(t.Context(), "CREATE TABLE mine (i int)")
				must(t, err)
				seen <- dsn
			})
		}
	})
	close(seen)
	names := map[string]bool{}
	for dsn := range seen {
		names[dsn] = true
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("%s outlived its test", dsn)
		}
	}
	if len(names) != cap(seen) {
		t.Errorf("%d different databases for %d tests", len(names), cap(seen))
	}
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	if n := count(t, dsn, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
		t.Errorf("%d relations", n)
	}
}

func TestAPrivateClusterKeepsWhatWasCommittedBeforeAKill(t *testing.T) {
	t.Parallel()
	pg := pgtest.Cluster(t)
	conn := connect(t, pg.URL())
	_, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	must(t, err)
	pg.Kill(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the killed server still answers")
	}
	pgtest.Cluster(t) // sweeps what nobody has any more: not this
	pg.Start(t)
	if n := count(t, pg.URL(), "SELECT count(*) FROM kept"); n != 1000 {
		t.Errorf("%d rows", n)
	}
	if count(t, pg.URL(), appliedMigrations) == 0 {
		t.Error("no migration is applied")
	}
	pg.Stop(t)
	pg.Start(t)
	if n := count(t, pg.URL(), "SELECT count(*) FROM kept"); n != 1000 {
		t.Errorf("%d rows", n)
	}
}

// childMode makes TestChild act as a test of another process.
const childMode = "SIGNET_PGTEST_CHILD"

func TestChild(t *testing.T) {
	if os.Getenv(childMode) == "" {
		t.Skip("runs only as the child of other tests")
	}
	fmt.Println("DSN", pgtest.New(t))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// child is another test process that holds one database.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

func startChild(t *testing.T, env ...string) child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(append(os.Environ(), childMode+"=1"), env...)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return child{cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
}

func (c child) dsn(t *testing.T) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	must(t, err)
	dsn, found := strings.CutPrefix(strings.TrimSpace(line), "DSN ")
	if !found {
		rest, _ := io.ReadAll(c.out)
		t.Fatalf("the child says: %s%s", line, rest)
	}
	return dsn
}

// freshTmp is an empty temporary directory that PostgreSQL's user can pass through.
func freshTmp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgtest-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// postmaster returns the pid of the server that dsn names.
func postmaster(t *testing.T, dsn string) (pid int, dir string) {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	dir = filepath.Dir(u.Query().Get("host"))
	files, err := filepath.Glob(filepath.Join(dir, "pg*", "postmaster.pid"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("no postmaster in %s", dir)
	}
	b, err := os.ReadFile(files[0])
	must(t, err)
	_, err = fmt.Sscan(string(b), &pid)
	must(t, err)
	return pid, dir
}

func gone(pid int, dir string) bool {
	_, err := os.Stat(dir)
	return os.IsNotExist(err) && syscall.Kill(pid, 0) != nil
}

func TestNothingIsLeftOfAProcessHoweverItEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(child){
		"normally":   func(c child) { _ = c.stdin.Close() },
		"by SIGKILL": func(c child) { _ = c.cmd.Process.Kill() },
		"by SIGINT":  func(c child) { _ = c.cmd.Process.Signal(os.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startChild(t)
			pid, dir := postmaster(t, c.dsn(t))
			end(c)
			_ = c.cmd.Wait()
			eventually(t, "the server and its directory are gone", func() bool { return gone(pid, dir) })
		})
	}
}

func TestProcessesThatBeginAtOnceBuildOneSeed(t *testing.T) {
	t.Parallel()
	tmp := freshTmp(t)
	var children []child
	for range 3 {
		children = append(children, startChild(t, "TMPDIR="+tmp))
	}
	for _, c := range children {
		if count(t, c.dsn(t), appliedMigrations) == 0 {
			t.Error("no migration is applied")
		}
	}
	seeds, err := filepath.Glob(filepath.Join(tmp, "*", "seed-*"))
	must(t, err)
	builds, err := filepath.Glob(filepath.Join(tmp, "*", "build-*"))
	must(t, err)
	if len(seeds) != 1 || len(builds) != 0 {
		t.Errorf("seeds %v, builds %v", seeds, builds)
	}
	for _, c := range children {
		_ = c.stdin.Close()
		_ = c.cmd.Wait()
	}
	eventually(t, "all clusters are gone", func() bool {
		runs, _ := filepath.Glob(filepath.Join(tmp, "*", "run-*"))
		return len(runs) == 0
	})
}

func TestAProcessKilledWhileBuildingTheSeedDoesNotPoisonTheNext(t *testing.T) {
	t.Parallel()
	tmp := freshTmp(t)
	c := startChild(t, "TMPDIR="+tmp)
	eventually(t, "the build has begun", func() bool {
		found, _ := filepath.Glob(filepath.Join(tmp, "*", "build-*", "pg*", "postmaster.pid"))
		return len(found) == 1
	})
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	next := startChild(t, "TMPDIR="+tmp)
	if count(t, next.dsn(t), appliedMigrations) == 0 {
		t.Error("no migration is applied")
	}
	if builds, _ := filepath.Glob(filepath.Join(tmp, "*", "build-*")); len(builds) != 0 {
		t.Errorf("left behind: %v", builds)
	}
	_ = next.stdin.Close()
	_ = next.cmd.Wait()
}

func TestAnExternalServerIsUsedWhenNamed(t *testing.T) {
	t.Parallel()
	pg := pgtest.Cluster(t)
	const templates = "SELECT count(*) FROM pg_database WHERE datname ~ '^signet_template_'"
	const databases = "SELECT count(*) FROM pg_database WHERE datname ~ '^signet_test_'"
	u, err := url.Parse(pg.URL())
	must(t, err)
	keywords := fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable",
		u.Query().Get("host"), u.Query().Get("port"), u.Query().Get("user"), strings.TrimPrefix(u.Path, "/"))
	var children []child
	for _, dsn := range []string{pg.URL(), keywords} { // at once: one builds, the other waits
		children = append(children, startChild(t, "SIGNET_TEST_DATABASE_URL="+dsn))
	}
	for _, c := range children {
		if count(t, c.dsn(t), appliedMigrations) == 0 {
			t.Error("no migration is applied")
		}
	}
	if n := count(t, pg.URL(), templates); n != 1 {
		t.Errorf("%d templates", n)
	}
	if n := count(t, pg.URL(), databases); n != len(children) {
		t.Errorf("%d databases for %d children", n, len(children))
	}
	for _, c := range children {
		_ = c.stdin.Close()
		_ = c.cmd.Wait()
	}
	if n := count(t, pg.URL(), databases); n != 0 {
		t.Errorf("%d databases are left", n)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		pgtest.New(b)
	}
}
