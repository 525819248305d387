package rig

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Isolate keeps this process, and all it starts from then on, off one core and returns that
// core's number, for the server under test; -1 when the machine has no core to spare. Affinity
// belongs to threads, and Go has started several by now, so the process replaces itself.
func Isolate() (core int, err error) {
	if text := os.Getenv(coreVariable); text != "" {
		return strconv.Atoi(text)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return -1, fmt.Errorf("read CPU affinity: %w", err)
	}
	if set.Count() < 2 {
		return -1, nil
	}
	core = 0
	for !set.IsSet(core) {
		core++
	}
	set.Clear(core)
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return -1, fmt.Errorf("set CPU affinity: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return -1, fmt.Errorf("find this program: %w", err)
	}
	err = syscall.Exec(self, os.Args, append(os.Environ(), coreVariable+"="+strconv.Itoa(core)))
	return -1, fmt.Errorf("start this program again: %w", err)
}

// startOn starts cmd on the core alone; a negative core is any. The child ends with this process.
func startOn(cmd *exec.Cmd, core int) error {
	started := make(chan error)
	go func() {
		// The child inherits the thread's affinity, and its death signal is tied to this thread: so
		// it stays until the child ends.
		runtime.LockOSThread()
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if core >= 0 {
			var set unix.CPUSet
			set.Set(core)
			if err := unix.SchedSetaffinity(0, &set); err != nil {
				started <- fmt.Errorf("set CPU affinity: %w", err)
				return
			}
		}
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // whoever stopped it knows; whoever did not finds the connection broken
		}
		// The goroutine ends locked: the thread ends with it and its affinity is nobody's.
	}()
	return <-started
}
