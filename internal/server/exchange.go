package server

import (
	"context"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// exchange is everything the middleware knows about one request and its response, in one
// piece of memory. It is also the request's context.
//
// As a context it ends with the connection's and at the deadline of the route. Most requests
// are answered from memory and never wait for either, so the timer is made only when somebody
// asks for Done.
type exchange struct {
	context.Context // the connection's

	began    time.Time // by the real clock, as are deadlines
	id       string
	idHeader [1]string // the value of X-Request-Id
	client   client
	route    string // set by dispatch, read by observe
	quiet    bool   // see Route
	recorder recorder

	deadline time.Time // zero: none; set before the handler runs
	mu       sync.Mutex
	timed    context.Context // with the timer; nil until Done
	cancel   context.CancelFunc
}

var _ telemetry.Request = (*exchange)(nil)

// RequestID returns the id that the log and the response carry.
func (e *exchange) RequestID() string { return e.id }

// exchangeOf returns the exchange that ctx belongs to, an empty one outside a request.
func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.(*exchange); ok { // nobody has made a context from it
		return e
	}
	if e, ok := ctx.Value(telemetry.RequestKey{}).(*exchange); ok {
		return e
	}
	return &exchange{Context: ctx}
}

// finish releases the timer once the response is written.
func (e *exchange) finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
}

// Deadline implements context.Context.
func (e *exchange) Deadline() (time.Time, bool) {
	outer, ok := e.Context.Deadline()
	if e.deadline.IsZero() || ok && outer.Before(e.deadline) {
		return outer, ok
	}
	return e.deadline, true
}

// Done implements context.Context.
func (e *exchange) Done() <-chan struct{} {
	if e.deadline.IsZero() {
		return e.Context.Done()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timed == nil {
		e.timed, e.cancel = context.WithDeadline(e.Context, e.deadline)
	}
	return e.timed.Done()
}

// Err implements context.Context.
func (e *exchange) Err() error {
	if timed := e.withTimer(); timed != nil {
		return timed.Err()
	}
	if err := e.Context.Err(); err != nil {
		return err
	}
	if e.deadline.IsZero() || time.Now().Before(e.deadline) {
		return nil
	}
	_ = e.Done() // so that the answer stays the same when the connection ends later
	return e.withTimer().Err()
}

// Value implements context.Context. Once there is a timer its context is asked, so that
// contexts made from this one hang directly on it instead of on a goroutine each.
func (e *exchange) Value(key any) any {
	if key == (telemetry.RequestKey{}) {
		return e
	}
	if timed := e.withTimer(); timed != nil {
		return timed.Value(key)
	}
	return e.Context.Value(key)
}

func (e *exchange) withTimer() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.timed
}
