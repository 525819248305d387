//go:build unix

package jwks

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a pipe waits for whoever writes to it, so New would wait.
func TestACopyThatIsAPipeIsNotOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "jwks.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivate(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v", err)
	}
}
