// Package admin owns who may administer what: the permissions that make administrators, and what
// an administrator can reach.
//
// It knows neither HTTP nor SQL. Package adminapi asks it before each act; package postgres
// narrows what it reads and writes to a Reach and stores an Act with the change that it is about.
package admin

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Audience names the administration in the aud claim of access tokens: it is a resource server
// whose permissions are those below. A token of another installation names another issuer.
const Audience = "urn:signet:admin"

// The permissions of the administration. The first three are about the tenant of the token; those
// of the installation are about every tenant and what belongs to none, and only roles of the
// installation's own tenant can hold them. A machine has as scopes what a person has as
// permissions.
const (
	TenantRead         = "tenant:read"
	TenantManage       = "tenant:manage"
	AuditRead          = "audit:read"
	InstallationRead   = "installation:read"
	InstallationManage = "installation:manage"
)

// InstallationTenant is the slug of the tenant whose administrators look after the installation.
const InstallationTenant = "signet"

// AdminRole is the role that every new tenant has for its administrators.
const AdminRole = "admin"

// CLIClient is the registration of the command line.
const CLIClient client.ID = "signet-cli"

// OfInstallation reports whether a permission of Audience is about more than one tenant.
func OfInstallation(permission string) bool {
	return permission == InstallationRead || permission == InstallationManage
}

// Actor is whoever calls the administration: a person in one tenant, or a machine.
type Actor struct {
	User         id.User   // zero for a machine
	Client       client.ID // that the token was issued to
	Tenant       id.Tenant // of the token; zero for a machine of the installation
	Installation bool      // Tenant is the installation's own, or the machine belongs to no tenant
	Permissions  []string  // on Audience, as of now, not as of the token
}

// String names the actor as the audit log does: "usr_…", or the client id of a machine.
func (a Actor) String() string {
	if !a.User.IsZero() {
		return a.User.String()
	}
	return string(a.Client)
}

func (a Actor) has(permission string) bool { return slices.Contains(a.Permissions, permission) }

// ReadsAll reports whether the actor sees every tenant and what belongs to none.
func (a Actor) ReadsAll() bool {
	return a.Installation && (a.has(InstallationRead) || a.has(InstallationManage))
}

// ManagesAll reports whether the actor may change every tenant and what belongs to none.
func (a Actor) ManagesAll() bool { return a.Installation && a.has(InstallationManage) }

// Reads reports whether the actor sees the tenant.
func (a Actor) Reads(t id.Tenant) bool {
	return a.ReadsAll() || !t.IsZero() && t == a.Tenant && (a.has(TenantRead) || a.has(TenantManage))
}

// Manages reports whether the actor may change the tenant and what belongs to it. In the
// installation's own tenant that takes the permission of the installation: whoever gives roles there
// could otherwise give themselves every tenant.
func (a Actor) Manages(t id.Tenant) bool {
	return a.ManagesAll() || !a.Installation && !t.IsZero() && t == a.Tenant && a.has(TenantManage)
}

// ReadsAudit reports whether the actor may read the tenant's audit log; the zero tenant stands
// for the whole log.
func (a Actor) ReadsAudit(t id.Tenant) bool {
	return a.ReadsAll() || !t.IsZero() && t == a.Tenant && a.has(AuditRead)
}

// Reach is what a statement may see: everything, or one tenant and what belongs to it. The zero
// Reach sees nothing.
type Reach struct {
	All    bool
	Tenant id.Tenant
}

// Sees reports whether the tenant is within reach; the zero tenant stands for what belongs to
// the installation.
func (r Reach) Sees(t id.Tenant) bool { return r.All || !t.IsZero() && t == r.Tenant }

// Reach returns what the actor sees.
func (a Actor) Reach() Reach {
	switch {
	case a.ReadsAll():
		return Reach{All: true}
	case a.Reads(a.Tenant):
		return Reach{Tenant: a.Tenant}
	}
	return Reach{}
}

// ManageReach returns what the actor may change.
func (a Actor) ManageReach() Reach {
	switch {
	case a.ManagesAll():
		return Reach{All: true}
	case a.Manages(a.Tenant):
		return Reach{Tenant: a.Tenant}
	}
	return Reach{}
}

// Act is one administrative act: who, what is recorded of it, and under which conditions. The
// store makes the change and keeps the event in one transaction, so that neither exists without
// the other.
type Act struct {
	Actor     Actor
	Event     audit.Event // complete: At, Action, Tenant, Actor, Target, Address, RequestID, Detail
	IfVersion int64       // of what is changed; 0: whatever it is. Another one is ErrVersion
	Once      *Once       // of a creation; nil: no key was given
	// Refusal is what the act is refused with, unless it is one that was done before under the key
	// of Once; nil: it may be done.
	Refusal error
	Unread  bool // the caller has not read what may be there: replacing it is ErrUnread
}

// Once recognises a creation that is tried again, after its answer was lost: the key that the
// caller made up, and what was asked under it. The same key for something else is ErrKeyReused.
type Once struct {
	Key         string
	Fingerprint [sha256.Size]byte
}

// The refusals that a store reports beside the kinds of errdefs.
var (
	// ErrVersion says that what was to be changed has been changed since it was read.
	ErrVersion = fmt.Errorf("changed meanwhile: %w", errdefs.ErrConflict)
	// ErrUnread says that something is there already which the caller has not said to have read.
	ErrUnread = fmt.Errorf("not read before: %w", errdefs.ErrConflict)
	// ErrKeyReused says that an idempotency key was used for another request.
	ErrKeyReused = fmt.Errorf("idempotency key used for another request: %w", errdefs.ErrConflict)
	// ErrLastAdministrator says that a tenant would be left without an administrator.
	ErrLastAdministrator = fmt.Errorf("the last administrator of a tenant: %w", errdefs.ErrConflict)
)

// FieldError is a refusal that is about one field of what was sent.
type FieldError = errdefs.FieldError

// Invalid refuses a field as errdefs.ErrInvalid.
func Invalid(field, format string, args ...any) error {
	return errdefs.InvalidField(field, format, args...)
}

// Conflict refuses a field as errdefs.ErrConflict: a name that is taken, for example.
func Conflict(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...), Kind: errdefs.ErrConflict}
}

// Denied refuses a field as errdefs.ErrDenied: one that only others may set.
func Denied(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...), Kind: errdefs.ErrDenied}
}
