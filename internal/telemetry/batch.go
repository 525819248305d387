package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// batchDelay is the longest that a line waits to be written.
	batchDelay = 100 * time.Millisecond
	batchBytes = 32 << 10
)

// Batch collects log lines and writes many at a time, since one write for each request costs
// more than making its line. A line waits a tenth of a second at most, and a logger made with
// it (NewLogger) lets lines from warnings on go at once, with all that came before. Call Close
// before the program ends.
type Batch struct {
	w io.Writer

	mu    sync.Mutex
	lines []byte
	timer *time.Timer // armed while lines wait
	armed bool
	done  bool
	err   error // of the last write that nobody waited for
}

// NewBatch returns a batch before w.
func NewBatch(w io.Writer) *Batch {
	b := &Batch{w: w, lines: make([]byte, 0, batchBytes)}
	b.timer = time.AfterFunc(time.Hour, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.armed = false
		b.write()
	})
	b.timer.Stop()
	return b
}

// Write takes lines. An error is that of an earlier write, said once.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(p) > cap(b.lines) {
		b.write()
	}
	switch {
	case len(p) > cap(b.lines) || b.done:
		return b.w.Write(p)
	default:
		b.lines = append(b.lines, p...)
	}
	if !b.armed {
		b.armed = true
		b.timer.Reset(batchDelay)
	}
	err := b.err
	b.err = nil
	return len(p), err
}

// write passes on what waits; mu is held.
func (b *Batch) write() {
	if len(b.lines) == 0 {
		return
	}
	if _, err := b.w.Write(b.lines); err != nil {
		b.err = err
	}
	b.lines = b.lines[:0]
}

// Flush writes what waits.
func (b *Batch) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
}

// Close writes what waits; lines that come later are written one by one.
func (b *Batch) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
	b.done = true
	b.timer.Stop()
}

// urgentHandler lets what people wait for out of the batch at once.
type urgentHandler struct {
	slog.Handler
	batch     *Batch
	plainJSON bool // writes JSON, with no attributes or groups of its own
}

func (h urgentHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.batch.Flush()
	}
	return err
}

func (h urgentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgentHandler{h.Handler.WithAttrs(attrs), h.batch, false}
}

func (h urgentHandler) WithGroup(name string) slog.Handler {
	return urgentHandler{h.Handler.WithGroup(name), h.batch, false}
}
