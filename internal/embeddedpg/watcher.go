package embeddedpg

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/signet-id/signet/internal/errdefs"
)

const (
	// stopWithParent is what a postmaster gets when this process dies: a clean, fast shutdown.
	stopWithParent = syscall.SIGINT
	// killWithParent is for programs whose work is thrown away when it is not finished.
	killWithParent = syscall.SIGKILL
)

// watcher is a shell that waits for this process to end, which it notices by the end of its
// input, and then stops the postmaster and removes an ephemeral cluster. It acts when nothing
// in this process can: after os.Exit, a panic or SIGKILL.
type watcher struct {
	cmd   *exec.Cmd
	input io.Closer
}

// watchScript takes the postmaster's pid, its data directory, and what to remove after it.
const watchScript = `
pid=$1 data=$2
shift 2
read -r _
running() { [ "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" = "$pid" ] && kill -0 "$pid" 2>/dev/null; }
running && kill -INT "$pid" 2>/dev/null
n=0
while running && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.05; done
running && kill -KILL "$pid" 2>/dev/null
[ $# -gt 0 ] && rm -rf -- "$@" 2>/dev/null
[ $# -gt 0 ] && rmdir -- "${data%/*}" 2>/dev/null
exit 0
`

// watch starts the watcher where one is needed.
func (s *Server) watch() (*watcher, error) {
	if kernelStopsOrphans && !s.cfg.Ephemeral {
		return nil, nil
	}
	args := []string{"-c", watchScript, "signet-pg-watcher", strconv.Itoa(s.PID()), s.layout.data}
	if s.cfg.Ephemeral {
		args = append(args, s.layout.removable()...)
	}
	cmd := exec.Command("/bin/sh", args...) //nolint:noctx // outlives this process by design
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not meant for it
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errdefs.Say(errdefs.ErrUnavailable, err, "/bin/sh cannot be started (%v), so PostgreSQL could outlive signet.", err)
	}
	return &watcher{cmd: cmd, input: input}, nil
}

// dismiss ends the watcher without letting it act.
func (w *watcher) dismiss() {
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // reports the kill
	_ = w.input.Close()
}
