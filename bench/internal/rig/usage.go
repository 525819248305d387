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
	u, err := readStat(pid)
	return u.own, err
}

// FamilyCPU is CPU of a process and its children, those that have ended included.
func FamilyCPU(pid int) (time.Duration, error) {
	u, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	sum := u.own + u.ended
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if c, err := readStat(child); err == nil && c.parent == pid { // one that has just ended is in ended
			sum += c.own + c.ended
		}
	}
	return sum, nil
}

func readStat(pid int) (usage, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("processor time: %w", err)
	}
	return parseStat(b)
}

// usage is what /proc/PID/stat says of a process and of its children that have ended.
type usage struct {
	parent     int
	own, ended time.Duration
}

// parseStat reads ppid, utime, stime, cutime and cstime: the 4th and the 14th to 17th field of
// proc(5). The second is a name in parentheses that may hold anything.
func parseStat(b []byte) (u usage, err error) {
	bad := fmt.Errorf("processor time: unexpected %q", b)
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return usage{}, bad
	}
	fields := strings.Fields(string(b[i+1:]))
	if len(fields) < 15 {
		return usage{}, bad
	}
	if u.parent, err = strconv.Atoi(fields[1]); err != nil {
		return usage{}, bad
	}
	for n, f := range fields[11:15] {
		count, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return usage{}, bad
		}
		into := &u.own
		if n > 1 {
			into = &u.ended
		}
		*into += time.Duration(count) * time.Second / ticks
	}
	return u, nil
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
