package directory

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/replica"
)

// Finder reads what tokens say about a person in a tenant; package postgres implements it, and
// so does Cache.
type Finder interface {
	FindSubject(ctx context.Context, tenant id.Tenant, user id.User) (Subject, error)
}

const (
	// cachedSubjects is how many people are kept who have few roles and permissions; weighOf says
	// what the others count for.
	cachedSubjects = 10_000
	// cacheTTL bounds how long a change goes unnoticed that the database could not announce,
	// because somebody had switched its triggers off.
	cacheTTL = 30 * time.Second
)

// Cache keeps what tokens say about people who may get them, so that asking who somebody is
// costs no round trip. While announcements are not current, it asks the store. Whoever is not
// active is not kept, and neither is an error.
type Cache struct {
	source Finder
	heard  *replica.Announcements
	now    func() time.Time
	kept   *replica.Kept[membershipKey, Subject]
}

type membershipKey struct {
	tenant id.Tenant
	user   id.User
}

// NewCache returns a cache before source. heard may be confirmed only once Forget and ForgetAll
// were called for everything that was announced.
func NewCache(source Finder, heard *replica.Announcements, now func() time.Time) *Cache {
	return &Cache{source: source, heard: heard, now: now, kept: replica.NewKept(replica.Keeping[membershipKey, Subject]{
		Weight: cachedSubjects, Weigh: weighOf, TTL: cacheTTL,
		Group: func(k membershipKey) uint64 { return groupOf(k.user) },
		Load: func(ctx context.Context, k membershipKey) (Subject, bool, error) {
			s, err := source.FindSubject(ctx, k.tenant, k.user)
			return s, s.Active() == nil, err
		},
	})}
}

// groupOf is the random end of the identifier.
func groupOf(user id.User) uint64 {
	u := user.UUID()
	return binary.BigEndian.Uint64(u[8:])
}

// weighOf keeps memory bounded, whatever people's roles let them do: about a kilobyte for one.
func weighOf(s Subject) uint32 {
	return 1 + uint32((len(s.Roles)+len(s.Permissions))/8+(len(s.Attributes)+len(s.Tenant.Attributes))/1024)
}

// FindSubject returns what tokens say about the person in the tenant; errdefs.ErrNotFound if
// either does not exist. The result is shared: its slices must not be changed.
func (c *Cache) FindSubject(ctx context.Context, tenant id.Tenant, user id.User) (Subject, error) {
	if !c.heard.Current(c.now()) {
		return c.source.FindSubject(ctx, tenant, user)
	}
	return c.kept.Get(ctx, membershipKey{tenant, user})
}

// Forget drops a person of whom something changed, in every tenant.
func (c *Cache) Forget(user id.User) { c.kept.ForgetGroup(groupOf(user)) }

// ForgetAll drops everybody: who changed is not known.
func (c *Cache) ForgetAll() { c.kept.ForgetAll() }
