package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-id/signet/bench/internal/wire"
)

// Server is `signet serve` in a process of its own, as an operator would run it.
type Server struct {
	Addr    string // host:port of the public listener
	Issuer  string
	Startup time.Duration // from the start of the process to the first good answer
	LogFile string
	cmd     *exec.Cmd
}

// ServerConfig says what to start.
type ServerConfig struct {
	Binary   string
	Args     []string
	Dir      string // for its log
	Core     int    // that it may use; negative: any
	Database string
	Master   string   // the master key
	Port     int      // 0 picks one
	Issuer   string   // "" is its own address
	Settings []string // further environment variables
}

// startTimeout bounds a start.
const startTimeout = 30 * time.Second

// StartServer starts the server and returns once discovery answers.
func StartServer(ctx context.Context, c ServerConfig) (*Server, error) {
	ports := [2]int{c.Port}
	for i, p := range ports {
		if p != 0 {
			continue
		}
		var err error
		if ports[i], err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	s := &Server{Addr: "127.0.0.1:" + strconv.Itoa(ports[0]), LogFile: filepath.Join(c.Dir, "signet.log")}
	s.Issuer = cmp.Or(c.Issuer, "http://"+s.Addr)
	log, err := os.OpenFile(s.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	s.cmd = exec.Command(c.Binary, c.Args...) //nolint:noctx // it is stopped by Stop, with time to finish
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1",
		"SIGNET_ISSUER=" + s.Issuer, "SIGNET_SERVER_LISTEN=" + s.Addr,
		"SIGNET_OPS_LISTEN=127.0.0.1:" + strconv.Itoa(ports[1]),
		"SIGNET_DATABASE_URL=" + c.Database, "SIGNET_KEYS_MASTER=" + c.Master,
	}, c.Settings...)
	began := time.Now()
	if err := startOn(s.cmd, c.Core); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Binary, err)
	}
	if err := s.await(ctx, began); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.Startup = time.Since(began)
	return s, nil
}

// await asks for discovery until there is an answer.
func (s *Server) await(ctx context.Context, began time.Time) error {
	request := wire.Request{Method: "GET", Target: "/.well-known/openid-configuration", Host: s.Addr}.Bytes()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := wire.Dial(ctx, s.Addr); err == nil {
			a, err := c.Do(request)
			c.Close()
			if err == nil && a.Status == 200 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if time.Since(began) > startTimeout || !s.Alive() {
			return fmt.Errorf("the server did not start; its log ends with:\n%s", tail(s.LogFile, 2000))
		}
	}
}

// LogTail is the end of the server's log.
func (s *Server) LogTail() string { return tail(s.LogFile, 2000) }

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Alive reports whether the process still runs.
func (s *Server) Alive() bool { return s.cmd.Process.Signal(syscall.Signal(0)) == nil }

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Stop ends the server the way an operator does and waits for it.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil //nolint:nilerr // it has ended already
	}
	for deadline := time.Now().Add(20 * time.Second); s.Alive(); {
		if time.Now().After(deadline) {
			return errors.Join(errors.New("the server did not stop within 20 s"), s.cmd.Process.Kill())
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// Kill ends the server as a crash does, with nothing finished, and waits for it.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	for s.Alive() {
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// FreePort returns a port of loopback that nothing listens on.
func FreePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail returns the end of a file.
func tail(path string, n int) string {
	b, _ := os.ReadFile(path) // at worst the message lacks its reason
	return strings.TrimSpace(string(b[max(0, len(b)-n):]))
}
