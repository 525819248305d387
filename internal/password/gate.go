package password

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/signet-id/signet/internal/errdefs"
)

// gate bounds how much hashing goes on at once and how many callers wait for it, so that a
// login flood costs neither memory nor goroutines without end. Callers are served in order.
type gate struct {
	places   *semaphore.Weighted
	size     int64
	maxQueue int64
	waiting  atomic.Int64
}

func newGate(size, maxQueue int) *gate {
	return &gate{places: semaphore.NewWeighted(int64(size)), size: int64(size), maxQueue: int64(maxQueue)}
}

// enter takes weight places, waiting no longer than ctx allows, and returns the function that
// gives them back. A weight above the whole gate takes the whole gate. The error is
// errdefs.ErrUnavailable, joined with ctx's own when that ended the wait; full says that the
// queue had no room.
func (g *gate) enter(ctx context.Context, weight int64) (leave func(), full bool, err error) {
	weight = min(max(weight, 1), g.size)
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("password hashing: %w: %w", errdefs.ErrUnavailable, err)
	}
	if !g.places.TryAcquire(weight) { // fails as well while others wait: nobody overtakes
		defer g.waiting.Add(-1)
		if g.waiting.Add(1) > g.maxQueue {
			return nil, true, fmt.Errorf("password hashing: too many sign-ins at once, try again in a moment: %w", errdefs.ErrUnavailable)
		}
		if err := g.places.Acquire(ctx, weight); err != nil {
			return nil, false, fmt.Errorf("password hashing: %w: %w", errdefs.ErrUnavailable, err)
		}
	}
	return func() { g.places.Release(weight) }, false, nil
}
