package connector

import (
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Identity is who somebody is at a provider.
type Identity struct {
	ID         id.Identity
	Connector  id.Connector
	Issuer     string
	Subject    string
	User       id.User
	Email      string // as the provider said it last; "" if it did not
	Label      string // by which people recognise it
	LinkedAt   time.Time
	LastUsedAt time.Time
	HasTokens  bool // the provider's tokens are kept
}

// Arrival is somebody who comes back from a provider, with what is needed to record it.
type Arrival struct {
	Connector Connector
	Proof     Proof
	NewUser   id.User     // of the account, should one be made
	Identity  id.Identity // should one be linked
	Now       time.Time
	Event     audit.Event // At, Client, Address and RequestID; the rest is filled in
}

// Outcome is what became of an arrival.
type Outcome struct {
	Verdict  Verdict
	User     directory.User // with Enter, Create, Adopt and Prove
	Identity id.Identity    // with Enter, Create and Adopt
}

// Ways is how somebody can sign in.
type Ways struct {
	Password   bool // there is one, and it is not refused
	Identities []LinkedIdentity
}

// LinkedIdentity is one identity with its connector.
type LinkedIdentity struct {
	Identity
	Name    string // of the connector
	Kind    Kind
	Enabled bool
}

// CanUnlink reports whether somebody could still sign in without the identity.
func (w Ways) CanUnlink(i id.Identity) bool {
	if w.Password {
		return true
	}
	for _, other := range w.Identities {
		if other.ID != i && other.Enabled {
			return true
		}
	}
	return false
}
