//go:build !linux

package rig

import "os/exec"

// Isolate returns -1: only Linux lets a process choose its cores.
func Isolate() (core int, err error) { return -1, nil }

func startOn(cmd *exec.Cmd, _ int) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
