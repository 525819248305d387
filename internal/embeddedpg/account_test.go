package embeddedpg_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-id/signet/internal/embeddedpg"
)

// asNobody makes the helper run as an ordinary user, from a copy of this binary that the user
// can reach: go test's own directory is root's alone.
func asNobody(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	binary := filepath.Join(openDir(t), "helper")
	from, err := os.Open(os.Args[0])
	must(t, err)
	defer from.Close()
	to, err := os.OpenFile(binary, os.O_WRONLY|os.O_CREATE, 0o755)
	must(t, err)
	_, err = io.Copy(to, from)
	must(t, err)
	must(t, to.Close())
	return func(cmd *exec.Cmd) {
		cmd.Path = binary
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("changes users, which only root may; the other tests run as this ordinary user")
	}
}

func nobodysDir(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	must(t, os.Chown(dir, 65534, 65534))
	return dir
}

func uidOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Uid
}

func TestAnOrdinaryUserRunsTheServerAsThemselves(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	change, dir := asNobody(t), nobodysDir(t)
	c := startChild(t, dir, change)
	if got := uidOf(t, c.dir); got != 65534 {
		t.Errorf("the cluster belongs to %d", got)
	}
	exec1(t, c.url, "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	c.kill(t)
	eventually(t, "the postmaster ends", func() bool { return !running(c.pid) })

	c = startChild(t, dir, change)
	if got := show(t, c.url, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
	must(t, c.stdin.Close())
	must(t, c.cmd.Wait())
	if running(c.pid) {
		t.Error("the postmaster outlived a clean stop")
	}

	// Root takes the cluster over as the user whom it belongs to.
	s := start(t, embeddedpg.Config{DataDir: dir})
	if got := show(t, s.URL(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
}

func TestRootRunsTheClusterOfAUserWithoutAName(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	dir := openDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	must(t, s.Stop(t.Context()))
	const stranger = 54321
	must(t, filepath.WalkDir(s.Dir(), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, stranger, stranger)
	}))
	// The socket directory is remade: it belonged to the user who ran the server before.
	must(t, os.Remove(filepath.Join(dir, "run")))
	s = start(t, embeddedpg.Config{DataDir: dir})
	exec1(t, s.URL(), "SELECT 1")
	if got := uidOf(t, s.Dir()); got != stranger {
		t.Errorf("the cluster belongs to %d", got)
	}
}

func TestRootsServerRunsAsAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	s := start(t, embeddedpg.Config{DataDir: openDir(t)})
	if uidOf(t, s.Dir()) == 0 {
		t.Errorf("root owns %s", s.Dir())
	}
}

func TestAClusterThatItsUserCannotReachIsKeptElsewhere(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	dir := filepath.Join(t.TempDir(), "data") // t.TempDir is root's alone
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	t.Cleanup(func() { _ = embeddedpg.Remove(dir) })
	exec1(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	must(t, s.Stop(t.Context()))
	note, err := os.ReadFile(filepath.Join(dir, "postgres-location"))
	must(t, err)
	base := strings.TrimSpace(string(note))
	if filepath.Dir(s.Dir()) != base || !strings.HasPrefix(base, "/var/lib/signet-dev-") {
		t.Errorf("the note says %s, the cluster is %s", base, s.Dir())
	}

	// A renamed data directory still finds its cluster.
	moved := dir + "-moved"
	must(t, os.Rename(dir, moved))
	s, err = embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: moved})
	must(t, err)
	if got := show(t, s.URL(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("kept = %q", got)
	}
	must(t, s.Stop(t.Context()))
	must(t, os.Rename(moved, dir))

	// A wiped data directory begins anew.
	must(t, os.RemoveAll(dir))
	s, err = embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: dir})
	must(t, err)
	if got := show(t, s.URL(), "SELECT coalesce(to_regclass('kept')::text, 'nothing')"); got != "nothing" {
		t.Errorf("found %q", got)
	}
	must(t, s.Stop(t.Context()))
	must(t, embeddedpg.Remove(dir))
	if _, err := os.Stat(base); !os.IsNotExist(err) {
		t.Errorf("%s is left (%v)", base, err)
	}
}

func TestADirectoryOfAnotherUserIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	change := asNobody(t)
	closed := openDir(t)
	must(t, os.Chmod(closed, 0o700))
	foreign := nobodysDir(t)
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: foreign})
	must(t, err)
	must(t, s.Stop(t.Context()))
	must(t, os.Chown(filepath.Join(foreign, "pg.lock"), 65534, 65534))

	for dir, want := range map[string]string{
		closed:                       "cannot be used by user nobody (permission denied)",
		filepath.Join(closed, "sub"): "cannot be used by user nobody (permission denied)",
		foreign:                      "belongs to user",
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		change(cmd)
		out, err := cmd.Output()
		if err == nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), dir) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v: %s", dir, err, out)
		}
	}
}
