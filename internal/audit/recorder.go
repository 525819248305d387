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
type Recorder struct {
	sink   Sink
	log    *slog.Logger
	caller func(context.Context) (address, requestID string)
	queue  chan Event
	done   chan struct{}

	mu     sync.RWMutex // guards closed, and with it sending on queue
	closed bool
}

// NewRecorder returns a recorder; call Close to write what is left. caller names who made the
// request of a context.
func NewRecorder(sink Sink, log *slog.Logger, caller func(context.Context) (address, requestID string)) *Recorder {
	r := &Recorder{sink: sink, log: log, caller: caller, queue: make(chan Event, queueLength), done: make(chan struct{})}
	go r.run()
	return r
}

// Record takes an event and returns at once.
func (r *Recorder) Record(ctx context.Context, e Event) {
	e = r.complete(ctx, e)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed { // a request that outlived the shutdown's grace
		r.toLog(e, "recorder is closed")
		return
	}
	select {
	case r.queue <- e:
	default:
		r.toLog(e, "queue is full")
	}
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
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.mu.Unlock()
	<-r.done
}

func (r *Recorder) closing() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.closed
}

func (r *Recorder) run() {
	defer close(r.done)
	batch := make([]Event, 0, batchLength)
	var failed error
	for first := range r.queue {
		batch = append(batch[:0], first)
		timer := time.NewTimer(batchDelay)
	fill:
		for len(batch) < batchLength {
			select {
			case e, ok := <-r.queue:
				if !ok {
					break fill
				}
				batch = append(batch, e)
			case <-timer.C:
				break fill
			}
		}
		timer.Stop()
		if failed == nil || !r.closing() {
			failed = r.write(batch)
		}
		if failed != nil {
			for _, e := range batch {
				r.toLog(e, failed.Error())
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
		"client", e.Client, "session", e.Session, "grant", e.Grant, "jti", e.TokenID, "address", e.Address,
		"request_id", e.RequestID, "detail", e.Detail)
}
