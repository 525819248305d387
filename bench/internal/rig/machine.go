package rig

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Machine is where figures come from; without it they mean nothing.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Commit string `json:"commit"`
}

// Look describes this machine as far as it says; source is the directory of the checkout.
func Look(ctx context.Context, source string) Machine {
	m := Machine{
		CPU: cpuModel(read("/proc/cpuinfo")), Cores: cores(read("/proc/cpuinfo")), Memory: memory(read("/proc/meminfo")),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		Go: runtime.Version(), Commit: commit(ctx, source),
	}
	if m.Cores == 0 {
		m.Cores = runtime.NumCPU()
	}
	return m
}

// read returns a file's content, or nothing where there is none.
func read(path string) string {
	b, _ := os.ReadFile(path) // elsewhere than on Linux the figure is left out
	return string(b)
}

func cpuModel(cpuinfo string) string { return value(cpuinfo, "model name") }

func cores(cpuinfo string) (n int) {
	for line := range strings.Lines(cpuinfo) {
		if strings.HasPrefix(line, "processor") {
			n++
		}
	}
	return n
}

func memory(meminfo string) int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(value(meminfo, "MemTotal"), " kB"), 10, 64) // zero: unknown
	return kib << 10
}

// value returns what stands behind the first line's colon that begins with name.
func value(text, name string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// commit names what is measured: the checkout's commit, and whether files differ from it.
func commit(ctx context.Context, source string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", source, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err == nil {
		return string(bytes.TrimSpace(out))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return ""
}

// coreVariable tells the process after Isolate's exec which core it left to the server.
const coreVariable = "SIGNET_BENCH_CORE"
