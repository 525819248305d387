// Package filelock makes a process the only user of a directory, by a lock on a file in it that
// the kernel drops with the process. What the directory holds is its callers' business
// (internal/dev, internal/embeddedpg).
package filelock

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// ErrHeld says that another process holds the lock.
var ErrHeld = errors.New("locked by another process")

// A lock that is held is tried again for about a second: a process that was killed a moment ago
// holds its locks until the kernel has taken it apart.
const (
	attempts = 40
	pause    = 25 * time.Millisecond
)

// Take opens path, with the flags of os.OpenFile, and locks it for as long as the file stays
// open. It fails with ErrHeld when another process goes on holding the lock, and otherwise with
// the error of the system.
func Take(path string, flag int) (*os.File, error) {
	for attempt := 0; ; {
		f, err := os.OpenFile(path, flag, 0o600)
		if err != nil {
			return nil, err
		}
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			// Whoever held the lock may have removed the file: then it guards nothing now.
			held, heldErr := f.Stat()
			named, namedErr := os.Stat(path)
			if heldErr == nil && namedErr == nil && os.SameFile(held, named) {
				return f, nil
			}
		}
		_ = f.Close() // nothing was written
		switch {
		case err == nil, errors.Is(err, syscall.EINTR):
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		case attempt == attempts:
			return nil, ErrHeld
		default:
			attempt++
			<-time.After(pause)
		}
	}
}
