package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Sink stores events; package postgres implements it.
type Sink interface {
	Append(ctx context.Context, events []Event) error
}

const (
	queueLength  = 16384
	batchLength  = 512
	batchDelay   = 200 * time.Millisecond
	writeTimeout = 5 * time.Second
)

// Recorder writes events in batches, off the path of the requests that report them. An event
// that cannot be stored, because the queue is full or the store does not answer, goes to the
// log in full, so that it is not lost.
//
// Reporting an event wakes nobody: the writer looks after a moment, or sooner once a whole batch
// waits. Waking it each time would cost every request a change of goroutines, and under load
// hold up the connections that are not being served.
type Recorder struct {
	sink   Sink
	log    *slog.Logger
	caller func(context.Context) (address, requestID string)
	wake   chan struct{} // holds one: there is something to write
	done   chan struct{}

	mu      sync.Mutex
	waiting []Event
	armed   bool // the writer was told, or the timer will tell it
	timer   *time.Timer
	closed  bool
}

// NewRecorder returns a recorder; call Close to write what is left. caller names who made the
// request of a context.
func NewRecorder(sink Sink, log *slog.Logger, caller func(context.Context) (address, requestID string)) *Recorder {
	r := &Recorder{sink: sink, log: log, caller: caller, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.timer = time.AfterFunc(batchDelay, r.tell)
	r.timer.Stop()
	go r.run()
	return r
}

// tell wakes the writer, who looks at everything that waits.
func (r *Recorder) tell() {
	select {
	case r.wake <- struct{}{}:
	default: // told already
	}
}

// Record takes an event and returns at once.
func (r *Recorder) Record(ctx context.Context, e Event) {
	e = r.complete(ctx, e)
	if why := r.enqueue(e); why != "" {
		r.toLog(e, why)
	}
}

// enqueue says why an event cannot wait to be written, "" if it does.
func (r *Recorder) enqueue(e Event) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed: // a request that outlived the shutdown's grace
		return "recorder is closed"
	case len(r.waiting) >= queueLength:
		return "queue is full"
	}
	r.waiting = append(r.waiting, e)
	switch {
	case len(r.waiting) == batchLength:
		r.timer.Stop()
		r.armed = true
		r.tell()
	case !r.armed:
		r.armed = true
		r.timer.Reset(batchDelay)
	}
	return ""
}

// take removes and returns up to a batch of what waits; more says whether to come back at once.
func (r *Recorder) take(batch []Event) (taken []Event, more, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), batchLength)
	taken = append(batch[:0], r.waiting[:n]...)
	rest := copy(r.waiting, r.waiting[n:])
	clear(r.waiting[rest:]) // let go of what they point to
	r.waiting = r.waiting[:rest]
	more = rest >= batchLength || r.closed && rest > 0
	r.armed = rest > 0
	if r.armed && !more {
		r.timer.Reset(batchDelay)
	}
	return taken, more, r.closed
}

// Write stores an event before it returns: for what must not be lost in a crash, as a sign-in.
// It does not stop when ctx is cancelled: who guesses at passwords cannot hang up to leave no
// trace.
func (r *Recorder) Write(ctx context.Context, e Event) error {
	e = r.complete(ctx, e)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return r.sink.Append(ctx, []Event{e})
}

func (r *Recorder) complete(ctx context.Context, e Event) Event {
	if e.Address == "" && e.RequestID == "" {
		e.Address, e.RequestID = r.caller(ctx)
	}
	return e
}

// Close writes what is queued. Once the store fails, the rest goes to the log without asking
// it again: a shutdown cannot wait for each batch.
func (r *Recorder) Close() {
	r.mu.Lock()
	r.closed = true
	r.timer.Stop()
	r.mu.Unlock()
	r.tell()
	<-r.done
}

func (r *Recorder) run() {
	defer close(r.done)
	batch := make([]Event, 0, batchLength)
	var failed error
	for range r.wake {
		for more, closed := true, false; more; {
			batch, more, closed = r.take(batch)
			if len(batch) > 0 && (failed == nil || !closed) {
				failed = r.write(batch)
			}
			if failed != nil {
				for _, e := range batch {
					r.toLog(e, failed.Error())
				}
			}
			if closed && !more {
				return
			}
		}
	}
}

func (r *Recorder) write(batch []Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return r.sink.Append(ctx, batch)
}

func (r *Recorder) toLog(e Event, why string) {
	r.log.Error("audit event could not be stored", "why", why, "at", e.At, "action", e.Action, "tenant", e.Tenant, "user", e.User,
		"client", e.Client, "session", e.Session, "grant", e.Grant, "jti", e.TokenID, "actor", e.Actor, "target", e.Target,
		"address", e.Address, "request_id", e.RequestID, "detail", e.Detail)
}
