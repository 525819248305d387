//go:build unix

package jwks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyCopiesOfOurOwnOrOfRootAreTrusted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner, self int
		want        bool
	}{{1000, 1000, true}, {0, 0, true}, {0, 1000, true}, {1001, 1000, false}, {1000, 0, false}} {
		if got := trusted(c.owner, c.self); got != c.want {
			t.Errorf("a file of %d, as %d: %v", c.owner, c.self, got)
		}
	}
}

func TestACopyOfSomebodyElseIsNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "jwks.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivate(path); err != nil {
		t.Errorf("our own: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	if err := os.Chown(path, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivate(path); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("error %v", err)
	}
}
