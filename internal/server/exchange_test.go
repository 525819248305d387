package server

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnExchangeIsAContextLikeAnyOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for what, c := range map[string]struct {
			early bool // Done is asked for before the deadline
			end   func(hangUp func())
			want  error
		}{
			"at its deadline":                 {true, func(func()) { time.Sleep(time.Second) }, context.DeadlineExceeded},
			"at its deadline, asked late":     {false, func(func()) { time.Sleep(time.Second) }, context.DeadlineExceeded},
			"with its connection":             {true, func(hangUp func()) { hangUp() }, context.Canceled},
			"with its connection, asked late": {false, func(hangUp func()) { hangUp() }, context.Canceled},
		} {
			connection, hangUp := context.WithCancel(t.Context())
			e := &exchange{Context: connection, deadline: time.Now().Add(time.Second)}
			var child context.Context
			cancel := func() {}
			if c.early {
				child, cancel = context.WithCancel(e)
			}
			if e.Err() != nil {
				t.Errorf("%s: %v at first", what, e.Err())
			}
			c.end(hangUp)
			synctest.Wait()
			if !errors.Is(e.Err(), c.want) {
				t.Errorf("%s: %v", what, e.Err())
			}
			hangUp() // nothing that comes later changes why it ended
			if !errors.Is(e.Err(), c.want) || c.early && !errors.Is(child.Err(), c.want) {
				t.Errorf("%s, later: %v", what, e.Err())
			}
			select {
			case <-e.Done():
			default:
				t.Errorf("%s: not done", what)
			}
			if !errors.Is(e.Err(), c.want) || !errors.Is(context.Cause(e), c.want) {
				t.Errorf("%s, asked for Done: %v, %v", what, e.Err(), context.Cause(e))
			}
			cancel()
			e.finish()
		}
	})
}

// Not parallel: it counts goroutines.
func TestContextsMadeFromAnExchangeCostNoGoroutine(t *testing.T) { //nolint:paralleltest // see above
	connection, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	e := &exchange{Context: connection, deadline: time.Now().Add(time.Hour)}
	defer e.finish()
	before := runtime.NumGoroutine()
	for range 100 {
		_, cancel := context.WithCancel(context.WithValue(e, "key", "value")) //nolint:staticcheck // any key
		defer cancel()
	}
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("%d more", n)
	}
}
