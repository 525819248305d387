// Package id gives every kind of thing its own identifier type: a UUIDv7 in the database,
// a TypeID (prefix, underscore, 26 characters of Crockford base32) everywhere else.
//
// Because the prefix is part of the text, a client id can never equal a subject
// (RFC 9700 §4.15), and a misplaced identifier fails to parse instead of finding nothing.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

// Kind is implemented by the empty structs that tell identifier types apart.
type Kind interface{ Prefix() string }

// The kinds of identifier and their prefixes.
type (
	userKind    struct{}
	tenantKind  struct{}
	sessionKind struct{}
	grantKind   struct{}
	clientKind  struct{}

	resourceServerKind struct{}
	secretKind         struct{}
	invitationKind     struct{}
	connectorKind      struct{}
	identityKind       struct{}
)

func (userKind) Prefix() string    { return "usr" }
func (tenantKind) Prefix() string  { return "ten" }
func (sessionKind) Prefix() string { return "ses" }
func (grantKind) Prefix() string   { return "gra" }
func (clientKind) Prefix() string  { return "cli" }

func (resourceServerKind) Prefix() string { return "rsv" }
func (secretKind) Prefix() string         { return "sec" }
func (invitationKind) Prefix() string     { return "inv" }
func (connectorKind) Prefix() string      { return "con" }
func (identityKind) Prefix() string       { return "idn" }

// The identifier types.
type (
	User    = Of[userKind]
	Tenant  = Of[tenantKind]
	Session = Of[sessionKind]
	Grant   = Of[grantKind]

	ResourceServer = Of[resourceServerKind]
	ClientSecret   = Of[secretKind] // names a stored secret; it is none
	Invitation     = Of[invitationKind]
	Connector      = Of[connectorKind] // a provider of others that people sign in through
	Identity       = Of[identityKind]  // who somebody is there
)

// Of is the identifier of a thing of kind K; comparable, the zero value is "none".
type Of[K Kind] struct{ uuid [16]byte }

// New returns a fresh identifier (UUIDv7, RFC 9562 §5.7) whose time part is now.
func New[K Kind](now time.Time) Of[K] {
	return Of[K]{NewUUID(now)}
}

// The constructors, one for each kind.
func NewUser(now time.Time) User       { return New[userKind](now) }
func NewTenant(now time.Time) Tenant   { return New[tenantKind](now) }
func NewSession(now time.Time) Session { return New[sessionKind](now) }
func NewGrant(now time.Time) Grant     { return New[grantKind](now) }

func NewResourceServer(now time.Time) ResourceServer { return New[resourceServerKind](now) }
func NewClientSecret(now time.Time) ClientSecret     { return New[secretKind](now) }
func NewInvitation(now time.Time) Invitation         { return New[invitationKind](now) }
func NewConnector(now time.Time) Connector           { return New[connectorKind](now) }
func NewIdentity(now time.Time) Identity             { return New[identityKind](now) }

// NewClient returns the text of a fresh client identifier. Clients are known by any text, so
// there is no type for it here: see client.ID.
func NewClient(now time.Time) string { return New[clientKind](now).String() }

// The parsers of the text form, one for each kind; a wrong prefix or shape is
// errdefs.ErrInvalid.
func ParseUser(s string) (User, error)       { return parse[userKind](s) }
func ParseTenant(s string) (Tenant, error)   { return parse[tenantKind](s) }
func ParseSession(s string) (Session, error) { return parse[sessionKind](s) }
func ParseGrant(s string) (Grant, error)     { return parse[grantKind](s) }

func ParseResourceServer(s string) (ResourceServer, error) { return parse[resourceServerKind](s) }
func ParseClientSecret(s string) (ClientSecret, error)     { return parse[secretKind](s) }
func ParseInvitation(s string) (Invitation, error)         { return parse[invitationKind](s) }
func ParseConnector(s string) (Connector, error)           { return parse[connectorKind](s) }
func ParseIdentity(s string) (Identity, error)             { return parse[identityKind](s) }

// NewUUID returns a fresh UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, 74 random bits.
func NewUUID(now time.Time) [16]byte {
	var u [16]byte
	_, _ = rand.Read(u[6:]) // documented never to fail
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint16(u[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(u[2:], uint32(ms))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// The wrappers of a UUID that the database returned, one for each kind.
func UserFromUUID(u [16]byte) User       { return User{u} }
func TenantFromUUID(u [16]byte) Tenant   { return Tenant{u} }
func SessionFromUUID(u [16]byte) Session { return Session{u} }
func GrantFromUUID(u [16]byte) Grant     { return Grant{u} }

func ResourceServerFromUUID(u [16]byte) ResourceServer { return ResourceServer{u} }
func ClientSecretFromUUID(u [16]byte) ClientSecret     { return ClientSecret{u} }
func InvitationFromUUID(u [16]byte) Invitation         { return Invitation{u} }
func ConnectorFromUUID(u [16]byte) Connector           { return Connector{u} }
func IdentityFromUUID(u [16]byte) Identity             { return Identity{u} }

// UUID returns the database form.
func (i Of[K]) UUID() [16]byte { return i.uuid }

// IsZero reports whether i is "none".
func (i Of[K]) IsZero() bool { return i.uuid == [16]byte{} }

// String returns the text form, or "" for none.
func (i Of[K]) String() string {
	if i.IsZero() {
		return ""
	}
	var k K
	p := k.Prefix()
	b := make([]byte, 0, len(p)+1+26)
	b = append(b, p...)
	b = append(b, '_')
	return string(appendBase32(b, i.uuid))
}

// MarshalText is String for encoders.
func (i Of[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText parses the text form; the empty text is none.
func (i *Of[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = Of[K]{}
		return nil
	}
	v, err := parse[K](string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var decode = func() (d [256]byte) {
	for i := range d {
		d[i] = 0xff
	}
	for i := range len(alphabet) {
		d[alphabet[i]] = byte(i)
	}
	return d
}()

func appendBase32(dst []byte, u [16]byte) []byte {
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return append(dst, out[:]...)
}

func parse[K Kind](s string) (Of[K], error) {
	var k K
	rest, ok := strings.CutPrefix(s, k.Prefix()+"_")
	if !ok || len(rest) != 26 || rest[0] > '7' {
		return Of[K]{}, fmt.Errorf("identifier is not of the form %s_…: %w", k.Prefix(), errdefs.ErrInvalid)
	}
	var hi, lo uint64
	for i := range len(rest) {
		v := decode[rest[i]]
		if v == 0xff {
			return Of[K]{}, fmt.Errorf("identifier is not of the form %s_…: %w", k.Prefix(), errdefs.ErrInvalid)
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	v := Of[K]{u}
	if v.IsZero() { // none has no text form but ""
		return v, fmt.Errorf("identifier is not of the form %s_…: %w", k.Prefix(), errdefs.ErrInvalid)
	}
	return v, nil
}
