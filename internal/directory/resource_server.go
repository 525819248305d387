package directory

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/keys"
)

// The bounds of what resource servers declare.
const (
	MaxAudience    = 255 // bytes
	MaxPermission  = 64  // bytes of a slug
	MaxPermissions = 1000
)

// reservedAudience begins the audiences that are Signet's own.
const reservedAudience = "urn:signet:"

// ResourceServer is an API that tokens are meant for: what the aud claim names.
type ResourceServer struct {
	ID                   id.ResourceServer
	Audience             string // unique, never changes
	Name                 string
	Tenant               id.Tenant       // zero when it is the installation's
	Claims               json.RawMessage // declared claims, a JSON array
	SigningAlgorithm     keys.Algorithm  // of access tokens for it; "" is the server's default
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// BuiltIn reports whether the resource server is part of Signet: nobody edits it.
func (r ResourceServer) BuiltIn() bool { return r.Audience == admin.Audience }

// PermissionDefinition is a permission as its resource server declares it.
type PermissionDefinition struct{ Slug, Description string }

// CheckAudience says whether a resource server may be registered under the audience: an absolute
// URI of printable ASCII without fragment (RFC 8707 §2), of at most MaxAudience bytes, that is
// neither the issuer nor one of Signet's own. The error is an admin.FieldError.
func CheckAudience(audience, issuer string) error {
	u, err := url.Parse(audience)
	switch {
	case audience == "" || len(audience) > MaxAudience:
		return admin.Invalid("audience", "use 1 to %d characters", MaxAudience)
	case err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "" || u.User != nil || strings.IndexFunc(audience, notInURI) >= 0:
		return admin.Invalid("audience", "use an absolute URI such as https://orders.example, without fragment, user information or space (RFC 8707 §2)")
	case strings.HasPrefix(strings.ToLower(audience), reservedAudience):
		return admin.Invalid("audience", "is reserved: %s is for Signet's own", reservedAudience)
	case issuer != "" && strings.TrimSuffix(audience, "/") == strings.TrimSuffix(issuer, "/"):
		return admin.Invalid("audience", "is the issuer itself, whose audience is for userinfo")
	}
	return nil
}

// notInURI reports whether an audience may not hold r. Blanks separate audiences in places.
func notInURI(r rune) bool {
	return r <= 0x20 || r >= 0x7f || strings.ContainsRune("#\\\"<>^{|}`", r)
}

// Check says what is wrong with what people write of a resource server, each fault as an
// admin.FieldError.
func (r ResourceServer) Check(issuer string) error {
	var name error
	if strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > MaxName || !oneLine(r.Name) {
		name = admin.Invalid("name", "use 1 to %d characters in one line", MaxName)
	}
	declared := claims.CheckStored(r.Claims)
	if len(r.Claims) > 0 && string(r.Claims) != "[]" && !r.Tenant.IsZero() {
		declared = admin.Invalid("claims", "are declared by the installation's own resource servers alone")
	}
	var algorithm error
	if _, err := keys.ParseAlgorithm(string(r.SigningAlgorithm)); err != nil && r.SigningAlgorithm != "" {
		algorithm = admin.Invalid("signing_algorithm", "use ES256, RS256 or EdDSA")
	}
	return errors.Join(CheckAudience(r.Audience, issuer), name, declared, algorithm)
}

// CheckPermission says what is wrong with a permission, each fault as an admin.FieldError. A slug
// is 1 to MaxPermission letters, digits and . _ : / - that begins with a letter or digit.
func CheckPermission(p PermissionDefinition) error {
	var faults []error
	if !validPermission(p.Slug) {
		faults = append(faults, admin.Invalid("slug", "use 1 to %d letters, digits and . _ : / -, beginning with a letter or digit, as in orders:read", MaxPermission))
	}
	if utf8.RuneCountInString(p.Description) > MaxDescription || !oneLine(p.Description) {
		faults = append(faults, admin.Invalid("description", "use at most %d characters in one line", MaxDescription))
	}
	return errors.Join(faults...)
}

func validPermission(slug string) bool {
	for i := range len(slug) {
		c := slug[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte("._:/-", c) < 0) {
			return false
		}
	}
	return slug != "" && len(slug) <= MaxPermission
}

// oneLine reports whether s is valid UTF-8 without control characters.
func oneLine(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) < 0
}
