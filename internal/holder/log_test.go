package holder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/keys"
)

// desk is a log with what it stored, by holder.
type desk struct {
	*holder.Log
	mu     sync.Mutex
	stored map[string]holder.Sighting
	writes int
	fails  bool
	keys   []keys.Key
	log    bytes.Buffer
}

type addressKey struct{}

func newDesk(all ...keys.Key) *desk {
	d := &desk{stored: map[string]holder.Sighting{}, keys: all}
	d.Log = holder.NewLog(holder.Config{
		Store:   d,
		Address: func(ctx context.Context) netip.Addr { a, _ := ctx.Value(addressKey{}).(netip.Addr); return a },
		Keys:    func() []keys.Key { return d.keys },
		Now:     time.Now,
		Log:     slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	return d
}

func (d *desk) RecordHolders(_ context.Context, seen []holder.Sighting) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	if d.fails {
		return errors.New("no database")
	}
	for _, s := range seen {
		d.stored[s.Address.String()+" "+s.Agent] = s
	}
	return nil
}

func (d *desk) holds(address, agent string) string { return d.stored[address+" "+agent].ETag }

func from(address string) context.Context {
	return context.WithValue(context.Background(), addressKey{}, netip.MustParseAddr(address))
}

// run runs the log of d in a bubble of its own, which do may let minutes pass in.
func run(t *testing.T, do func(d *desk, pass func(time.Duration))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		first, _, err1 := keys.Generate(keys.ES256, nil)
		second, _, err2 := keys.Generate(keys.ES256, nil)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		first.CreatedAt, first.PublishedAt = now.Add(-30*24*time.Hour), now.Add(-30*24*time.Hour)
		second.CreatedAt, second.PublishedAt = now.Add(-time.Hour), now.Add(-time.Hour)
		d := newDesk(first, second)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.Run(ctx) }()
		defer func() { stop(); <-done }()
		synctest.Wait()
		d.mu.Lock() // a bubble orders what happens in it, which the race detector does not know
		defer d.mu.Unlock()
		do(d, func(by time.Duration) {
			d.mu.Unlock()
			defer d.mu.Lock()
			time.Sleep(by)
			synctest.Wait()
		})
	})
}

// tags are those of the sets with the first key alone and with both.
func (d *desk) tags(t *testing.T) (former, current string) {
	t.Helper()
	sets, err := keys.Documents(d.keys, time.Now().Add(-2*time.Hour), time.Now())
	if err != nil || len(sets) != 2 {
		t.Fatal(sets, err)
	}
	return sets[0].ETag, sets[1].ETag
}

func TestWhatHoldersSayIsStoredOnceAMinuteAndTheLatestCounts(t *testing.T) {
	t.Parallel()
	run(t, func(d *desk, pass func(time.Duration)) {
		former, current := d.tags(t)
		began := time.Now()
		d.Former(from("192.0.2.1"), "slow/1", former)
		d.Former(from("192.0.2.2"), "liar/1", `"never published"`)
		d.Current(from("192.0.2.3"), "quick/1", current)
		d.Current(from("192.0.2.3"), "quick/2", current)
		for range 1000 {
			d.Current(from("192.0.2.3"), "quick/1", current)
		}
		pass(time.Minute)
		if d.writes != 1 || len(d.stored) != 3 || d.holds("192.0.2.1", "slow/1") != former || d.holds("192.0.2.3", "quick/1") != current {
			t.Errorf("after a minute, %d writes: %v", d.writes, d.stored)
		}
		if at := d.stored["192.0.2.1 slow/1"].SeenAt; !at.Equal(began) {
			t.Errorf("seen at %s instead of %s", at, began)
		}
		pass(time.Minute)
		if d.writes != 1 {
			t.Error("nobody asked, and something was written")
		}
		d.Former(from("192.0.2.1"), "slow/1", former)
		d.Current(from("192.0.2.1"), "slow/1", current) // within the same minute
		pass(time.Minute)
		if d.holds("192.0.2.1", "slow/1") != current {
			t.Error("what a holder said last in a minute does not count")
		}
	})
}

