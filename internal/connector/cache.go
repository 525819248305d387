package connector

import (
	"context"
	"errors"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/replica"
)

// Finder looks connectors and realms up; package postgres implements it, and so does Cache.
type Finder interface {
	// FindConnector finds by reference, enabled or not.
	FindConnector(ctx context.Context, reference string) (Connector, error)
	// ListConnectors returns the enabled connectors whose people belong to the tenant; for the zero
	// tenant the enabled ones of the installation.
	ListConnectors(ctx context.Context, tenant id.Tenant) ([]Connector, error)
	// FindRealm is errdefs.ErrNotFound for a domain that nobody has proven.
	FindRealm(ctx context.Context, domain string) (Realm, error)
	// HasRealms reports whether there is any.
	HasRealms(ctx context.Context) (bool, error)
}

const (
	cachedConnectors = 5_000
	cachedLists      = 5_000
	cachedRealms     = 20_000
	// cacheTTL bounds how long a change goes unnoticed when its notification was lost.
	cacheTTL = 30 * time.Second
)

// Cache keeps connectors and realms in memory, so that neither a sign-in page nor an address that
// somebody types costs a round trip. Values are shared: nobody may change them.
//
// Connectors that do not exist are not kept. Domains that nobody has proven are: nearly every
// address that is typed has one. What is kept is bounded, and what is asked for most stays.
type Cache struct {
	connectors *replica.Kept[string, Connector]
	lists      *replica.Kept[id.Tenant, []Connector]
	realms     *replica.Kept[string, *Realm] // nil: nobody has proven the domain
	any        *replica.Kept[struct{}, bool]
}

// NewCache returns a cache before source.
func NewCache(source Finder) *Cache {
	return &Cache{
		connectors: replica.NewKept(replica.Keeping[string, Connector]{
			Weight: cachedConnectors, TTL: cacheTTL,
			Load: func(ctx context.Context, reference string) (Connector, bool, error) {
				c, err := source.FindConnector(ctx, reference)
				return c, true, err
			},
		}),
		lists: replica.NewKept(replica.Keeping[id.Tenant, []Connector]{
			Weight: cachedLists, Weigh: func(l []Connector) uint32 { return 1 + uint32(len(l)) }, TTL: cacheTTL,
			Load: func(ctx context.Context, tenant id.Tenant) ([]Connector, bool, error) {
				l, err := source.ListConnectors(ctx, tenant)
				return l, true, err
			},
		}),
		realms: replica.NewKept(replica.Keeping[string, *Realm]{
			Weight: cachedRealms, TTL: cacheTTL,
			Weigh: func(r *Realm) uint32 {
				if r == nil {
					return 1
				}
				return 1 + uint32(len(r.Connectors))
			},
			Load: func(ctx context.Context, domain string) (*Realm, bool, error) {
				r, err := source.FindRealm(ctx, domain)
				if errors.Is(err, errdefs.ErrNotFound) {
					return nil, true, nil
				}
				return &r, true, err
			},
		}),
		any: replica.NewKept(replica.Keeping[struct{}, bool]{
			Weight: 1, TTL: cacheTTL,
			Load: func(ctx context.Context, _ struct{}) (bool, bool, error) {
				there, err := source.HasRealms(ctx)
				return there, true, err
			},
		}),
	}
}

// FindConnector finds by reference, enabled or not; errdefs.ErrNotFound if there is none.
func (c *Cache) FindConnector(ctx context.Context, reference string) (Connector, error) {
	if !IsReference(reference) {
		return Connector{}, errdefs.ErrNotFound // not worth a question
	}
	return c.connectors.Get(ctx, reference)
}

// ListConnectors returns the enabled connectors whose people belong to the tenant; for the zero
// tenant the enabled ones of the installation.
func (c *Cache) ListConnectors(ctx context.Context, tenant id.Tenant) ([]Connector, error) {
	return c.lists.Get(ctx, tenant)
}

// FindRealm returns where the addresses of a normalized domain lead; errdefs.ErrNotFound for one that
// nobody has proven.
func (c *Cache) FindRealm(ctx context.Context, domain string) (Realm, error) {
	there, err := c.HasRealms(ctx)
	if err != nil {
		return Realm{}, err
	}
	if n, err := NormalizeDomain(domain); !there || err != nil || n != domain {
		return Realm{}, errdefs.ErrNotFound // nobody can have proven it
	}
	r, err := c.realms.Get(ctx, domain)
	if err != nil {
		return Realm{}, err
	}
	if r == nil {
		return Realm{}, errdefs.ErrNotFound
	}
	return *r, nil
}

// HasRealms reports whether anybody has proven a domain.
func (c *Cache) HasRealms(ctx context.Context) (bool, error) { return c.any.Get(ctx, struct{}{}) }

// ForgetAll drops everything: what changed is not known.
func (c *Cache) ForgetAll() {
	c.any.ForgetAll()
	c.connectors.ForgetAll()
	c.lists.ForgetAll()
	c.realms.ForgetAll()
}
