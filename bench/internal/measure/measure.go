// Package measure drives operations against a server and counts: how many a second, and how
// long each took.
//
// Closed keeps every connection busy, which finds the highest rate. Open sends at a rate of its
// own whatever the server does and counts from when an operation was due, so that a stall is
// paid for by everything that should have been sent meanwhile (no coordinated omission).
package measure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/signet-id/signet/bench/internal/wire"
)

// Operation is what one connection does over and over: one or more exchanges, each checked.
type Operation func(*wire.Conn) error

// ErrExhausted is returned by an Operation that has used up what it was given, such as tokens
// never seen before. It ends the measurement early and is no failure.
var ErrExhausted = errors.New("nothing left to send")

// Result is what was measured.
type Result struct {
	Operations int64
	Elapsed    time.Duration
	latency    *hdrhistogram.Histogram
}

// Rate is operations per second.
func (r Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Operations) / r.Elapsed.Seconds()
}

// Quantile returns the latency that the share q (0 to 1) of all operations stayed within.
func (r Result) Quantile(q float64) time.Duration {
	return time.Duration(r.latency.ValueAtQuantile(100 * q))
}

// Plus returns both measurements as one.
func (r Result) Plus(other Result) Result {
	sum := Result{Operations: r.Operations + other.Operations, Elapsed: r.Elapsed + other.Elapsed, latency: newHistogram()}
	for _, h := range []*hdrhistogram.Histogram{r.latency, other.latency} {
		if h != nil {
			sum.latency.Merge(h)
		}
	}
	return sum
}

// newHistogram holds latencies from a microsecond to a minute with three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(time.Minute), 3)
}

// Load is a set of connections with what each of them does.
type Load struct {
	Addr       string
	Operations []Operation // one for each connection
	Warmup     time.Duration
	Duration   time.Duration
	// Started and Ended are called as the measured time begins and ends, after the warm-up;
	// both may be nil.
	Started, Ended func()
	// Progress is called now and then with the time that has passed; it may be nil.
	Progress func(passed, total time.Duration)
}

// The phases of a run.
const (
	warming int32 = iota
	measuring
	over
)

// Closed lets every connection send its next operation as soon as the last one was answered.
func (l Load) Closed(ctx context.Context) (Result, error) {
	conns, err := l.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(conns)
	r := &run{load: l, stop: make(chan struct{})}
	hists := make([]*hdrhistogram.Histogram, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		hists[i] = newHistogram()
		wg.Go(func() { r.loop(c, l.Operations[i], hists[i]) })
	}
	elapsed := r.conduct(ctx)
	wg.Wait()
	return r.result(ctx, elapsed, hists)
}

func (l Load) dial(ctx context.Context) ([]*wire.Conn, error) {
	conns := make([]*wire.Conn, 0, len(l.Operations))
	for range l.Operations {
		c, err := wire.Dial(ctx, l.Addr)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*wire.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// run is a measurement under way.
type run struct {
	load  Load
	phase atomic.Int32
	stop  chan struct{} // closed by the first failure or exhaustion
	once  sync.Once
	err   error // set before stop is closed
	count atomic.Int64
}

func (r *run) loop(c *wire.Conn, op Operation, hist *hdrhistogram.Histogram) {
	for {
		began := time.Now()
		if err := op(c); err != nil {
			r.end(err)
			return
		}
		switch r.phase.Load() {
		case measuring:
			r.count.Add(1)
			_ = hist.RecordValue(int64(time.Since(began))) // a minute is longer than any timeout
		case over:
			return
		}
	}
}

// end stops the run.
func (r *run) end(err error) {
	r.once.Do(func() {
		if !errors.Is(err, ErrExhausted) {
			r.err = err
		}
		close(r.stop)
	})
}

// conduct lets the warm-up and the measured time pass and returns how long the latter was.
func (r *run) conduct(ctx context.Context) time.Duration {
	total := r.load.Warmup + r.load.Duration
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	wait := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				return true
			case <-tick.C:
				if r.load.Progress != nil {
					r.load.Progress(time.Since(start), total)
				}
			case <-r.stop:
				return false
			case <-ctx.Done():
				return false
			}
		}
	}
	defer r.phase.Store(over)
	if !wait(r.load.Warmup) {
		return 0
	}
	call(r.load.Started)
	began := time.Now()
	r.phase.Store(measuring)
	wait(r.load.Duration)
	r.phase.Store(over)
	elapsed := time.Since(began)
	call(r.load.Ended)
	return elapsed
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func (r *run) result(ctx context.Context, elapsed time.Duration, hists []*hdrhistogram.Histogram) (Result, error) {
	all := newHistogram()
	for _, h := range hists {
		all.Merge(h)
	}
	switch {
	case r.err != nil:
		return Result{}, r.err
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	case r.count.Load() == 0:
		return Result{}, errors.New("not one operation was completed within the measured time; take a longer --duration or a shorter --warmup")
	}
	return Result{Operations: r.count.Load(), Elapsed: elapsed, latency: all}, nil
}
