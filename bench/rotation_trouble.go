package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/bench/internal/live"
)

const (
	// rotationLimit is how long the keys may take to change as often as they shall.
	rotationLimit = 4 * time.Minute
	// downFor is how long the database, or a replica, is away.
	downFor = 3 * time.Second
)

// disturb waits for the rotations and makes trouble meanwhile.
func (l *liveRun) disturb(ctx context.Context, ledger *live.Ledger, asked *atomic.Int64) error {
	if err := l.await(ctx, ledger, 1); err != nil {
		return err
	}
	// From here on the first fetch, which everybody has to wait for, is over.
	asked.Store(0)
	type trouble struct {
		after int // rotations, of all that are wanted
		make  func(context.Context) error
	}
	for _, t := range []trouble{
		{l.options.wanted / 5, l.stopDatabase},
		{l.options.wanted * 2 / 5, l.killReplica},
		{l.options.wanted * 3 / 5, l.crashDatabase},
	} {
		if err := l.await(ctx, ledger, t.after); err != nil {
			return err
		}
		if err := t.make(ctx); err != nil {
			return err
		}
	}
	return l.await(ctx, ledger, l.options.wanted)
}

// await waits until the keys of every algorithm changed that often. It is no error that they do not: the
// report says so.
func (l *liveRun) await(ctx context.Context, ledger *live.Ledger, rotations int) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Since(l.began) < rotationLimit {
		least := -1
		for _, k := range l.kinds {
			if n := ledger.Ring(k.Algorithm).Rotations(); least < 0 || n < least {
				least = n
			}
		}
		if least >= rotations {
			return nil
		}
		refused := ledger.Tally("pkg/verify").Failures
		l.bar.Show(fmt.Sprintf("rotations, %d refused", refused), float64(least), float64(l.options.wanted), fmt.Sprintf("%d of %d", least, l.options.wanted))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// event notes what was done.
func (l *liveRun) event(format string, args ...any) {
	l.report.Events = append(l.report.Events, fmt.Sprintf("%.1f s: ", time.Since(l.began).Seconds())+fmt.Sprintf(format, args...))
}

// stopDatabase stops PostgreSQL as an operator does, just before a new key begins to sign, and starts it
// again.
func (l *liveRun) stopDatabase(ctx context.Context) error {
	planned, err := l.beforeActivation(ctx, 500*time.Millisecond)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.db.Stop(); err != nil {
		return err
	}
	return l.startDatabase(ctx, "stopped", planned, began)
}

// crashDatabase does the same with a PostgreSQL that ends in the middle of everything, and before the key
// after the next one was published.
func (l *liveRun) crashDatabase(ctx context.Context) error {
	planned, err := l.beforeActivation(ctx, 1500*time.Millisecond)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.db.Crash(); err != nil {
		return err
	}
	return l.startDatabase(ctx, "crashed", planned, began)
}

func (l *liveRun) startDatabase(ctx context.Context, how string, planned, began time.Time) error {
	pause(ctx, downFor)
	if err := l.db.Start(ctx); err != nil {
		return err
	}
	l.event("PostgreSQL %s and was away for %.1f s; %s", how, time.Since(began).Seconds(), meanwhile(planned, began))
	return nil
}

// meanwhile says when a key began to sign, as seen from the beginning of the trouble.
func meanwhile(planned, began time.Time) string {
	if planned.IsZero() {
		return "no activation was planned"
	}
	return fmt.Sprintf("a new key began to sign %.1f s after it had gone", planned.Sub(began).Seconds())
}

// killReplica kills one replica and starts it again.
func (l *liveRun) killReplica(ctx context.Context) error {
	const victim = replicas - 1
	planned, err := l.beforeActivation(ctx, 500*time.Millisecond)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.fleet.Kill(victim); err != nil {
		return err
	}
	pause(ctx, downFor)
	if err := l.fleet.Start(ctx, victim); err != nil {
		return err
	}
	l.event("a replica was killed and was away for %.1f s; %s", time.Since(began).Seconds(), meanwhile(planned, began))
	return nil
}

// beforeActivation waits until that long before the next planned activation, which it returns; zero when
// none is.
func (l *liveRun) beforeActivation(ctx context.Context, lead time.Duration) (at time.Time, err error) {
	stored, err := l.store.Keys().Load(ctx)
	if err != nil {
		return at, err
	}
	earliest := stored.Now.Add(lead)
	for _, k := range stored.Keys {
		if k.Algorithm == string(l.kinds[0].Algorithm) && k.ActivatedAt.After(earliest) && (at.IsZero() || k.ActivatedAt.Before(at)) {
			at = k.ActivatedAt
		}
	}
	if !at.IsZero() {
		pause(ctx, at.Add(-lead).Sub(stored.Now))
	}
	return at, ctx.Err()
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
