package replica_test

import (
	"testing"
	"time"

	"github.com/signet-id/signet/internal/replica"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestAnnouncementsAreCurrentForASecondAfterTheyWereConfirmed(t *testing.T) {
	t.Parallel()
	var a replica.Announcements
	for _, step := range []struct {
		what  string
		do    func()
		after time.Duration
		want  bool
	}{
		{"at first", func() {}, 0, false},
		{"just confirmed", func() { a.Confirm(noon) }, 0, true},
		{"as old as may be", func() {}, replica.Freshness, true},
		{"too old", func() {}, replica.Freshness + 1, false},
		{"confirmed again", func() { a.Confirm(noon.Add(replica.Freshness)) }, replica.Freshness + 1, true},
		{"a clock that was set back", func() {}, replica.Freshness - 1, false},
		{"lost", a.Lost, replica.Freshness + 1, false},
		{"confirmed after a loss", func() { a.Confirm(noon) }, 1, true},
	} {
		step.do()
		if got := a.Current(noon.Add(step.after)); got != step.want {
			t.Errorf("%s: %v", step.what, got)
		}
	}
}
