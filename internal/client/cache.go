package client

import (
	"context"
	"errors"
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
)

// Cache keeps registrations in memory, so that a token request of a known client needs no
// round trip to find it. Concurrent look-ups of one client share one load. Unknown clients are
// not kept: nobody can fill the cache with names that do not exist.
type Cache struct {
	source  Finder
	clients *otter.Cache[ID, Client]
	origins *otter.Cache[string, bool]
}

// NewCache returns a cache before source.
func NewCache(source Finder) *Cache {
	return &Cache{
		source: source,
		clients: otter.Must(&otter.Options[ID, Client]{
			MaximumSize: cachedClients, ExpiryCalculator: otter.ExpiryWriting[ID, Client](cacheTTL),
		}),
		origins: otter.Must(&otter.Options[string, bool]{
			MaximumSize: cachedOrigins, ExpiryCalculator: otter.ExpiryWriting[string, bool](cacheTTL),
		}),
	}
}

// FindClient returns the registration; errdefs.ErrNotFound if there is none.
func (c *Cache) FindClient(ctx context.Context, clientID ID) (Client, error) {
	if CheckID(clientID) != nil {
		return Client{}, errdefs.ErrNotFound // not worth a question
	}
	found, err := c.clients.Get(ctx, clientID, otter.LoaderFunc[ID, Client](func(ctx context.Context, k ID) (Client, error) {
		v, err := c.source.FindClient(ctx, k)
		if errors.Is(err, errdefs.ErrNotFound) {
			return v, otter.ErrNotFound // which otter does not keep
		}
		return v, err
	}))
	if errors.Is(err, otter.ErrNotFound) {
		return Client{}, errdefs.ErrNotFound
	}
	return found, err
}

// OriginRegistered reports whether any client registered the origin for CORS.
func (c *Cache) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	return c.origins.Get(ctx, origin, otter.LoaderFunc[string, bool](c.source.OriginRegistered))
}

// Forget drops a registration that changed, and every origin.
func (c *Cache) Forget(clientID ID) {
	c.clients.Invalidate(clientID)
	c.origins.InvalidateAll()
}

// ForgetAll drops everything: what changed meanwhile is not known.
func (c *Cache) ForgetAll() {
	c.clients.InvalidateAll()
	c.origins.InvalidateAll()
}
