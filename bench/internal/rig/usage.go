package rig

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks is how many clock ticks Linux counts a second in /proc/PID/stat; it is 100 on every
// architecture that Go supports.
const ticks = 100

// CPU returns the processor time that a process has used in user and kernel mode, to 10 ms.
// It reads /proc, and so it fails outside Linux.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return parseStat(b)
}

// parseStat adds utime and stime, the 14th and 15th field; the second is a name in parentheses
// that may hold anything.
func parseStat(b []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return 0, fmt.Errorf("processor time: unexpected %q", b)
	}
	fields := strings.Fields(string(b[i+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time: unexpected %q", b)
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// Memory is the resident memory of a process in bytes, now and at its highest.
type Memory struct{ Resident, Peak int64 }

// ReadMemory reads it from /proc.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("resident memory: %w", err)
	}
	return parseStatus(string(b))
}

// ForgetPeak makes the peak count from now on, where the system can.
func ForgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600) // else it is that of the whole run
}

func parseStatus(text string) (m Memory, err error) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		var into *int64
		switch name {
		case "VmRSS":
			into = &m.Resident
		case "VmHWM":
			into = &m.Peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("resident memory: %w", err)
		}
		*into = kib << 10
	}
	if m.Resident == 0 {
		return Memory{}, fmt.Errorf("resident memory: the process has ended")
	}
	return m, nil
}
