package embeddedpg

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

const (
	// pollEvery is how often a start looks at postmaster.pid.
	pollEvery = 2 * time.Millisecond
	// maxLog is the size, in bytes, at which a start begins a new log file.
	maxLog = 8 << 20
)

// process is a child that ends with this process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended; err is valid from then on
	err  error
}

// spawn starts cmd. The goroutine stays on its OS thread for the child's whole life: on Linux
// the child's death signal is tied to the thread that forked it, not to the process.
func spawn(cmd *exec.Cmd, onParentDeath syscall.Signal) (*process, error) {
	dieWithParent(cmd.SysProcAttr, onParentDeath)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop ends a postmaster: SIGINT ends sessions and writes a checkpoint; when ctx ends first
// SIGQUIT leaves the clean-up to the next start, and SIGKILL is the last resort.
func (p *process) stop(ctx context.Context) error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(sig) // fails when the process has ended, which is the aim
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
		}
	}
	<-p.done
	return nil
}

// launch starts the postmaster and waits until it accepts connections. After a postmaster was
// killed its last backends may hold the shared memory for a moment: then it tries again.
func (s *Server) launch(ctx context.Context) error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	for {
		start, err := log.Seek(0, io.SeekEnd)
		if err != nil {
			return unusable(s.layout.log, err)
		}
		cmd := s.command(s.install.tool("postgres"), s.settings()...)
		cmd.Stdout, cmd.Stderr = log, log
		p, err := spawn(cmd, stopWithParent)
		if err != nil {
			return errdefs.Say(errdefs.ErrUnavailable, err, "%s cannot be started as user %s (%v); check that this user may run it.",
				s.install.tool("postgres"), s.account.name, err)
		}
		err = s.awaitReady(ctx, p)
		if err == nil {
			s.process = p
			s.watcher, err = s.watch()
			return err
		}
		said := readFrom(s.layout.log, start)
		if !errors.Is(err, errEnded) {
			s.process = p
			return errdefs.Say(errdefs.ErrUnavailable, err, "the private PostgreSQL did not become ready in time; see %s", s.layout.log)
		}
		if !strings.Contains(said, "pre-existing shared memory block") {
			return errdefs.Say(errdefs.ErrUnavailable, p.err, "the private PostgreSQL did not start (%s); see %s", fatalLine(said), s.layout.log)
		}
		select {
		case <-ctx.Done():
			return errdefs.Say(errdefs.ErrUnavailable, ctx.Err(), "processes of an earlier PostgreSQL still use %s; end them and start again.", s.layout.data)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

var errEnded = errors.New("the server ended")

// awaitReady returns when the postmaster's own status line says ready.
func (s *Server) awaitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		file, err := readPIDFile(s.layout.data)
		if err == nil && file.pid == p.cmd.Process.Pid && file.status == "ready" {
			return nil
		}
		select {
		case <-p.done:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// settings are given on the command line: nothing in the data directory can differ from them,
// and the next version of signet can change them.
func (s *Server) settings() []string {
	set := []string{
		"listen_addresses=",
		`unix_socket_directories="` + strings.ReplaceAll(s.layout.socketDir, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"port=" + port,
		"max_connections=" + strconv.Itoa(s.cfg.MaxConnections),
		"shared_buffers=32MB",
		"TimeZone=UTC",
		"log_timezone=UTC",
		"cluster_name=signet",
		"logging_collector=off",
		"log_destination=stderr",
		// One server, never a replica of anything: the least write-ahead log.
		"wal_level=minimal",
		"max_wal_senders=0",
		"max_wal_size=256MB",
		// The statements are short; compiling them costs more than it saves.
		"jit=off",
	}
	if !s.cfg.Durable {
		// Without autovacuum no worker is ever connected to a database that is being cloned.
		set = append(set, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
	}
	args := []string{"-D", s.layout.data}
	for _, v := range append(set, s.cfg.Settings...) {
		args = append(args, "-c", v)
	}
	return args
}

// openLog opens the server's log for appending, keeping one older file.
func (s *Server) openLog() (*os.File, error) {
	if info, err := os.Stat(s.layout.log); err == nil && info.Size() > maxLog {
		_ = os.Rename(s.layout.log, s.layout.log+".old") // a failure only lets the log grow
	}
	f, err := os.OpenFile(s.layout.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(s.layout.log, err)
	}
	return f, nil
}

func readFrom(path string, offset int64) string {
	b, _ := os.ReadFile(path) // at worst the message lacks its reason
	return string(b[min(offset, int64(len(b))):])
}

// fatalLine picks the server's reason out of its log.
func fatalLine(said string) string {
	for line := range strings.Lines(said) {
		for _, mark := range []string{"FATAL:", "PANIC:"} {
			if _, reason, found := strings.Cut(line, mark); found {
				return strings.TrimSpace(reason)
			}
		}
	}
	return lastLine(said)
}

// pidFile is what a postmaster writes about itself.
type pidFile struct {
	pid    int
	status string // "starting", "ready", "stopping"; "" while it is still being written
}

func readPIDFile(dataDir string) (pidFile, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	lines := bytes.Split(b, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(lines[0])))
	if err != nil {
		return pidFile{}, err
	}
	f := pidFile{pid: pid}
	if len(lines) > 7 {
		f.status = string(bytes.TrimSpace(lines[7]))
	}
	return f, nil
}

// clearLeftovers deals with what a killed process left behind. The lock is ours, so a
// postmaster that still runs belongs to nobody: it is stopped. A pid that another program has
// got since would make PostgreSQL refuse to start, so the files that name it are removed;
// PostgreSQL still refuses by itself while an old backend holds the cluster's shared memory.
func (s *Server) clearLeftovers(ctx context.Context) error {
	file, err := readPIDFile(s.layout.data)
	if err == nil && isPostmaster(file.pid, s.layout.data) {
		s.cfg.Log.Info("stopping the PostgreSQL that an earlier run left behind")
		if err := endOrphan(ctx, file.pid, s.layout.data); err != nil {
			return err
		}
	}
	for _, path := range []string{
		filepath.Join(s.layout.data, "postmaster.pid"), s.layout.socketFile(), s.layout.socketFile() + ".lock",
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unusable(path, err)
		}
	}
	return nil
}

// endOrphan stops a postmaster that is not our child.
func endOrphan(ctx context.Context, pid int, dataDir string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = syscall.Kill(pid, sig) // a failure shows as a process that stays
		patience := time.After(8 * time.Second)
		for waiting := true; waiting; {
			if !isPostmaster(pid, dataDir) {
				return nil
			}
			select {
			case <-tick.C:
			case <-patience:
				waiting = false
			case <-ctx.Done():
				waiting = false
			}
		}
	}
	return errdefs.Say(errdefs.ErrConflict, ctx.Err(), "an earlier PostgreSQL (process %d) still uses %s; end it with `kill -QUIT %d` and start again.", pid, dataDir, pid)
}
