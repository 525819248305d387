package grant

import (
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// MaxUnused is how many grants may be opened from one in one other tenant without any of them being
// refreshed. The next switch yields the latest of them again.
const MaxUnused = 10

// Switch asks for a new grant like the one of a refresh token, in another tenant. The token must
// be current, as for a rotation, and is not spent: two tabs that work in two tenants have a
// family each, and neither notices the other.
type Switch struct {
	Token        RefreshToken
	Client       client.ID
	ClientTenant id.Tenant // the only one that the client serves; zero for any
	Organization string    // slug or identifier of the other tenant
	AsksConsent  bool      // the person must have allowed the client there what the grant holds
	ID           id.Grant  // of the new grant
	Since        time.Time // the client honours no older family
	Retry        time.Duration
	Idle         time.Duration
}

// Switched is what a switch yields: a refresh token of generation 0.
type Switched struct {
	Grant
	From    Grant             // which lives on
	Retried bool              // made by an attempt before, and not used since
	Subject directory.Subject // of the person in the new tenant
}

// Why there is no switch.
var (
	// ErrPinned says that there is nothing to switch: the grant is pinned to that tenant already, or
	// its person is no longer active in the tenant it is pinned to. A rotation answers both.
	ErrPinned = fmt.Errorf("grant: nothing to switch: %w", errdefs.ErrConflict)
	// ErrInteraction says that the person has to take part: what the client asks was never allowed
	// in that tenant, the session that the grant hangs on is over, or the tenant is entered through
	// its connectors alone and that session did not begin through one.
	ErrInteraction = fmt.Errorf("grant: the person has to take part: %w", errdefs.ErrDenied)
)

// Covers reports whether what the person allowed before is enough for the grant.
func (g Grant) Covers(allowed []string) bool {
	_, ok := narrow(allowed, g.Scopes)
	return ok
}
