package embeddedpg

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// dieWithParent asks the kernel for a signal to the child when the thread that forked it ends.
// The Go runtime sets it after the change of user, which would clear it.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// kernelStopsOrphans says that dieWithParent works here.
const kernelStopsOrphans = true

// isPostmaster reports whether pid is a live postmaster of that cluster: it works in its data
// directory. A zombie has no working directory.
func isPostmaster(pid int, dataDir string) bool {
	cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(dataDir)
	return err == nil && cwd == real
}