func TestWhatCouldNotBeStoredIsStoredLaterAndTheRestAtTheEnd(t *testing.T) {
	t.Parallel()
	var d *desk
	run(t, func(running *desk, pass func(time.Duration)) {
		d = running
		_, current := d.tags(t)
		d.fails = true
		d.Current(from("192.0.2.1"), "a", current)
		pass(3 * time.Minute)
		if d.writes != 3 || !strings.Contains(d.log.String(), "no database") {
			t.Errorf("%d attempts; %s", d.writes, d.log.String())
		}
		d.fails = false
		pass(time.Minute)
		if d.holds("192.0.2.1", "a") != current {
			t.Error("lost while the database was down")
		}
		d.Current(from("192.0.2.2"), "b", current)
	})
	if len(d.stored) != 2 {
		t.Errorf("the last minute before the end is lost: %v", d.stored)
	}
}

func TestAnAttackerNeitherGrowsTheLogNorTakesThePlaceOfOthers(t *testing.T) {
	t.Parallel()
	run(t, func(d *desk, pass func(time.Duration)) {
		_, current := d.tags(t)
		d.Current(from("192.0.2.1"), "honest", current)
		pass(time.Minute)

		// One address with many names, one network with many addresses, and then the whole world.
		for i := range 1000 {
			d.Current(from("198.51.100.1"), fmt.Sprint("name ", i), current)
		}
		for i := range 5000 {
			d.Current(from(fmt.Sprintf("2001:db8:1:%x::%x", i%100, i)), "many", current)
		}
		pass(time.Minute)
		if n := len(d.stored); n != 1+16+512 {
			t.Errorf("%d holders, want the honest one, 16 of an address and 512 of a network", n)
		}
		d.Current(from("2001:db8:2::1"), "from elsewhere", current)
		pass(time.Minute)
		if d.holds("2001:db8:2::1", "from elsewhere") == "" {
			t.Error("one network keeps others out")
		}
		for i := range 10_000 {
			d.Current(from(fmt.Sprintf("10.%d.%d.1", i/250, i%250)), "world", current)
		}
		d.Current(from("192.0.2.1"), "honest", current)
		pass(time.Minute)
		if n := len(d.stored); n != 4096 {
			t.Errorf("%d holders, want 4096", n)
		}
		if at := d.stored["192.0.2.1 honest"].SeenAt; time.Since(at) > time.Minute {
			t.Errorf("who was there before was last noted at %s", at)
		}

		// They go, and there is room again.
		pass(2 * time.Hour)
		d.Current(from("198.51.100.1"), "later", current)
		pass(time.Minute)
		if d.holds("198.51.100.1", "later") == "" {
			t.Error("places are never free again")
		}
	})
}

func TestAgentsAreShortAndPrintableAndNeverTwiceInOneStatement(t *testing.T) {
	t.Parallel()
	run(t, func(d *desk, pass func(time.Duration)) {
		_, current := d.tags(t)
		d.Current(from("192.0.2.1"), strings.Repeat("x", 3000), current)
		d.Current(from("192.0.2.2"), "evil\x1b[2J", current)
		d.Current(from("192.0.2.2"), "evil\x07[2J", current)
		d.Current(from("192.0.2.3"), "half \xe2\x82", current)
		d.Current(context.Background(), "from nowhere", current)
		pass(time.Minute)
		var agents []string
		for _, s := range d.stored {
			agents = append(agents, s.Agent)
		}
		slices.Sort(agents)
		if want := []string{"evil?[2J", "half ??", strings.Repeat("x", holder.MaxAgent)}; !slices.Equal(agents, want) {
			t.Errorf("%q", agents)
		}
	})
}

func TestNotingSomebodyKnownAllocatesNothing(t *testing.T) {
	run(t, func(d *desk, pass func(time.Duration)) {
		former, current := d.tags(t)
		ctx := from("192.0.2.1")
		d.Current(ctx, "verifier", current)
		pass(time.Minute)
		d.Current(ctx, "verifier", current)
		if n := testing.AllocsPerRun(100, func() { d.Current(ctx, "verifier", current) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if n := testing.AllocsPerRun(100, func() { d.Former(ctx, "a stranger", `"`+former) }); n > 1 {
			t.Errorf("%v allocations for an invented tag", n)
		}
	})
}

func BenchmarkCurrent(b *testing.B) {
	d := newDesk()
	ctx, stop := context.WithCancel(from("192.0.2.1"))
	d.Current(ctx, "Go-http-client/1.1", `"tag"`)
	stop()
	d.Run(ctx) // knows it now
	ctx = from("192.0.2.1")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d.Current(ctx, "Go-http-client/1.1", `"tag"`)
		}
	})
}
