package embeddedpg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The watcher is what ends the server where the kernel does not: here its script runs beside a
// stand-in for the postmaster, and its input ends as it does when signet dies.
func TestTheWatcherStopsThePostmasterWhenItsInputEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pidFile func(pid int) int
		killed  bool
	}{
		"the postmaster's own pid file":  {func(pid int) int { return pid }, true},
		"the pid file of a later server": {func(pid int) int { return pid + 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			data, socket := filepath.Join(base, "pg15"), filepath.Join(base, "run")
			standIn := exec.Command("sleep", "60")
			if err := standIn.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- standIn.Wait() }()
			t.Cleanup(func() { _ = standIn.Process.Kill() })
			for _, dir := range []string{data, socket} {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			line := strconv.Itoa(c.pidFile(standIn.Process.Pid)) + "\n"
			if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			watcher := exec.Command("/bin/sh", "-c", watchScript, "watcher", strconv.Itoa(standIn.Process.Pid), data, data, socket)
			input, err := watcher.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := watcher.Start(); err != nil {
				t.Fatal(err)
			}
			if err := input.Close(); err != nil {
				t.Fatal(err)
			}
			if err := watcher.Wait(); err != nil {
				t.Fatal(err)
			}
			if c.killed {
				<-ended
			} else if err := standIn.Process.Signal(syscall.Signal(0)); err != nil {
				t.Errorf("the stand-in was ended: %v", err)
			}
			for _, dir := range []string{data, socket} {
				if _, err := os.Stat(dir); !os.IsNotExist(err) {
					t.Errorf("%s is left", dir)
				}
			}
		})
	}
}
