package importer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// The sizes of what is under way at once.
const (
	DefaultBatch    = 500
	DefaultParallel = 4

	// maxBatchBytes bounds a batch of long rows, so that the body of its request stays within
	// what the administration takes.
	maxBatchBytes = 1 << 20
)

// Target takes batches of rows, several at a time.
type Target interface {
	// ImportUsers stores at most MaxBatch rows and returns the outcome of each, in their order. An
	// error says that nothing is known of the batch: it may be sent again.
	ImportUsers(ctx context.Context, rows []Row) ([]Outcome, error)
}

// Tally counts what became of entries.
type Tally struct {
	Created  int64 `json:"created"`
	Joined   int64 `json:"joined"`
	Exists   int64 `json:"exists"`
	Rejected int64 `json:"rejected"`
	Skipped  int64 `json:"skipped"`
}

// Total returns the number of entries.
func (t Tally) Total() int64 { return t.Created + t.Joined + t.Exists + t.Rejected + t.Skipped }

// Refusal is an entry that was not imported.
type Refusal struct {
	At      string
	Email   string // "" when it could not be read
	Reason  string
	Skipped bool // on purpose
}

// Run is one import.
type Run struct {
	Source   Source
	Target   Target
	Batch    int   // rows at once; 0: DefaultBatch
	Parallel int   // batches at once; 0: DefaultParallel
	After    Tally // of the run that this one continues: so many entries are passed over

	// Settled is called after each batch, in the order of the file and never twice at once:
	// everything up to tally.Total() entries from the start of the file is stored, and refused
	// holds what was not, since the call before. An error of it ends the import.
	Settled func(tally Tally, refused []Refusal) error
}

// batch is a stretch of the file. The outcomes of its rows arrive on done.
type batch struct {
	entries []Entry
	done    chan []Outcome
}

// Do imports and returns the tally, including that of After. On an error, of the source, of the
// target or of ctx, the tally is that of the last call of Settled: what came after may be stored
// or not, and importing it again does no harm. Memory does not depend on the size of the file.
func (r Run) Do(ctx context.Context) (Tally, error) {
	size, parallel := r.Batch, r.Parallel
	if size <= 0 {
		size = DefaultBatch
	}
	if parallel <= 0 {
		parallel = DefaultParallel
	}
	for range r.After.Total() {
		if _, err := r.Source.Next(); err != nil {
			return r.After, fmt.Errorf("go on after entry %d: %w", r.After.Total(), err)
		}
	}
	tally := r.After
	work, ctx := errgroup.WithContext(ctx)
	order := make(chan *batch, max(parallel-1, 0)) // with the one at its head, as many as are under way
	var fault error                                // of the file
	work.Go(func() (err error) {
		defer close(order)
		fault, err = r.read(ctx, work, order, min(size, MaxBatch))
		return err
	})
	work.Go(func() error { return r.settle(ctx, order, &tally) })
	if err := work.Wait(); err != nil {
		return tally, err
	}
	return tally, fault
}

// read sends the file in batches. A fault of the file is returned apart from err, since what was
// read before it is imported all the same.
func (r Run) read(ctx context.Context, work *errgroup.Group, order chan<- *batch, size int) (fault, err error) {
	for {
		b, fault := r.next(size)
		if len(b.entries) > 0 {
			select {
			case order <- b:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			work.Go(func() error { return r.send(ctx, b) })
		}
		switch {
		case errors.Is(fault, io.EOF):
			return nil, nil
		case fault != nil:
			return fault, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
	}
}

func (r Run) next(size int) (*batch, error) {
	b := &batch{done: make(chan []Outcome, 1)}
	for bytes := 0; len(b.entries) < size && bytes < maxBatchBytes; {
		e, err := r.Source.Next()
		if err != nil {
			return b, err
		}
		if e.Reason == "" {
			if err := e.Row.Check(); err != nil {
				e.Reason = err.Error()
			}
		}
		bytes += e.Row.size()
		b.entries = append(b.entries, e)
	}
	return b, nil
}

// size estimates what the row takes in a request.
func (r Row) size() int {
	n := 256 + len(r.Email) + len(r.Name) + len(r.GivenName) + len(r.FamilyName) + len(r.Picture) + len(r.PasswordHash)
	for _, m := range r.Memberships {
		n += 32 + len(m.Tenant)
		for _, role := range m.Roles {
			n += 4 + len(role)
		}
	}
	return n
}

func (r Run) send(ctx context.Context, b *batch) error {
	rows := make([]Row, 0, len(b.entries))
	for _, e := range b.entries {
		if e.Reason == "" {
			rows = append(rows, e.Row)
		}
	}
	var outcomes []Outcome
	if len(rows) > 0 {
		var err error
		if outcomes, err = r.Target.ImportUsers(ctx, rows); err != nil {
			return err
		}
		if len(outcomes) != len(rows) {
			return fmt.Errorf("%d outcomes of %d rows", len(outcomes), len(rows))
		}
	}
	b.done <- outcomes
	return nil
}

// settle takes the batches in their order.
func (r Run) settle(ctx context.Context, order <-chan *batch, tally *Tally) error {
	for b := range order {
		var outcomes []Outcome
		select {
		case outcomes = <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		next, refused := *tally, []Refusal(nil)
		for _, e := range b.entries {
			o := Outcome{Status: Rejected, Reason: e.Reason}
			if e.Reason == "" {
				o, outcomes = outcomes[0], outcomes[1:]
			}
			next.count(o.Status, e.Skipped)
			if o.Status == Rejected {
				refused = append(refused, Refusal{At: e.At, Email: e.Row.Email, Reason: o.Reason, Skipped: e.Skipped})
			}
		}
		if r.Settled != nil {
			if err := r.Settled(next, refused); err != nil {
				return err
			}
		}
		*tally = next
	}
	return nil
}

func (t *Tally) count(s Status, skipped bool) {
	switch {
	case skipped:
		t.Skipped++
	case s == Created:
		t.Created++
	case s == Joined:
		t.Joined++
	case s == Exists:
		t.Exists++
	default:
		t.Rejected++
	}
}
