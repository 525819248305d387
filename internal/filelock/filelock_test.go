package filelock_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/filelock"
)

const create = os.O_RDWR | os.O_CREATE

func take(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := filelock.Take(path, flag)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestALockThatIsHeldOnIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	take(t, path, create)
	if f, err := filelock.Take(path, create); !errors.Is(err, filelock.ErrHeld) {
		t.Fatalf("%v %v", f, err)
	}
}

// As the locks of a process that was killed a moment ago.
func TestALockThatIsAboutToBeDroppedIsWaitedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	dying := take(t, path, create)
	time.AfterFunc(100*time.Millisecond, func() { _ = dying.Close() })
	take(t, path, create)
}

func TestALockWhoseFileWasRemovedIsTakenOnTheNewOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	forgetting := take(t, path, create)
	time.AfterFunc(100*time.Millisecond, func() {
		_ = os.Remove(path)
		_ = forgetting.Close()
	})
	take(t, path, create)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock is on a file that nobody else will find: %v", err)
	}
}

func TestWhatIsNotThereIsNotLocked(t *testing.T) {
	t.Parallel()
	if f, err := filelock.Take(filepath.Join(t.TempDir(), "lock"), os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v %v", f, err)
	}
}
