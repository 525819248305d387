package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/replica"
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
	clients *replica.Kept[ID, Client]
	origins *replica.Kept[string, bool]
}

// NewCache returns a cache before source.
func NewCache(source Finder) *Cache {
	registered := new(sync.Map) // origins that were found; never what a caller made up
	return &Cache{
		clients: replica.NewKept(replica.Keeping[ID, Client]{
			Weight: cachedClients, TTL: cacheTTL,
			Load: func(ctx context.Context, k ID) (Client, bool, error) {
				v, err := source.FindClient(ctx, k)
				return v, true, err
			},
		}),
		origins: replica.NewKept(replica.Keeping[string, bool]{
			Weight: cachedOrigins, TTL: cacheTTL,
			Load: func(ctx context.Context, origin string) (bool, bool, error) {
				ok, err := source.OriginRegistered(ctx, origin)
				switch {
				case errors.Is(err, errdefs.ErrUnavailable):
					if _, ok = registered.Load(origin); ok {
						return true, true, nil // discovery goes on without the database, for scripts too
					}
				case err == nil && ok:
					registered.Store(origin, true)
				case err == nil:
					registered.Delete(origin)
				}
				return ok, true, err
			},
		}),
	}
}

// FindClient returns the registration; errdefs.ErrNotFound if there is none.
func (c *Cache) FindClient(ctx context.Context, clientID ID) (Client, error) {
	if CheckID(clientID) != nil {
		return Client{}, errdefs.ErrNotFound // not worth a question
	}
	return c.clients.Get(ctx, clientID)
}

// OriginRegistered reports whether any client registered the origin for CORS. While the store
// does not answer, an origin that was registered when it last did counts as registered.
func (c *Cache) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	if CheckOrigin(origin) != nil {
		return false, nil //nolint:nilerr // nobody can have registered it
	}
	return c.origins.Get(ctx, origin)
}

// Forget drops a registration that changed, and every origin.
func (c *Cache) Forget(clientID ID) {
	c.clients.Forget(clientID)
	c.origins.ForgetAll()
}

// ForgetAll drops everything: what changed meanwhile is not known.
func (c *Cache) ForgetAll() {
	c.clients.ForgetAll()
	c.origins.ForgetAll()
}
