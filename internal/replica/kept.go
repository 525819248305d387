package replica

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// loadTimeout bounds one load. It does not end with the request that started it, because others
// wait for it as well.
const loadTimeout = 5 * time.Second

// Keeping says what a Kept holds: values V, asked for by K.
type Keeping[K comparable, V any] struct {
	// Weight is how much is kept at most; what is used least is dropped first.
	Weight uint64
	// Weigh is what one value counts for; nil is one.
	Weigh func(V) uint32
	// TTL bounds how long a change goes unnoticed when nobody told of it.
	TTL time.Duration
	// Group says what ForgetGroup drops together; nil if it is not called. Groups that agree in
	// their last bits may go together, so these should differ.
	Group func(k K) uint64
	// Load asks the store. An error is never kept, and a value only when keep is true.
	Load func(ctx context.Context, k K) (v V, keep bool, err error)
}

// Kept is a bounded cache that loads what it lacks. Look-ups of one key share one load, and what
// was read before it was forgotten is never the answer to a question asked afterwards.
// Values are shared: nobody may change them.
type Kept[K comparable, V any] struct {
	entries *otter.Cache[K, entry[V]]
	load    otter.LoaderFunc[K, entry[V]]
	group   func(K) uint64
	// epochs counts how often groups were forgotten; an entry is good in the epoch in which its
	// load began.
	epochs [512]atomic.Uint64
}

type entry[V any] struct {
	value V
	epoch uint64 // of the group, when the load began
}

// passing carries what is not kept past otter, which keeps no errors.
type passing[V any] struct {
	entry[V]
	err error
}

func (p *passing[V]) Error() string { return "not kept" }

// NewKept returns an empty cache.
func NewKept[K comparable, V any](k Keeping[K, V]) *Kept[K, V] {
	weigh := func(K, entry[V]) uint32 { return 1 }
	if k.Weigh != nil {
		weigh = func(_ K, e entry[V]) uint32 { return k.Weigh(e.value) }
	}
	group := func(K) uint64 { return 0 }
	if k.Group != nil {
		group = k.Group
	}
	c := &Kept[K, V]{group: group, entries: otter.Must(&otter.Options[K, entry[V]]{
		Executor:      func(upkeep func()) { upkeep() }, // on the caller, who waits for nothing: a goroutine costs more
		MaximumWeight: k.Weight, Weigher: weigh, ExpiryCalculator: otter.ExpiryWriting[K, entry[V]](k.TTL),
	})}
	c.load = func(ctx context.Context, key K) (entry[V], error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		epoch := c.epoch(group(key)).Load()
		v, keep, err := k.Load(ctx, key)
		e := entry[V]{v, epoch}
		if err != nil || !keep {
			return e, &passing[V]{e, err}
		}
		return e, nil
	}
	return c
}

func (c *Kept[K, V]) epoch(group uint64) *atomic.Uint64 {
	return &c.epochs[group%uint64(len(c.epochs))]
}

// Get returns what is kept for k, or loads it. The error is the store's, or says that ctx ended.
func (c *Kept[K, V]) Get(ctx context.Context, k K) (V, error) {
	now := c.epoch(c.group(k)).Load()
	for {
		e, err := c.entries.Get(ctx, k, c.load)
		if err != nil {
			var p *passing[V]
			if !errors.As(err, &p) {
				return e.value, err
			}
			e, err = p.entry, p.err
		}
		if e.epoch >= now {
			return e.value, err
		}
		c.Forget(k)
	}
}

// Forget drops what is kept for k, and a load of it that is under way.
func (c *Kept[K, V]) Forget(k K) { c.entries.Invalidate(k) }

// ForgetGroup drops all of a group: something of it changed.
func (c *Kept[K, V]) ForgetGroup(group uint64) { c.epoch(group).Add(1) }

// ForgetAll drops everything: what changed meanwhile is not known.
func (c *Kept[K, V]) ForgetAll() {
	for i := range c.epochs {
		c.epochs[i].Add(1)
	}
	c.entries.InvalidateAll()
}
