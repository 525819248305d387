package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/signet-id/signet/internal/errdefs"
)

// Finder looks registrations up; package postgres implements it, and so does Cache.
type Finder interface {
	FindClient(ctx context.Context, clientID ID) (Client, error)
	OriginRegistered(ctx context.Context, origin string) (bool, error)
}

const (
	cachedClients = 20_000
	cachedOrigins = 20_000
	// cacheTTL bounds how long a change goes unnoticed when its notification was lost.
	cacheTTL = 30 * time.Second
	// loadTimeout bounds one load. It does not end with the request that started it, because
	// others wait for it as well.
	loadTimeout = 5 * time.Second
)

// Cache keeps registrations in memory, so that a token request of a known client needs no
// round trip to find it. Concurrent look-ups of one client share one load. Unknown clients are
// not kept: nobody can fill the cache with names that do not exist.
type Cache struct {
	clients kept[ID, Client]
	origins kept[string, bool]
}

// NewCache returns a cache before source.
func NewCache(source Finder) *Cache {
	registered := new(sync.Map) // origins that were found; never what a caller made up
	return &Cache{
		clients: newKept(cachedClients, func(ctx context.Context, k ID) (Client, error) {
			v, err := source.FindClient(ctx, k)
			if errors.Is(err, errdefs.ErrNotFound) {
				return v, otter.ErrNotFound // which otter does not keep
			}
			return v, err
		}),
		origins: newKept(cachedOrigins, func(ctx context.Context, origin string) (bool, error) {
			ok, err := source.OriginRegistered(ctx, origin)
			switch {
			case errors.Is(err, errdefs.ErrUnavailable):
				if _, ok = registered.Load(origin); ok {
					return true, nil // discovery goes on without the database, for scripts too
				}
			case err == nil && ok:
				registered.Store(origin, true)
			case err == nil:
				registered.Delete(origin)
			}
			return ok, err
		}),
	}
}

// FindClient returns the registration; errdefs.ErrNotFound if there is none.
func (c *Cache) FindClient(ctx context.Context, clientID ID) (Client, error) {
	if CheckID(clientID) != nil {
		return Client{}, errdefs.ErrNotFound // not worth a question
	}
	found, err := c.clients.get(ctx, clientID)
	if errors.Is(err, otter.ErrNotFound) {
		return Client{}, errdefs.ErrNotFound
	}
	return found, err
}

// OriginRegistered reports whether any client registered the origin for CORS. While the store
// does not answer, an origin that was registered when it last did counts as registered.
func (c *Cache) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	if CheckOrigin(origin) != nil {
		return false, nil //nolint:nilerr // nobody can have registered it
	}
	return c.origins.get(ctx, origin)
}

// Forget drops a registration that changed, and every origin.
func (c *Cache) Forget(clientID ID) {
	c.clients.forget(clientID)
	c.origins.forgetAll()
}

// ForgetAll drops everything: what changed meanwhile is not known.
func (c *Cache) ForgetAll() {
	c.clients.forgetAll()
	c.origins.forgetAll()
}

// kept is one loading cache. otter drops a load that was under way when its key was
// invalidated, but not when everything was: there the epoch in which a load began tells.
type kept[K comparable, V any] struct {
	entries *otter.Cache[K, entry[V]]
	load    otter.LoaderFunc[K, entry[V]]
	epoch   *atomic.Uint64
}

type entry[V any] struct {
	value V
	epoch uint64 // when the load began
}

func newKept[K comparable, V any](size int, load func(context.Context, K) (V, error)) kept[K, V] {
	epoch := new(atomic.Uint64)
	return kept[K, V]{
		entries: otter.Must(&otter.Options[K, entry[V]]{
			MaximumSize: size, ExpiryCalculator: otter.ExpiryWriting[K, entry[V]](cacheTTL),
		}),
		load: func(ctx context.Context, k K) (entry[V], error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
			defer cancel()
			began := epoch.Load()
			v, err := load(ctx, k)
			return entry[V]{v, began}, err
		},
		epoch: epoch,
	}
}

// get returns what is kept for k, or loads it. It never returns what was read before the last
// forgetAll that preceded the call.
func (c kept[K, V]) get(ctx context.Context, k K) (V, error) {
	now := c.epoch.Load()
	for {
		e, err := c.entries.Get(ctx, k, c.load)
		if err != nil || e.epoch >= now {
			return e.value, err
		}
		c.entries.Invalidate(k)
	}
}

func (c kept[K, V]) forget(k K) { c.entries.Invalidate(k) }

func (c kept[K, V]) forgetAll() {
	c.epoch.Add(1)
	c.entries.InvalidateAll()
}
