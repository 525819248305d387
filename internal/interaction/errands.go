package interaction

import (
	"context"
	"sync"
	"time"
)

// errands is work that an answer does not wait for: whoever asks learns nothing from the time that
// it takes.
type errands struct {
	wg   *sync.WaitGroup
	room chan struct{}
}

const (
	errandsAtOnce = 16
	errandTimeout = 10 * time.Second
)

func newErrands() errands { return errands{new(sync.WaitGroup), make(chan struct{}, errandsAtOnce)} }

// run has f done soon; what ctx carries is known to it, but not when ctx ends. When there is no
// room it waits for some, and gives up with ctx.
func (e errands) run(ctx context.Context, f func(context.Context)) error {
	select {
	case e.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	e.wg.Go(func() {
		defer func() { <-e.room }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), errandTimeout)
		defer cancel()
		f(ctx)
	})
	return nil
}

// Close waits for work that was promised in answers. Call it once no request is served any more.
func (i *Interaction) Close() { i.errands.wg.Wait() }
