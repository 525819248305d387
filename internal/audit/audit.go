// Package audit owns the append-only record of what happened: sign-ins, issued tokens,
// denials. An event names identifiers (jti, grant), never a token or another secret.
//
// It knows neither HTTP nor SQL. Sign-ins are written before they are answered; token
// issuances go through Recorder, which writes them in batches off the request's path.
package audit

import (
	"time"

	"github.com/signet-id/signet/internal/id"
)

// Action says what happened, as noun.verb in the past tense.
type Action string

// The actions.
const (
	SignedIn         Action = "session.signed_in"
	SignInFailed     Action = "session.sign_in_failed"
	SignedOut        Action = "session.signed_out"
	PasswordChanged  Action = "user.password_changed"
	Authorized       Action = "grant.authorized"
	AuthorizeDenied  Action = "grant.denied"
	GrantSwitched    Action = "grant.switched"
	CodeReused       Action = "grant.code_reused"
	TokenIssued      Action = "token.issued"
	TokenRefused     Action = "token.refused"
	RefreshReused    Action = "grant.refresh_reused"
	TokenRevoked     Action = "token.revoked"
	InstallationMade Action = "installation.bootstrapped"
)

// The acts of the administration, as noun.verb: tenant.created, member.suspended and so on. They
// are stored in the transaction that makes the change; AdminDenied is an attempt that was not let.
const (
	TenantCreated Action = "tenant.created"
	TenantUpdated Action = "tenant.updated"
	TenantDeleted Action = "tenant.deleted"

	ResourceServerCreated Action = "resource_server.created"
	ResourceServerUpdated Action = "resource_server.updated"
	ResourceServerDeleted Action = "resource_server.deleted"
	PermissionSaved       Action = "permission.saved"
	PermissionDeleted     Action = "permission.deleted"
	ClientCreated         Action = "client.created"
	ClientUpdated         Action = "client.updated"
	ClientDeleted         Action = "client.deleted"
	ClientSecretAdded     Action = "client.secret_added"
	ClientSecretDeleted   Action = "client.secret_deleted"
	GrantRevoked          Action = "grant.revoked"
	SessionEnded          Action = "session.ended"

	UserCreated   Action = "user.created"
	UserUpdated   Action = "user.updated"
	UserDeleted   Action = "user.deleted"
	UsersImported Action = "user.imported" // a batch of them
	MemberAdded   Action = "member.added"
	MemberUpdated Action = "member.updated" // its roles, attributes or suspension
	MemberRemoved Action = "member.removed"
	RoleCreated   Action = "role.created"
	RoleUpdated   Action = "role.updated"
	RoleDeleted   Action = "role.deleted"

	RoleTemplateCreated Action = "role_template.created"
	RoleTemplateUpdated Action = "role_template.updated"
	RoleTemplateDeleted Action = "role_template.deleted"

	AdminDenied Action = "admin.denied"
)

// Invitations, and what people do by links that were mailed to them.
const (
	InvitationCreated  Action = "invitation.created"
	InvitationResent   Action = "invitation.resent"
	InvitationRevoked  Action = "invitation.revoked"
	InvitationAccepted Action = "invitation.accepted"

	VerificationSent       Action = "user.verification_sent"
	EmailVerified          Action = "user.email_verified"
	PasswordResetRequested Action = "user.password_reset_requested"
	PasswordReset          Action = "user.password_reset"
)

// Signing in through the providers of others. Detail names the connector.
const (
	UpstreamFailed     Action = "session.upstream_failed" // reason says why: see package connector
	UpstreamLoggedOut  Action = "session.upstream_logged_out"
	UserProvisioned    Action = "user.provisioned" // an account for somebody new, and the membership
	IdentityLinked     Action = "identity.linked"
	IdentityUnlinked   Action = "identity.unlinked"
	IdentityTokensRead Action = "identity.tokens_read"
	RolesSynced        Action = "member.roles_synced"  // the provider's groups changed
	ProfileChanged     Action = "user.profile_changed" // by the person

	ConnectorCreated Action = "connector.created"
	ConnectorUpdated Action = "connector.updated"
	ConnectorDeleted Action = "connector.deleted"
	ConnectorTested  Action = "connector.tested"
	DomainClaimed    Action = "domain.claimed"
	DomainUpdated    Action = "domain.updated"
	DomainVerified   Action = "domain.verified"
	DomainReleased   Action = "domain.released"
	DomainLapsed     Action = "domain.lapsed" // its TXT record is gone: it is no longer verified
)

// Signing keys. The first three are of the rotator, whose target is the key.
const (
	KeyPublished Action = "key.published" // a fresh one; detail says when it is to sign
	KeyPlanned   Action = "key.planned"   // when it signs, retires or is removed
	KeyErased    Action = "key.erased"    // its private half was destroyed
	KeysRotated  Action = "key.rotated"   // somebody had the next one sign as soon as nobody notices
	KeyRevoked   Action = "key.revoked"   // somebody said that it was stolen
)

// KeysRewrapped is a piece of the work of bringing what is sealed under the present master key. Detail
// counts, and names the key by its fingerprint.
const KeysRewrapped Action = "key.rewrapped"

// MailUndelivered is a message that a mail server refused for good or that none took in time.
// Target says what it was about, detail its kind and why.
const MailUndelivered Action = "mail.undelivered"

// Event is one fact. Zero fields are unknown or do not apply.
type Event struct {
	At        time.Time
	Action    Action
	Tenant    id.Tenant
	User      id.User
	Client    string
	Session   id.Session
	Grant     id.Grant
	TokenID   string // jti
	Actor     string // usr_… or a client id: who acted, when that is not User or Client
	Target    string // what was acted upon, as in "usr_…" or a role's name
	Address   string // of the caller
	RequestID string
	Detail    map[string]string // small, never a secret
}
