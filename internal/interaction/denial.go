package interaction

import (
	"sync"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/id"
)

// denial is what was recorded of somebody who was not let into an application.
type denial struct {
	session      id.Session
	client       client.ID
	tenant       id.Tenant
	organization string
}

// A denial is recorded once in a while, however often the page is reloaded: a log that anybody can
// fill hides what matters. Each replica remembers for itself, and so many at most.
const (
	denialPause = 10 * time.Minute
	maxDenials  = 10_000
)

// denials remembers what was recorded of late.
type denials struct {
	mu     sync.Mutex
	recent map[denial]time.Time // when it was recorded
}

func newDenials() *denials { return &denials{recent: make(map[denial]time.Time)} }

// due reports whether d is to be recorded at now, and remembers that it is.
func (s *denials) due(d denial, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.recent[d]; known && now.Before(at.Add(denialPause)) {
		return false
	}
	if len(s.recent) >= maxDenials {
		for other, at := range s.recent {
			if !now.Before(at.Add(denialPause)) {
				delete(s.recent, other)
			}
		}
	}
	if len(s.recent) >= maxDenials { // rather record some twice than forget to record one
		clear(s.recent)
	}
	s.recent[d] = now
	return true
}
