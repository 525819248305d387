package interaction

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasPromisedIsDoneBeforeTheServerStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &Interaction{errands: newErrands()}
		request, hangUp := context.WithCancel(t.Context())
		done := 0
		err := i.errands.run(request, func(ctx context.Context) {
			time.Sleep(time.Second)
			if ctx.Err() == nil {
				done++
			}
		})
		hangUp() // the answer has been read
		i.Close()
		if err != nil || done != 1 {
			t.Errorf("%v, done %d times", err, done)
		}
	})
}

func TestErrandsAreBoundedInNumberAndTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &Interaction{errands: newErrands()}
		forever := func(ctx context.Context) { <-ctx.Done() }
		for range errandsAtOnce {
			if err := i.errands.run(t.Context(), forever); err != nil {
				t.Fatal(err)
			}
		}
		impatient, cancel := context.WithTimeout(t.Context(), errandTimeout/2)
		defer cancel()
		if err := i.errands.run(impatient, forever); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one too many: %v", err)
		}
		if err := i.errands.run(t.Context(), forever); err != nil { // there is room once the others are over
			t.Error(err)
		}
		i.Close()
	})
}
