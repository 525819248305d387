package holder

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/keys"
)

// MaxAgent is how many bytes of a User-Agent are kept.
const MaxAgent = 100

// Bounds of what one replica holds. Whoever is noted already stays so, however many others come:
// to be in somebody's place one has to be there before, and from many networks.
const (
	maxHolders   = 4096
	perAddress   = 16                 // agents that share an address
	perNetwork   = maxHolders / 8     // holders in one IPv4 /24 or IPv6 /48
	storeEvery   = time.Minute        // and noted at most that often
	forgetAfter  = time.Hour          // without a request; the store keeps longer
	recentSets   = 7 * 24 * time.Hour // whose tags are noted
	storeTimeout = 10 * time.Second
)

// Config is what a Log needs, all of it.
type Config struct {
	Store Store
	// Address returns the address of the client that sent the request of ctx.
	Address func(ctx context.Context) netip.Addr
	// Keys returns all keys of which a set was published lately.
	Keys func() []keys.Key
	Now  func() time.Time
	Log  *slog.Logger
}

// Log notes conditional requests in memory and stores them once a minute. A holder that was noted
// costs its next requests of that minute one look-up without a lock, an allocation or a clock.
//
// Only tags of sets that were published within a week are noted, so that nobody fills the log
// with inventions; who may be new to it is bounded by address and by network.
type Log struct {
	Config
	known atomic.Pointer[map[who]*noted]    // as of the last minute; replaced, never changed
	tags  atomic.Pointer[map[string]string] // of recent sets, by themselves; replaced, never changed

	mu       sync.Mutex
	fresh    map[who]*noted // those who came since
	agents   map[netip.Addr]int
	networks map[netip.Prefix]int
}

// who is a holder as it introduces itself.
type who struct {
	address netip.Addr
	agent   string // cut off, not cleaned
}

// noted is the latest request of a holder.
type noted struct {
	tag    atomic.Pointer[string]
	at     atomic.Int64 // Unix microseconds
	unsaid atomic.Bool  // to the store
}

// NewLog returns an empty log. Run stores what it notes.
func NewLog(c Config) *Log {
	l := &Log{Config: c, fresh: map[who]*noted{}, agents: map[netip.Addr]int{}, networks: map[netip.Prefix]int{}}
	l.known.Store(&map[who]*noted{})
	l.tags.Store(&map[string]string{})
	return l
}

// Current notes that the client of ctx, which calls itself agent, holds the set that is published
// now, with the given tag.
func (l *Log) Current(ctx context.Context, agent, tag string) {
	if len(agent) > MaxAgent {
		agent = agent[:MaxAgent]
	}
	w := who{l.Address(ctx), agent}
	n := (*l.known.Load())[w]
	if n == nil {
		if n = l.admit(w); n == nil {
			return
		}
	}
	if held := n.tag.Load(); n.unsaid.Load() && held != nil && *held == tag {
		return
	}
	own := tag // what is shared is allocated here alone
	l.learn(own)
	n.at.Store(l.Now().UnixMicro())
	n.tag.Store(&own)
	n.unsaid.Store(true)
}

// Former is Current for a client that holds another set than the one published now. Tags that
// belong to no recent set are not noted.
func (l *Log) Former(ctx context.Context, agent, tag string) {
	if own, ok := (*l.tags.Load())[tag]; ok {
		l.Current(ctx, agent, own)
	}
}

// learn makes tag one that may be noted when it is no longer current.
func (l *Log) learn(tag string) {
	if _, ok := (*l.tags.Load())[tag]; ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tags := maps.Clone(*l.tags.Load())
	tags[tag] = tag
	l.tags.Store(&tags)
}

// admit returns what is noted of w among those who came lately, making room for w if it may have
// some; nil if not.
func (l *Log) admit(w who) *noted {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := *l.known.Load()
	if n := known[w]; n != nil { // came in between
		return n
	}
	if n := l.fresh[w]; n != nil {
		return n
	}
	if !w.address.IsValid() || len(known)+len(l.fresh) >= maxHolders ||
		l.agents[w.address] >= perAddress || l.networks[network(w.address)] >= perNetwork {
		return nil
	}
	w.agent = strings.Clone(w.agent) // else the request's headers stay in memory
	n := new(noted)
	l.fresh[w] = n
	l.count(w)
	return n
}

func (l *Log) count(w who) {
	l.agents[w.address]++
	l.networks[network(w.address)]++
}

// network is what one party has many addresses of.
func network(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // the zero prefix for no address, which is not noted
	return p
}

// Run stores what was noted once a minute, and a last time when ctx has ended.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(storeEvery)
	defer tick.Stop()
	l.recent(ctx)
	for {
		select {
		case <-ctx.Done():
			l.store(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			l.store(ctx)
			l.recent(ctx)
		}
	}
}

// recent learns the tags of the sets that were published lately, and keeps those that somebody was
// seen with.
func (l *Log) recent(ctx context.Context) {
	now := l.Now()
	sets, err := keys.Documents(l.Keys(), now.Add(-recentSets), now)
	if err != nil {
		l.Log.ErrorContext(ctx, "former key sets are not known; their holders will not show", "error", err)
	}
	tags := map[string]string{}
	for _, s := range sets {
		tags[s.ETag] = s.ETag
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range *l.known.Load() {
		if tag := n.tag.Load(); tag != nil {
			tags[*tag] = *tag
		}
	}
	l.tags.Store(&tags)
}

// store hands over what was noted since the last time. What cannot be stored waits for the next.
func (l *Log) store(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var told []*noted
	var seen []Sighting
	for w, n := range l.gather() {
		if !n.unsaid.Swap(false) { // first: what is said from here on is for the next time
			continue
		}
		told = append(told, n)
		seen = append(seen, Sighting{
			Address: w.address, Agent: printable(w.agent), ETag: *n.tag.Load(), SeenAt: time.UnixMicro(n.at.Load()).UTC(),
		})
	}
	if len(seen) == 0 {
		return
	}
	if err := l.Store.RecordHolders(bounded, latest(seen)); err != nil {
		for _, n := range told {
			n.unsaid.Store(true)
		}
		if !errors.Is(err, context.Canceled) {
			l.Log.WarnContext(ctx, "who holds which keys could not be stored, will try again", "error", err)
		}
	}
}

// gather moves those who came lately to those who are known, forgets who was not seen for long,
// and returns the others.
func (l *Log) gather() map[who]*noted {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(*l.known.Load())
	maps.Copy(all, l.fresh)
	long := l.Now().Add(-forgetAfter).UnixMicro()
	maps.DeleteFunc(all, func(_ who, n *noted) bool { return n.at.Load() < long && !n.unsaid.Load() })
	l.known.Store(&all)
	clear(l.fresh)
	clear(l.agents)
	clear(l.networks)
	for w := range all {
		l.count(w)
	}
	return all
}

// latest keeps one sighting for each address and agent: agents may have become the same.
func latest(seen []Sighting) []Sighting {
	slices.SortFunc(seen, func(a, b Sighting) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		return b.SeenAt.Compare(a.SeenAt)
	})
	return slices.CompactFunc(seen, func(a, b Sighting) bool { return compare(a, b) == 0 })
}

// printable replaces what could forge a line on a screen, or that no column of text holds.
func printable(agent string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, agent)
}
