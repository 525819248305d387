package measure

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/signet-id/signet/bench/internal/wire"
)

// Open sends at rate operations per second. An operation's time counts from the moment it was
// due, whether or not a connection was free then.
func (l Load) Open(ctx context.Context, rate float64) (Result, error) {
	conns, err := l.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(conns)
	// The thread that keeps the time must not wait for one that waits for the network.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	r := &run{load: l, stop: make(chan struct{})}
	due := make(chan time.Time, 1<<16)
	hists := make([]*hdrhistogram.Histogram, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		hists[i] = newHistogram()
		wg.Go(func() { r.serve(c, l.Operations[i], hists[i], due) })
	}
	wg.Go(func() { r.pace(rate, due) })
	elapsed := r.conduct(ctx)
	wg.Wait()
	return r.result(ctx, elapsed, hists)
}

// pace puts the moment at which each operation is due into due, at that moment.
func (r *run) pace(rate float64, due chan<- time.Time) {
	defer close(due)
	sleep, done := newSleeper()
	defer done()
	start := time.Now()
	for n := 0; r.phase.Load() != over; n++ {
		at := start.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		for left := time.Until(at); left > 0; left = time.Until(at) {
			sleep(left)
		}
		select {
		case due <- at:
		case <-r.stop:
			return
		}
	}
}

func (r *run) serve(c *wire.Conn, op Operation, hist *hdrhistogram.Histogram, due <-chan time.Time) {
	for at := range due {
		if r.phase.Load() == over {
			continue
		}
		if err := op(c); err != nil {
			r.end(err)
			return
		}
		if r.phase.Load() == measuring {
			r.count.Add(1)
			_ = hist.RecordValue(int64(time.Since(at))) // a minute is longer than any timeout
		}
	}
}
