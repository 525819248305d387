package jwks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/keys"
)

// maxAbsent bounds the number of key ids that are remembered as not there.
const maxAbsent = 1024

// Set is the key set of one issuer. Build it with New; it is safe for concurrent use.
type Set struct {
	cfg    Config
	now    func() time.Time
	log    *slog.Logger
	client *http.Client
	least  time.Duration   // for which a document is fresh
	ctx    context.Context // the one of New: it is the set's life
	state  atomic.Pointer[state]
	wake   chan struct{} // asks the loop to look whether there is something to do
	saves  chan *document

	mu      sync.Mutex
	waiting *flight // the fetch that begins next, if somebody waits for it
	running *flight // the fetch under way
	absent  map[string]time.Time
	unknown time.Time // when an unknown kid last caused a fetch
}

// state is the outcome of the latest fetch. It is never changed.
type state struct {
	doc      *document // of the latest successful fetch; nil if there was none
	err      error     // of the latest fetch, nil if it succeeded
	failures int       // in a row
	at       time.Time // when the wait for the next fetch began
	wait     time.Duration
	replaced chan struct{} // closed when there is a newer state
}

// due reports whether it is time for the next fetch by the set's clock.
func (st *state) due(now time.Time) bool { return passed(st.at, now, st.wait) }

// flight is a fetch that somebody may wait for.
type flight struct {
	done chan struct{}
	err  error // valid once done is closed
}

// New returns the key set at c.URL and begins to fetch it; it never waits for the network. Fetching
// ends with ctx, after which the keys at hand are used as long as they may be. The error reports
// everything that is wrong with c.
func New(ctx context.Context, c Config) (*Set, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Set{
		cfg:    c,
		now:    c.Now,
		log:    c.Log,
		client: c.client(),
		least:  cmp.Or(c.MinTTL, MinTTL),
		ctx:    ctx,
		wake:   make(chan struct{}, 1),
		saves:  make(chan *document, 1),
		absent: map[string]time.Time{},
		// So that a lookup at once waits for the first fetch instead of asking for another.
		waiting: newFlight(),
	}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // the clock that is injected by default
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	first := &state{at: s.now(), replaced: make(chan struct{})}
	if c.CacheFile != "" {
		first.doc = s.restore()
		go s.saveAll()
	}
	s.state.Store(first)
	go s.run()
	return s, nil
}

// Lookup returns the key of that kid from memory: it takes no lock, allocates nothing and waits for
// nothing. It returns false if the key is not known, none was loaded yet, or the keys are too old to
// be used; Key tells these apart. As long as a key stays published its Public is the same value
// (the same pointer or, for Ed25519, the same bytes), however often the document is fetched.
func (s *Set) Lookup(kid string) (keys.Key, bool) {
	now := s.now()
	st := s.state.Load()
	if st.due(now) {
		s.poke() // the loop's timer stands still while the machine sleeps
	}
	if k := st.doc.find(kid, now); k != nil {
		return *k, true
	}
	return keys.Key{}, false
}

// Key returns the key of that kid. It waits for a fetch only if there are no keys that may be used,
// or kid is not among them and may cause a fetch now (UnknownKeyPause); not after ctx ends, and not
// much longer than FetchTimeout.
//
// The error is ErrUnknownKey, or ErrUnavailable if there are no keys that may be used or ctx ended
// before that was known.
func (s *Set) Key(ctx context.Context, kid string) (keys.Key, error) {
	if k, ok := s.Lookup(kid); ok {
		return k, nil
	}
	f, later := s.join(kid)
	if f == nil {
		return s.conclude(kid)
	}
	if err := s.await(ctx, f.done); err != nil {
		return keys.Key{}, s.unavailable(err)
	}
	if later && f.err == nil {
		s.remember(kid)
	}
	return s.conclude(kid)
}

