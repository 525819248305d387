package measure_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
)

// listener accepts connections and says nothing: the operations of these tests need no answer.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func repeat(n int, op measure.Operation) []measure.Operation {
	out := make([]measure.Operation, n)
	for i := range out {
		out[i] = op
	}
	return out
}

// pause takes the place of a server that needs d.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func TestOnlyWhatIsAnsweredInTheMeasuredTimeCounts(t *testing.T) {
	t.Parallel()
	var before, during atomic.Int64
	var started atomic.Bool
	load := measure.Load{
		Addr: listener(t), Warmup: 50 * time.Millisecond, Duration: 200 * time.Millisecond,
		Operations: repeat(3, func(*wire.Conn) error {
			pause(time.Millisecond)
			if started.Load() {
				during.Add(1)
			} else {
				before.Add(1)
			}
			return nil
		}),
		Started: func() { started.Store(true) },
	}
	r, err := load.Closed(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if before.Load() == 0 {
		t.Error("nothing was sent while warming up")
	}
	// One operation of each connection may straddle either end.
	if n := during.Load(); r.Operations < n-6 || r.Operations > n+6 {
		t.Errorf("%d operations were counted, %d were answered", r.Operations, n)
	}
	if r.Elapsed < load.Duration || r.Quantile(0.5) < time.Millisecond || r.Quantile(0.99) < r.Quantile(0.5) {
		t.Errorf("elapsed %s, p50 %s, p99 %s", r.Elapsed, r.Quantile(0.5), r.Quantile(0.99))
	}
	if twice := r.Plus(r); twice.Operations != 2*r.Operations || twice.Rate() < 0.999*r.Rate() || twice.Rate() > 1.001*r.Rate() {
		t.Errorf("twice %v is %v", r, twice)
	}
}

func TestAWrongAnswerEndsTheRun(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	for name, run := range map[string]func(measure.Load) (measure.Result, error){
		"closed": func(l measure.Load) (measure.Result, error) { return l.Closed(context.Background()) },
		"open":   func(l measure.Load) (measure.Result, error) { return l.Open(context.Background(), 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			_, err := run(measure.Load{Addr: listener(t), Duration: time.Hour, Operations: repeat(4, func(*wire.Conn) error {
				if n.Add(1) == 100 {
					return wrong
				}
				return nil
			})})
			if !errors.Is(err, wrong) {
				t.Errorf("the run ended with %v", err)
			}
		})
	}
}

func TestRunningOutOfThingsToSendIsNoFailure(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	load := measure.Load{Addr: listener(t), Duration: time.Hour, Operations: repeat(2, func(*wire.Conn) error {
		pause(time.Millisecond) // else all is used up before the measured time begins
		if n.Add(1) > 200 {
			return measure.ErrExhausted
		}
		return nil
	})}
	if r, err := load.Closed(context.Background()); err != nil || r.Operations == 0 || r.Operations > 200 {
		t.Errorf("%d operations, %v", r.Operations, err)
	}
}

func TestAStallIsPaidForByEverythingThatWasDueMeanwhile(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	var stalled atomic.Bool
	load := measure.Load{Addr: listener(t), Duration: time.Second, Operations: repeat(1, func(*wire.Conn) error {
		if stalled.CompareAndSwap(false, true) {
			pause(stall)
		}
		return nil
	})}
	r, err := load.Open(context.Background(), 500)
	if err != nil {
		t.Fatal(err)
	}
	// One operation in 500 was slow; a fifth of them was due while it was. A generator that waits
	// before it sends again would show a fast p90.
	if got := r.Quantile(0.9); got < stall/4 {
		t.Errorf("p90 is %s, as if nobody had waited", got)
	}
	if r.Operations < 400 {
		t.Errorf("%d operations in a second at 500 per second", r.Operations)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	load := measure.Load{Addr: listener(t), Duration: time.Hour, Started: cancel, Operations: repeat(1, func(*wire.Conn) error { return nil })}
	if _, err := load.Closed(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := (measure.Load{Addr: "127.0.0.1:1", Operations: repeat(1, nil)}).Closed(context.Background()); err == nil {
		t.Error("a server that is not there was measured")
	}
}
