package dev

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/filelock"
)

// The files of a data directory, beside what package embeddedpg keeps there.
const (
	stateFile  = "dev.json"
	masterFile = "master.key"
	partnerKey = "partner.key" // the master key of Partner Inc
	logFile    = "signet.log"
	lockFile   = "dev.lock"
	// maxLog is the size in bytes at which a start begins a new log, keeping one older file.
	maxLog = 8 << 20
)

// directory is a data directory that this process alone uses.
type directory struct {
	path string // absolute
	lock *os.File
}

// openDirectory creates the data directory when it is missing and locks it.
func openDirectory(path string) (*directory, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // PostgreSQL's unprivileged user passes through, and can list nothing
	}
	if err := os.MkdirAll(abs, mode); err != nil {
		return nil, unusable(abs, err)
	}
	d := &directory{path: abs}
	if d.lock, err = takeLock(d.file(lockFile), abs, os.O_RDWR|os.O_CREATE); err != nil {
		return nil, err
	}
	return d, nil
}

// takeLock makes this process the only user of the directory dir.
func takeLock(path, dir string, flag int) (*os.File, error) {
	f, err := filelock.Take(path, flag)
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, errdefs.Say(errdefs.ErrConflict, err, "another signet dev uses the data directory %s: stop that one, or choose another with --data-dir", dir)
	case err != nil:
		return nil, unusable(dir, err)
	}
	return f, nil
}

func (d *directory) close() error            { return d.lock.Close() }
func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// openLog opens the server's log for appending.
func (d *directory) openLog() (*os.File, error) {
	path := d.file(logFile)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		_ = os.Rename(path, path+".old") // a failure only lets the log grow
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(d.path, err)
	}
	return f, nil
}

// ensureMaster makes a master key on the first run. On a later one it must be there: what the
// database holds opens under no other.
func (d *directory) ensureMaster(name string, seeded bool) error {
	_, err := os.Stat(d.file(name))
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return unusable(d.path, err)
	case seeded:
		return errdefs.Say(errdefs.ErrNotFound, err, "the master key %s is gone, and the signing keys open under no other: put it back, or begin anew with signet dev forget", d.file(name))
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	return d.write(name, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"))
}

// readState returns what the last run wrote down; the zero State when there was none.
func (d *directory) readState() (State, error) {
	b, err := os.ReadFile(d.file(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	} else if err != nil {
		return State{}, unusable(d.path, err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, errdefs.Say(errdefs.ErrInvalid, err, "%s cannot be read (%v): remove it, and it is written again", d.file(stateFile), err)
	}
	return s, nil
}

func (d *directory) writeState(s State) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // URLs stay readable
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	return d.write(stateFile, b.Bytes())
}

// write replaces a file as a whole, for this user's eyes only.
func (d *directory) write(name string, content []byte) error {
	f, err := os.CreateTemp(d.path, "."+name+"-*") // created with mode 0600
	if err != nil {
		return unusable(d.path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), d.file(name))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one worth reporting
		return unusable(d.path, err)
	}
	return nil
}

// Forget removes everything that Run made in the data directory, wherever PostgreSQL's part of
// it is kept, and the directory itself when nothing else is in it. It returns the directory's
// path, and whether there was anything to forget. It refuses with errdefs.ErrConflict while a
// `signet dev` uses the directory.
func Forget(path string) (dir string, existed bool, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path, false, unusable(path, err)
	}
	lock, err := takeLock(filepath.Join(abs, lockFile), abs, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return abs, false, nil
	} else if err != nil {
		return abs, false, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := embeddedpg.Remove(abs); err != nil {
		return abs, true, err
	}
	// The lock goes last: until then nobody else can begin here.
	names := []string{stateFile, masterFile, partnerKey, logFile, logFile + ".old", "pg.lock", lockFile}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return abs, true, unusable(abs, err)
	}
	for _, e := range entries {
		// Of a run that was killed while it wrote.
		for _, written := range []string{stateFile, masterFile, partnerKey} {
			if n := e.Name(); strings.HasPrefix(n, "."+written+"-") {
				names = append([]string{n}, names...)
			}
		}
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(abs, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return abs, true, unusable(abs, err)
		}
	}
	// Fails when something else is kept there, as it should.
	if os.Remove(abs) == nil && filepath.Base(filepath.Dir(abs)) == ".signet" {
		_ = os.Remove(filepath.Dir(abs))
	}
	return abs, true, nil
}

func unusable(dir string, err error) error {
	reason := err
	var path *fs.PathError
	if errors.As(err, &path) {
		reason, dir = path.Err, path.Path
	}
	return errdefs.Say(errdefs.ErrDenied, err, "%s cannot be used by user %s (%v): make it readable and writable for that user, or choose another data directory with --data-dir",
		dir, userName(), reason)
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}