// conclude answers from memory, after what could be waited for.
func (s *Set) conclude(kid string) (keys.Key, error) {
	st, now := s.state.Load(), s.now()
	if k := st.doc.find(kid, now); k != nil {
		return *k, nil
	}
	switch {
	case st.doc == nil:
		return keys.Key{}, s.unavailable(errors.New("none were ever loaded"))
	case !st.doc.good(now):
		return keys.Key{}, s.unavailable(errors.New("those at hand are too old to be used"))
	case st.err != nil:
		return keys.Key{}, fmt.Errorf("%w: %.64q; the issuer cannot be asked just now: %w", ErrUnknownKey, kid, st.err)
	default:
		return keys.Key{}, fmt.Errorf("%w: %.64q", ErrUnknownKey, kid)
	}
}

// unavailable is ErrUnavailable with a reason and what stands behind it.
func (s *Set) unavailable(why error) error {
	if err := s.state.Load().err; err != nil {
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, why, err)
	}
	if s.ctx.Err() != nil && !errors.Is(why, errEnded) {
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, why, s.ended())
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, why)
}

// join returns the fetch to wait for because of kid, nil if none may help, and whether it begins
// after the call.
func (s *Set) join(kid string) (f *flight, later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, now := s.state.Load(), s.now()
	usable := st.doc.good(now)
	switch {
	case s.ctx.Err() != nil || usable && st.doc.keys[kid] != nil:
		return nil, false
	case usable && (kid == "" || len(kid) > maxKeyID || s.isAbsent(kid, now)):
		return nil, false
	case s.waiting != nil:
		return s.waiting, true
	case usable && passed(s.unknown, now, UnknownKeyPause):
		s.unknown = now
		return s.request(), true
	case s.running != nil:
		return s.running, false
	case !usable && st.due(now):
		return s.request(), true
	default:
		return nil, false // there was one a moment ago
	}
}

// request returns the fetch that begins next. s.mu must be held.
func (s *Set) request() *flight {
	if s.waiting == nil {
		s.waiting = newFlight()
	}
	s.poke()
	return s.waiting
}

// isAbsent reports whether a fetch showed lately that there is no such key. s.mu must be held.
func (s *Set) isAbsent(kid string, now time.Time) bool {
	since, ok := s.absent[kid]
	return ok && !passed(since, now, AbsentTTL)
}

// remember notes that a fetch that began because of kid did not bring it. All that is noted is
// forgotten with the next successful fetch, so nothing needs to make room when there is none:
// UnknownKeyPause holds for those who are not noted.
func (s *Set) remember(kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kid != "" && len(kid) <= maxKeyID && len(s.absent) < maxAbsent && s.state.Load().doc.keys[kid] == nil {
		s.absent[kid] = s.now()
	}
}

// Refresh fetches the document now, whatever its age: for whoever is told that it changed. It does
// not settle for a fetch that began before the call. The error is that of the fetch (ErrStatus,
// ErrTimeout and so on; the keys before it stay), or of ctx.
func (s *Set) Refresh(ctx context.Context) error {
	s.mu.Lock()
	f := s.request()
	s.mu.Unlock()
	if err := s.await(ctx, f.done); err != nil {
		return err
	}
	return f.err
}

// Ready waits until there are keys that may be used. The error is ErrUnavailable, which wraps that of
// the latest fetch and that of ctx.
func (s *Set) Ready(ctx context.Context) error {
	for {
		st := s.state.Load()
		if st.doc.good(s.now()) {
			return nil
		}
		if err := s.await(ctx, st.replaced); err != nil {
			return s.unavailable(err)
		}
	}
}

// errEnded says that nothing is fetched any more.
var errEnded = errors.New("jwks: the context of the set ended, so nothing is fetched")

func (s *Set) ended() error { return fmt.Errorf("%w: %w", errEnded, context.Cause(s.ctx)) }

// await waits until done is closed, but no longer than ctx and the set live.
func (s *Set) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("jwks: waiting for a fetch was given up: %w", context.Cause(ctx))
	case <-s.ctx.Done():
		return s.ended()
	}
}

// poke makes the loop look whether there is something to do. It never blocks.
func (s *Set) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }
