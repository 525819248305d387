// Package directory owns who exists and who belongs where: tenants, users, memberships,
// roles and permissions, and the rules about them.
//
// It knows neither HTTP nor SQL. Storage is package postgres; how these facts become claims
// is package issuer.
package directory

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Tenant is a customer's organisation: the border that no query crosses.
type Tenant struct {
	ID         id.Tenant
	Slug       string // unique, lower case; the "tenant" claim
	Name       string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DisabledAt time.Time       // zero while it is enabled
	Attributes json.RawMessage // a JSON object, for declared claims; nil for none
	Version    int64           // moves with every edit
	// OnlyConnectors says that the tenant is entered through its own connectors alone: passwords
	// are refused.
	OnlyConnectors bool
}

// User is a person. One user may be a member of many tenants.
type User struct {
	ID            id.User
	Email         string // as the person writes it; unique without regard to case
	EmailVerified bool
	Name          string
	GivenName     string
	FamilyName    string
	Picture       string // https URL, or empty
	Locale        string // BCP 47, or empty
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DisabledAt    time.Time // zero while the account is enabled
	Version       int64     // moves with every edit
}

// Credential is a person's stored password.
type Credential struct {
	Encoded   string // the hash, in the form of package password
	ChangedAt time.Time
}

// DisplayName returns the name to greet the person with: the name, else the e-mail address.
func (u User) DisplayName() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// Membership is one tenant that a person belongs to, with the names of their roles there.
type Membership struct {
	Tenant Tenant
	Roles  []string
}

// Among narrows a list of memberships. The zero value narrows nothing.
type Among struct {
	Tenant    id.Tenant // this one alone
	Reference string    // the one with this slug or identifier alone
	Open      bool      // those alone that a password is enough for
}

// Permission is something a resource server lets people do: a slug such as "orders:read"
// that means something to one audience only.
type Permission struct {
	Audience string // the resource server's identifier, as in the "aud" claim
	Slug     string
}

// Subject is everything a token says about a person in one tenant, read at one moment.
type Subject struct {
	User        User
	Tenant      Tenant
	Member      bool            // whether the membership stands; a suspended one does not
	Attributes  json.RawMessage // the membership's: a JSON object, for declared claims; nil for none
	Roles       []string        // names in that tenant, sorted: those held and those that they include
	Permissions []Permission    // what the roles bundle, for every audience
	Access      AccessVersion   // of roles and permissions; zero where it was not asked for
}

// Active reports why the person may not get tokens for the tenant, or nil: the account and
// the tenant are enabled and the membership stands. The error is errdefs.ErrDenied.
func (s Subject) Active() error {
	switch {
	case !s.User.DisabledAt.IsZero():
		return fmt.Errorf("user %s is disabled: %w", s.User.ID, errdefs.ErrDenied)
	case !s.Tenant.DisabledAt.IsZero():
		return fmt.Errorf("tenant %s is disabled: %w", s.Tenant.ID, errdefs.ErrDenied)
	case !s.Member:
		return fmt.Errorf("user %s is no member of tenant %s: %w", s.User.ID, s.Tenant.ID, errdefs.ErrDenied)
	}
	return nil
}

// PermissionsFor returns the sorted slugs that belong to any of the audiences: a token never
// carries what its audience has no use for.
func (s Subject) PermissionsFor(audiences []string) []string {
	out := []string{}
	for _, p := range s.Permissions {
		if slices.Contains(audiences, p.Audience) {
			out = append(out, p.Slug)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MaxEmail is the longest e-mail address accepted, in bytes (RFC 5321 §4.5.3.1.3 leaves 254
// for an address between angle brackets).
const MaxEmail = 254

// NormalizeEmail returns the form under which an address is unique: lower case, without
// surrounding space. An address that no mail system accepts is errdefs.ErrInvalid.
//
// So is one with a letter beyond ASCII whose lower case is in ASCII (the Kelvin sign, the
// dotted capital I): it would otherwise become somebody else's address.
func NormalizeEmail(address string) (string, error) {
	bad := fmt.Errorf("email: %w", errdefs.ErrInvalid)
	if !utf8.ValidString(address) {
		return "", bad
	}
	folded := false
	s := strings.Map(func(r rune) rune {
		lower := unicode.ToLower(r)
		folded = folded || r >= utf8.RuneSelf && lower < utf8.RuneSelf
		return lower
	}, strings.TrimSpace(address))
	if folded || len(s) > MaxEmail {
		return "", bad
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return "", bad
	}
	return s, nil
}

// IsReference reports whether s can name a tenant: a slug or an identifier. What cannot is not
// repeated to people or kept on record: a stranger may have written anything into it.
func IsReference(s string) bool {
	_, err := id.ParseTenant(s)
	return err == nil || s == admin.InstallationTenant || CheckSlug(s) == nil
}

// CheckSlug says whether a tenant may be called slug: 1 to 63 characters of a–z, 0–9 and
// inner hyphens, and no word that the paths of this server use. The error is
// errdefs.ErrInvalid.
func CheckSlug(slug string) error {
	if slug == "" || len(slug) > 63 || slug[0] == '-' || slug[len(slug)-1] == '-' {
		return fmt.Errorf("slug: use 1 to 63 of a-z, 0-9 and inner hyphens: %w", errdefs.ErrInvalid)
	}
	for i := range len(slug) {
		c := slug[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("slug: use 1 to 63 of a-z, 0-9 and inner hyphens: %w", errdefs.ErrInvalid)
		}
	}
	if slices.Contains([]string{"admin", "api", "static", "signet", "login", "logout", "well-known"}, slug) {
		return fmt.Errorf("slug: %q is reserved: %w", slug, errdefs.ErrInvalid)
	}
	return nil
}
