package live

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"time"
)

const (
	// patience is how long a service waits for a verdict. Then it has failed.
	patience = 5 * time.Second
	// again is how many times a token is judged besides at once and at its end.
	again = 2
	// beforeEnd is how long before its expiry a token is judged for the last time: as late as the clock of
	// seconds in exp and the way through a busy machine allow.
	beforeEnd = 300 * time.Millisecond
	// dueEvery is how often is looked which tokens are to be judged again.
	dueEvery = 20 * time.Millisecond
)

// Traffic is clients that fetch tokens and services that judge them, all the time.
type Traffic struct {
	Fleet     *Fleet
	Kinds     []Kind
	Verifiers []Verifier
	Ledger    *Ledger
	// Every is the time between two tokens of one replica.
	Every time.Duration

	mu    sync.Mutex
	later checks
	part  float64 // of its life after which the last token was to be judged once more
}

// Run goes on until ctx ends, and returns when every verdict is in. Tokens that are to be judged later
// are then left unjudged.
func (t *Traffic) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range t.Fleet.Size() {
		wg.Go(func() { t.issue(ctx, &wg, i) })
	}
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, c := range t.due(now) {
				judge(&wg, t.Ledger, t.Verifiers, c.token)
			}
		}
	}
}

// issue fetches tokens from one replica, of each kind in turn.
func (t *Traffic) issue(ctx context.Context, wg *sync.WaitGroup, replica int) {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for n := replica; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		token, err := t.Fleet.Issue(ctx, replica, t.Kinds[n%len(t.Kinds)])
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Ledger.Unissued(err)
			continue
		}
		t.Ledger.Issued(token)
		judge(wg, t.Ledger, t.Verifiers, token)
		t.plan(token)
	}
}

// goldenRatio less one: multiples of it, less what is whole in them, are spread evenly and repeat nothing.
const goldenRatio = 0.6180339887498949

// plan says when the token is judged again: at moments all over its life, and at its end.
func (t *Traffic) plan(token Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := token.Expires.Add(-beforeEnd)
	heap.Push(&t.later, check{token, end})
	for range again {
		t.part = math.Mod(t.part+goldenRatio, 1)
		heap.Push(&t.later, check{token, token.Issued.Add(time.Duration(t.part * float64(end.Sub(token.Issued))))})
	}
}

// due returns what is to be judged by now.
func (t *Traffic) due(now time.Time) (out []check) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.later) > 0 && !t.later[0].at.After(now) {
		out = append(out, heap.Pop(&t.later).(check)) //nolint:forcetypeassert // nothing else is pushed
	}
	return out
}

// judge shows the token to every verifier, each in a goroutine of its own, as services are.
func judge(wg *sync.WaitGroup, l *Ledger, verifiers []Verifier, token Token) {
	for _, v := range verifiers {
		asked := time.Now()
		if !asked.Before(token.Expires) {
			return // the machine was too slow to say anything about it
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := v.Verify(ctx, token)
			l.Judged(v, token, err, asked, time.Now())
		})
	}
}

// check is a token that is to be judged.
type check struct {
	token Token
	at    time.Time
}

// checks is a heap, the earliest first.
type checks []check

func (c checks) Len() int           { return len(c) }
func (c checks) Less(i, j int) bool { return c[i].at.Before(c[j].at) }
func (c checks) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *checks) Push(x any)        { *c = append(*c, x.(check)) } //nolint:forcetypeassert // nothing else is pushed
func (c *checks) Pop() any {
	old := *c
	last := old[len(old)-1]
	*c = old[:len(old)-1]
	return last
}
