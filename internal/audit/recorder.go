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
	close  sync.Once
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
	select {
	case r.queue <- e:
	default:
		r.toLog(e, "queue is full")
	}
}

// Write stores an event before it returns: for what must not be lost in a crash, as a sign-in.
func (r *Recorder) Write(ctx context.Context, e Event) error {
	return r.sink.Append(ctx, []Event{r.complete(ctx, e)})
}

func (r *Recorder) complete(ctx context.Context, e Event) Event {
	if e.Address == "" && e.RequestID == "" {
		e.Address, e.RequestID = r.caller(ctx)
	}
	return e
}

// Close writes what is queued. Nothing may be recorded after it.
func (r *Recorder) Close() {
	r.close.Do(func() { close(r.queue) })
	<-r.done
}

func (r *Recorder) run() {
	defer close(r.done)
	batch := make([]Event, 0, batchLength)
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
		r.write(batch)
	}
}

func (r *Recorder) write(batch []Event) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := r.sink.Append(ctx, batch); err != nil {
		for _, e := range batch {
			r.toLog(e, err.Error())
		}
	}
}

func (r *Recorder) toLog(e Event, why string) {
	r.log.Error("audit event could not be stored", "why", why, "at", e.At, "action", e.Action, "tenant", e.Tenant, "user", e.User,
		"client", e.Client, "session", e.Session, "grant", e.Grant, "jti", e.TokenID, "address", e.Address,
		"request_id", e.RequestID, "detail", e.Detail)
}
