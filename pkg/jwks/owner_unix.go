//go:build unix

package jwks

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkOwner refuses a file that belongs to somebody else, who can write to it whatever its mode
// says. What belongs to root was put there by whoever runs the machine.
func checkOwner(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil // a file system that knows no owners
	}
	if !trusted(int(stat.Uid), os.Geteuid()) {
		return fmt.Errorf("it belongs to user %d, who can write to it: give it to user %d, as whom this runs", stat.Uid, os.Geteuid())
	}
	return nil
}

func trusted(owner, self int) bool { return owner == self || owner == 0 }
