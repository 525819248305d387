package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// initialise makes sure that the cluster exists and is whole. A new one grows in a temporary
// sibling and takes its name by a rename, so a kill at any moment leaves either no cluster or
// a complete one.
func (s *Server) initialise(ctx context.Context) error {
	leftovers, _ := filepath.Glob(s.layout.data + ".new-*")
	for _, dir := range leftovers {
		_ = os.RemoveAll(dir) // best effort: the name is never used again
	}
	if _, err := os.Stat(filepath.Join(s.layout.data, "global", "pg_control")); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return unusable(s.layout.data, err)
	}
	if err := s.setAside(); err != nil {
		return err
	}
	s.warnOfOtherMajors()

	// The name of the new directory ends up in no file of the cluster.
	fresh, err := os.MkdirTemp(s.layout.base, filepath.Base(s.layout.data)+".new-")
	if err != nil {
		return unusable(s.layout.base, err)
	}
	defer func() { _ = os.RemoveAll(fresh) }() // finds nothing after the rename, as intended
	if err := s.account.own(fresh); err != nil {
		return unusable(fresh, err)
	}
	if s.cfg.Seed != "" {
		err = s.copySeed(ctx, fresh)
	} else {
		err = s.initdb(ctx, fresh)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, s.layout.data); err != nil {
		return unusable(s.layout.data, err)
	}
	return nil
}

// setAside moves away a directory that has the cluster's name and is not a cluster. Nothing is
// deleted that signet did not make.
func (s *Server) setAside() error {
	entries, err := os.ReadDir(s.layout.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unusable(s.layout.data, err)
	case len(entries) == 0:
		return os.Remove(s.layout.data)
	}
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.broken-%d", s.layout.data, n)
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(s.layout.data, aside); err != nil {
			return unusable(s.layout.data, err)
		}
		s.cfg.Log.Warn("the directory was no complete PostgreSQL cluster; it is kept aside and a new one is made",
			slog.String("kept", aside))
		return nil
	}
}

func (s *Server) warnOfOtherMajors() {
	if others := (place{base: s.layout.base}).majors(); len(others) > 0 {
		s.cfg.Log.Warn("a new cluster is made; the data of another PostgreSQL version stays where it is, and is used again once that version is installed",
			slog.Int("version", s.install.major), slog.Any("others", slices.Sorted(slices.Values(others))))
	}
}

func (s *Server) initdb(ctx context.Context, dir string) error {
	// C.UTF-8 sorts by code point and knows every script's upper and lower case. Systems
	// without it (macOS) get plain C.
	locales := []string{"C"}
	if runtime.GOOS == "linux" {
		locales = []string{"C.UTF-8", "C"}
	}
	var out []byte
	var err error
	for _, locale := range locales {
		out, err = s.run(ctx, s.install.tool("initdb"), "--pgdata="+dir, "--username="+superuser,
			"--auth=trust", // the socket's directory is what keeps others out
			"--encoding=UTF8", "--locale="+locale, "--no-sync", "--no-instructions")
		if err == nil || !strings.Contains(string(out), "locale") || ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return errdefs.Say(errdefs.ErrUnavailable, ctx.Err(), "initialising the private PostgreSQL in %s was interrupted; start again.", s.layout.data)
	}
	if err != nil {
		return errdefs.Say(errdefs.ErrUnavailable, err, "initdb of PostgreSQL %s failed in %s as user %s (%v): %s",
			s.install.version, s.layout.base, s.account.name, err, lastLine(string(out)))
	}
	return nil
}

// copySeed copies a stopped cluster. cp keeps owners and modes, and clones blocks where the
// file system can.
func (s *Server) copySeed(ctx context.Context, dir string) error {
	from := filepath.Join(s.cfg.Seed, filepath.Base(s.layout.data))
	out, err := exec.CommandContext(ctx, "cp", "-Rp", from+"/.", dir).CombinedOutput()
	if err != nil {
		return errdefs.Say(errdefs.ErrUnavailable, err, "copying the cluster %s failed (%v): %s", from, err, lastLine(string(out)))
	}
	return nil
}

// run runs one of PostgreSQL's programs as the account and returns what it said.
func (s *Server) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	var out strings.Builder
	cmd := s.command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := spawn(cmd, killWithParent)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-p.done
	}
	return []byte(out.String()), p.err
}

// command prepares a program with an environment of its own: PGDATA, PGPORT and their kin in
// the user's shell are meant for another server.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) //nolint:noctx // ended by signal, in PostgreSQL's own way
	cmd.Dir = "/"                         // the account may not be able to enter the working directory
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.SysProcAttr = s.account.attributes()
	return cmd
}

// lastLine returns the last line of text that says something.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
