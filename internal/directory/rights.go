package directory

import (
	"crypto/sha256"

	"github.com/maypok86/otter/v2"

	"github.com/signet-id/signet/internal/id"
)

// AccessVersion is the state of what a person may do in a tenant: it moves whenever their roles
// there change, or what any role of the tenant bundles or includes. The zero version is of nothing.
type AccessVersion struct{ Tenant, Membership int64 }

// Held is what somebody was seen to hold, at a version.
type Held struct {
	Version     AccessVersion
	roles       []string
	permissions []Permission
}

// Complete returns s with roles and permissions: its own, or, when the store left them out because
// they are as they were at the version that it was told, those of h.
func (h Held) Complete(s Subject) Subject {
	if s.Access == h.Version && h.Version != (AccessVersion{}) {
		s.Roles, s.Permissions = h.roles, h.permissions
	}
	return s
}

const (
	// heldRights is how many people's roles and permissions are kept who have few; weighOf says what
	// the others count for.
	heldRights = 10_000
	// keptOwners is how many codes and refresh families are remembered with whose they are.
	keptOwners = 50_000
)

// Rights keeps what people hold between one token and the next, so that a statement that spends a
// code or a refresh token need not put it together again: it is told the version that is held
// here, and leaves out what has not changed since. Nothing here is believed without that version,
// so nothing has to be announced.
type Rights struct {
	owners *otter.Cache[[sha256.Size]byte, membershipKey]
	held   *otter.Cache[membershipKey, Held]
}

// NewRights returns an empty Rights.
func NewRights() *Rights {
	onCaller := func(upkeep func()) { upkeep() } // who waits for nothing: a goroutine costs more
	return &Rights{
		owners: otter.Must(&otter.Options[[sha256.Size]byte, membershipKey]{MaximumSize: keptOwners, Executor: onCaller}),
		held: otter.Must(&otter.Options[membershipKey, Held]{
			MaximumWeight: heldRights, Executor: onCaller,
			Weigher: func(_ membershipKey, h Held) uint32 {
				return weighOf(Subject{Roles: h.roles, Permissions: h.permissions})
			},
		}),
	}
}

// Held returns what the owner of a code or refresh family is known to hold; zero when that is not
// known. The key is a digest, or anything else that names the code or family.
func (r *Rights) Held(key [sha256.Size]byte) Held {
	owner, ok := r.owners.GetIfPresent(key)
	if !ok {
		return Held{}
	}
	h, _ := r.held.GetIfPresent(owner)
	return h
}

// Owned remembers whose a code or refresh family is.
func (r *Rights) Owned(key [sha256.Size]byte, tenant id.Tenant, user id.User) {
	r.owners.Set(key, membershipKey{tenant, user})
}

// Keep remembers what the owner of a refresh family holds. s is shared from then on: nobody may
// change its slices.
func (r *Rights) Keep(key [sha256.Size]byte, s Subject) {
	owner := membershipKey{s.Tenant.ID, s.User.ID}
	r.owners.Set(key, owner)
	if h, ok := r.held.GetIfPresent(owner); ok && h.Version == s.Access || s.Access == (AccessVersion{}) {
		return
	}
	r.held.Set(owner, Held{s.Access, s.Roles, s.Permissions})
}
