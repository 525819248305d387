//go:build unix && !linux

package embeddedpg

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent can ask nothing of the kernel here: a watcher does it.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// kernelStopsOrphans says that dieWithParent works here.
const kernelStopsOrphans = false

// isPostmaster reports whether pid is a live postmaster of that cluster, by its command line.
func isPostmaster(pid int, dataDir string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "-D "+dataDir+" ")
}
