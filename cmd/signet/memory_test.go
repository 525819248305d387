package main

import (
	"context"
	"runtime/debug"
	"testing"
)

// Not parallel: the collector's settings are the process's.
func TestTheCollectorIsSetUpUnlessTheOperatorDid(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	before, limit := percent(), debug.SetMemoryLimit(-1)
	for _, own := range []string{"GOGC=off", "GOMEMLIMIT=1GiB"} {
		stop := tendMemory(context.Background(), []string{"PATH=/bin", own})
		if percent() != before || debug.SetMemoryLimit(-1) != limit {
			t.Errorf("%s is not respected", own)
		}
		stop()
	}
	stop := tendMemory(context.Background(), []string{"NOGOGC=1"})
	if percent() != garbage || debug.SetMemoryLimit(-1) != modest {
		t.Errorf("%d %%, limit %d", percent(), debug.SetMemoryLimit(-1))
	}
	stop()
	if percent() != before || debug.SetMemoryLimit(-1) != limit {
		t.Error("not put back")
	}
}

func TestTheMemoryLimitFollowsWhatIsInUse(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int64{0: modest, 20 << 20: modest, 80 << 20: 128 << 20, 1 << 30: 3 << 29} {
		if got := memoryLimit(live); got != want {
			t.Errorf("%d bytes live: %d, want %d", live, got, want)
		}
	}
}
