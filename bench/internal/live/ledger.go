package live

import (
	"slices"
	"sync"
	"time"

	"github.com/signet-id/signet/keys"
)

// maxExamples is how many refusals of different kinds are kept in words.
const maxExamples = 5

// Tally is what became of the tokens that one verifier was shown.
type Tally struct {
	Checks   int
	Failures int           // good tokens that were refused, or not judged in time
	Late     int           // tokens that expired while they were judged: nobody can say
	Slowest  time.Duration // until a verdict
	Examples []string      // of refusals, the first of each kind

	kinds []string // of refusals
}

// Ring is what tokens showed of the rotation of one algorithm.
type Ring struct {
	Algorithm keys.Algorithm
	KeyIDs    []string // in the order in which they signed
	// Overlap is the longest time for which some replica signed with a key after another replica had
	// begun to sign with its successor.
	Overlap time.Duration
	// Backward counts tokens of a key that signed after its successor's successor had begun.
	Backward int
	since    []time.Time // when each key was first seen
}

// Rotations is how often the key changed.
func (r Ring) Rotations() int { return max(0, len(r.KeyIDs)-1) }

// Ledger counts what happens. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	tallies  map[string]*Tally
	rings    map[keys.Algorithm]*Ring
	issued   int
	unissued int
	refusals map[string]int // why tokens were not issued
}

// NewLedger returns an empty one.
func NewLedger() *Ledger {
	return &Ledger{tallies: map[string]*Tally{}, rings: map[keys.Algorithm]*Ring{}, refusals: map[string]int{}}
}

// Issued notes a token.
func (l *Ledger) Issued(t Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issued++
	r := l.rings[t.Algorithm]
	if r == nil {
		r = &Ring{Algorithm: t.Algorithm}
		l.rings[t.Algorithm] = r
	}
	switch at := slices.Index(r.KeyIDs, t.KeyID); {
	case at < 0:
		r.KeyIDs, r.since = append(r.KeyIDs, t.KeyID), append(r.since, t.Issued)
	case at == len(r.KeyIDs)-2:
		r.Overlap = max(r.Overlap, t.Issued.Sub(r.since[at+1]))
	case at < len(r.KeyIDs)-2:
		r.Backward++
	}
}

// Unissued notes a request for a token that got none.
func (l *Ledger) Unissued(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unissued++
	l.refusals[shorten(err.Error())]++
}

// Judged notes a verdict on a token that was good when it was asked for.
func (l *Ledger) Judged(v Verifier, t Token, err error, asked, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tally := l.tallies[v.Name()]
	if tally == nil {
		tally = &Tally{}
		l.tallies[v.Name()] = tally
	}
	if err != nil && !now.Before(t.Expires) && now.Sub(asked) < patience {
		tally.Late++
		return
	}
	tally.Checks++
	tally.Slowest = max(tally.Slowest, now.Sub(asked))
	if err == nil {
		return
	}
	tally.Failures++
	if why := shorten(err.Error()); len(tally.kinds) < maxExamples && !slices.Contains(tally.kinds, why) {
		tally.kinds = append(tally.kinds, why)
		tally.Examples = append(tally.Examples, asked.Sub(t.Issued).Round(time.Millisecond).String()+" after its issue, key "+t.KeyID+": "+why)
	}
}

// Tally returns what became of the tokens that the verifier of that name was shown.
func (l *Ledger) Tally(name string) Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tallies[name]; t != nil {
		out := *t
		out.Examples = slices.Clone(t.Examples)
		return out
	}
	return Tally{}
}

// Ring returns what tokens showed of an algorithm's keys.
func (l *Ledger) Ring(a keys.Algorithm) Ring {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.rings[a]; r != nil {
		out := *r
		out.KeyIDs = slices.Clone(r.KeyIDs)
		return out
	}
	return Ring{Algorithm: a}
}

// Counts returns how many tokens were issued and how many requests for one failed, and why.
func (l *Ledger) Counts() (issued, unissued int, why map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	why = map[string]int{}
	for k, n := range l.refusals {
		why[k] = n
	}
	return l.issued, l.unissued, why
}

// shorten keeps the beginning, which says what it is about.
func shorten(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
