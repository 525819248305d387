package interaction

import (
	"sync"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
)

// denial is what was recorded of somebody who was not let into an application.
type denial struct {
	session      id.Session
	client       client.ID
	tenant       id.Tenant
	organization string
}

// outage is a connector that nobody can leave through, and why.
type outage struct {
	connector id.Connector
	reason    connector.Reason
}

// A denial or an outage is recorded once in a while, however often the page is reloaded: a log that
// anybody can fill hides what matters. Each replica remembers for itself, and so many at most.
const (
	recordPause = 10 * time.Minute
	maxRecent   = 10_000
)

// seldom remembers what was recorded of late.
type seldom[K comparable] struct {
	mu     sync.Mutex
	recent map[K]time.Time // when it was recorded
}

func newSeldom[K comparable]() *seldom[K] { return &seldom[K]{recent: make(map[K]time.Time)} }

// due reports whether d is to be recorded at now, and remembers that it is.
func (s *seldom[K]) due(d K, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.recent[d]; known && now.Before(at.Add(recordPause)) {
		return false
	}
	if len(s.recent) >= maxRecent {
		for other, at := range s.recent {
			if !now.Before(at.Add(recordPause)) {
				delete(s.recent, other)
			}
		}
	}
	if len(s.recent) >= maxRecent { // rather record some twice than forget to record one
		clear(s.recent)
	}
	s.recent[d] = now
	return true
}
