package rig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Ceiling is the server that Signet is held against, in a process of its own.
type Ceiling struct {
	Addr string
	cmd  *exec.Cmd
}

// StartCeiling starts this program again as `bench ceiling` on the server's core, with config on
// its standard input.
func StartCeiling(core int, config []byte) (*Ceiling, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	var faults bytes.Buffer
	c := &Ceiling{cmd: exec.Command(self, "ceiling")} //nolint:noctx // it is stopped by Stop
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", coreVariable+"=-1")
	c.cmd.Stdin, c.cmd.Stderr = bytes.NewReader(config), &faults
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	c.cmd.Stdout = write
	err = startOn(c.cmd, core)
	_ = write.Close() // the child has its own
	if err != nil {
		return nil, fmt.Errorf("start the ceiling: %w", err)
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the ceiling did not start: %s", strings.TrimSpace(faults.String())), c.Stop())
	}
	c.Addr = strings.TrimSpace(line)
	return c, nil
}

// PID is the process id.
func (c *Ceiling) PID() int { return c.cmd.Process.Pid }

// Stop ends the process.
func (c *Ceiling) Stop() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the ceiling: %w", err)
	}
	return nil
}
