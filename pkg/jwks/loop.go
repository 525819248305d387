package jwks

import (
	"fmt"
	"slices"
	"time"
)

const (
	// glance is how often the loop looks at the clock besides its timer, which stands still while
	// the machine sleeps.
	glance = time.Minute
	// firstRetry is the wait after the first failed fetch; it doubles with each one after that.
	firstRetry = time.Second
	// maxRetry bounds it while there are keys to use.
	maxRetry = time.Minute
	// maxUrgentRetry bounds it while there are none, and every token is refused.
	maxUrgentRetry = 10 * time.Second
)

// run fetches when it is time, one fetch after the other, until the set's context ends.
func (s *Set) run() {
	clock := time.NewTicker(glance)
	defer clock.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-next.C:
		case <-clock.C:
			if !s.wanted() {
				continue
			}
		case <-s.wake:
			if !s.wanted() {
				continue
			}
		}
		next.Reset(s.attempt())
	}
}

// wanted reports whether somebody waits for a fetch, or it is time for one.
func (s *Set) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting != nil || s.state.Load().due(s.now())
}

// attempt fetches once, publishes the outcome, and returns how long to wait before the next time.
func (s *Set) attempt() time.Duration {
	s.mu.Lock()
	f := s.waiting
	if f == nil {
		f = newFlight()
	}
	s.waiting, s.running = nil, f
	s.mu.Unlock()

	before := s.state.Load()
	doc, err := s.fetch(before.doc)
	after := s.outcome(before, doc, err)

	s.mu.Lock()
	s.running = nil
	// A failure at the end of the set's life is its own and says nothing about the issuer.
	counts := err == nil || s.ctx.Err() == nil
	if counts {
		s.state.Store(after)
	}
	if err == nil {
		clear(s.absent)
	}
	f.err = err
	s.mu.Unlock()
	close(f.done)

	if counts {
		close(before.replaced)
		s.report(before, after)
	}
	if err == nil {
		s.save(doc)
	}
	return max(0, after.wait-max(0, elapsed(after.at, s.now())))
}

// outcome is the state after a fetch.
func (s *Set) outcome(before *state, doc *document, err error) *state {
	if err == nil {
		// Many replicas that started together drift apart.
		return &state{doc: doc, at: doc.asked, wait: spread(doc.fresh*8/10, 0.9, 1.1), replaced: make(chan struct{})}
	}
	now := s.now()
	st := &state{doc: before.doc, err: err, failures: before.failures + 1, at: now, replaced: make(chan struct{})}
	limit := maxRetry
	if !st.doc.good(now) {
		limit = maxUrgentRetry
	}
	wait := limit
	if doubled := firstRetry << min(st.failures-1, 16); doubled < limit {
		wait = doubled
	}
	st.wait = spread(wait, 0.5, 1)
	return st
}

// report logs what a fetch changed.
func (s *Set) report(before, after *state) {
	health := s.Health().String()
	switch {
	case after.err != nil && !after.doc.good(s.now()):
		s.log.Error("jwks: the keys cannot be fetched and no token can be accepted",
			"health", health, "failures", after.failures, "retry_in", after.wait)
	case after.err != nil:
		s.log.Warn("jwks: the keys cannot be renewed",
			"health", health, "failures", after.failures, "retry_in", after.wait)
	case before.doc == nil || !slices.Equal(before.doc.kids, after.doc.kids):
		s.log.Info("jwks: keys loaded", "health", health, "kids", after.doc.kids)
	case before.err != nil:
		s.log.Info("jwks: the keys were renewed again", "health", health, "failures", before.failures)
	}
	if before.doc == nil || after.doc == nil {
		return
	}
	for kid, k := range after.doc.keys {
		if old := before.doc.keys[kid]; old != nil && old != k {
			s.log.Warn("jwks: the issuer published another key under an id it had used before", "kid", fmt.Sprintf("%.64q", kid))
		}
	}
}
