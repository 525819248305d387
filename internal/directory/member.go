package directory

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/signet-id/signet/internal/id"
)

// Member is a person as one tenant knows them.
type Member struct {
	Tenant      id.Tenant
	User        User
	Roles       []string // names in the tenant, sorted
	SuspendedAt time.Time
	GrantedBy   string // "usr_…", a client id, or "installation"
	GrantedAt   time.Time
	Attributes  json.RawMessage // a JSON object, for declared claims; nil for none
	Version     int64
}

// Suspended reports whether the membership gives nothing for now.
func (m Member) Suspended() bool { return !m.SuspendedAt.IsZero() }

// Check says what is wrong with what a tenant's administrators write, each fault as an
// admin.FieldError. Whether the roles exist is the store's to say.
func (m Member) Check() error {
	return errors.Join(CheckRoleNames("roles", m.Roles), CheckAttributes(m.Attributes))
}

// MemberFilter narrows a list of members; its zero value narrows nothing. At most one may be set.
type MemberFilter struct {
	Role          string // held itself, not through another; such a list is ordered by person
	AddressPrefix string // normalized; such a list is ordered by address
}
