package rig

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestProcessorTimeIsReadWhateverAProcessIsCalled(t *testing.T) {
	t.Parallel()
	rest := ") S 7 1 1 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 9 0 100 1 1"
	for name, c := range map[string]struct {
		text string
		want usage
	}{
		"a plain name":            {"42 (signet" + rest, usage{7, 3 * time.Second, 500 * time.Millisecond}},
		"a name with parentheses": {"42 (a) S 1 (b" + rest, usage{7, 3 * time.Second, 500 * time.Millisecond}},
	} {
		if got, err := parseStat([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "42 signet S 1", "42 (x) S 1 2", "42 (x" + strings.Replace(rest, "250", "a", 1), "42 (x" + strings.Replace(rest, "7", "a", 1)} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q passed as %v", bad, got)
		}
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	t.Parallel()
	m, err := parseStatus("Name:\tsignet\nVmPeak:\t  99 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t5\n")
	if err != nil || m != (Memory{Resident: 1 << 20, Peak: 2 << 20}) {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range []string{"Name:\tzombie\n", "VmRSS:\tmany kB\n"} {
		if m, err := parseStatus(bad); err == nil {
			t.Errorf("%q passed as %v", bad, m)
		}
	}
}

func TestThisProcessCanBeMeasured(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	if m, err := ReadMemory(os.Getpid()); err != nil || m.Resident < 1<<20 || m.Peak < m.Resident/2 {
		t.Errorf("%v, %v", m, err)
	}
	own, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if family, err := FamilyCPU(os.Getpid()); err != nil || family < own {
		t.Errorf("with children %s, without %s, %v", family, own, err)
	}
	const nobody = 1 << 30
	if _, err := CPU(nobody); err == nil {
		t.Error("a process that is not there has used processor time")
	}
	if _, err := FamilyCPU(nobody); err == nil {
		t.Error("a process that is not there has children")
	}
}

func TestTheMachineIsReadFromWhatLinuxSays(t *testing.T) {
	t.Parallel()
	info := "processor\t: 0\nmodel name\t: Fast CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: Fast CPU @ 2GHz\n"
	if got := cpuModel(info); got != "Fast CPU @ 2GHz" {
		t.Errorf("model %q", got)
	}
	if got := cores(info); got != 2 {
		t.Errorf("%d cores", got)
	}
	if got := memory("MemTotal:       1024 kB\nMemFree: 1 kB\n"); got != 1<<20 {
		t.Errorf("%d bytes", got)
	}
	if memory("") != 0 || cores("") != 0 || cpuModel("") != "" {
		t.Error("nothing was read as something")
	}
}
