package ratelimit

import (
	"context"
	"sync"
	"time"
)

// memory is a Store for one process.
type memory struct {
	mu   sync.Mutex
	rows map[Key]*row
}

type row struct {
	failures     int
	windowEnds   time.Time
	blockedUntil time.Time
}

func newMemory() *memory { return &memory{rows: map[Key]*row{}} }

func (m *memory) Take(_ context.Context, claims []Claim, now time.Time) ([]State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	allowed := true
	for _, c := range claims {
		if r := m.rows[c.Key]; r != nil && r.blockedUntil.After(now) {
			allowed = false
		}
	}
	var states []State
	for _, c := range claims {
		r := m.rows[c.Key]
		if !allowed {
			if r == nil {
				r = &row{}
			}
			states = append(states, State{c.Key, false, r.failures, r.blockedUntil})
			continue
		}
		fresh := r == nil || !r.windowEnds.After(now)
		if fresh {
			r = &row{}
			m.rows[c.Key] = r
		}
		if fresh || c.Policy.Sliding {
			r.windowEnds = now.Add(c.Policy.Window)
		}
		r.failures++
		r.blockedUntil = now.Add(c.Policy.Pause(r.failures))
		states = append(states, State{c.Key, true, r.failures, r.blockedUntil})
	}
	return states, nil
}

func (m *memory) Settle(_ context.Context, reset, refund []Key, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range reset {
		delete(m.rows, k)
	}
	for _, k := range refund {
		if r := m.rows[k]; r != nil {
			r.failures = max(0, r.failures-1)
			r.blockedUntil = now
		}
	}
	return nil
}

// failures is the count under k.
func (m *memory) failures(k Key) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows[k]; r != nil {
		return r.failures
	}
	return 0
}

// storeFuncs is a Store made of functions, for what a real one does only by chance.
type storeFuncs struct {
	take   func([]Claim, time.Time) ([]State, error)
	settle func(reset, refund []Key) error
}

func (s storeFuncs) Take(_ context.Context, claims []Claim, now time.Time) ([]State, error) {
	return s.take(claims, now)
}

func (s storeFuncs) Settle(_ context.Context, reset, refund []Key, _ time.Time) error {
	return s.settle(reset, refund)
}
