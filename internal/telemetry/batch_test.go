package telemetry_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// writes keeps each write apart.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.all
	w.all = nil
	return taken
}

func TestLinesAreWrittenTogetherAndSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		b := telemetry.NewBatch(&w)
		log := telemetry.NewLogger(b, slog.LevelInfo, "text").With("part", "x")
		log.Info("one")
		log.Info("two")
		if got := w.take(); got != nil {
			t.Errorf("written at once: %q", got)
		}
		time.Sleep(100 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		if got := w.take(); len(got) != 1 || strings.Count(got[0], "\n") != 2 {
			t.Errorf("after the delay: %q", got)
		}
		log.Info("three")
		log.Warn("four")
		if got := w.take(); len(got) != 1 || strings.Count(got[0], "\n") != 2 || !strings.Contains(got[0], "four") {
			t.Errorf("a warning: %q", got)
		}
		log.Info("five")
		b.Close()
		log.Info("six")
		if got := w.take(); len(got) != 2 || !strings.Contains(got[0], "five") || !strings.Contains(got[1], "six") {
			t.Errorf("at the end: %q", got)
		}
	})
}

func TestNoLineIsCutOrLostWhenTheBatchIsFull(t *testing.T) {
	t.Parallel()
	var w writes
	b := telemetry.NewBatch(&w)
	log := telemetry.NewLogger(b, slog.LevelInfo, "text")
	long := strings.Repeat("x", 40<<10) // more than a batch
	for range 500 {
		log.Info("short", "pad", strings.Repeat("y", 200))
	}
	log.Info("long", "pad", long)
	log.Info("last")
	b.Close()
	all := w.take()
	if len(all) > 20 {
		t.Errorf("%d writes", len(all))
	}
	for _, p := range all {
		if !strings.HasPrefix(p, "time=") || !strings.HasSuffix(p, "\n") {
			t.Errorf("a write begins or ends within a line: %.40q … ", p)
		}
	}
	if text := strings.Join(all, ""); strings.Count(text, "\n") != 502 || !strings.Contains(text, long) || !strings.HasSuffix(text, "msg=last\n") {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
}
