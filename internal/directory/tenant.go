package directory

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/errdefs"
)

// MaxName is the longest name of a tenant, in characters.
const MaxName = 200

// MaxAttributes bounds the attributes of a tenant or a membership, in bytes of JSON: they are
// read for every token.
const MaxAttributes = 4096

// maxAttributeDepth is how many objects and lists attributes may hold within one another.
const maxAttributeDepth = 8

// CheckTenant says what is wrong with the fields of a new tenant, each fault as an
// admin.FieldError.
func CheckTenant(t Tenant) error { return t.CheckEdit(Tenant{}) }

// CheckEdit says what is wrong with a tenant that was another before: each fault as an
// admin.FieldError. A slug that stays is no fault, and that of the installation's administrators
// has to stay: nobody could have it again.
func (t Tenant) CheckEdit(was Tenant) error {
	if was.Slug == admin.InstallationTenant && (t.Slug != was.Slug || !t.DisabledAt.IsZero()) {
		return errdefs.Say(errdefs.ErrConflict, nil, "The tenant of the installation's administrators keeps its slug and cannot be disabled.")
	}
	var faults []error
	if t.Slug != was.Slug && CheckSlug(t.Slug) != nil || t.Slug == "" {
		faults = append(faults, &admin.FieldError{Field: "slug", Text: "use 1 to 63 of a-z, 0-9 and inner hyphens, and no reserved word", Kind: errdefs.ErrInvalid})
	}
	if t.Name == "" || !utf8.ValidString(t.Name) || utf8.RuneCountInString(t.Name) > MaxName || strings.ContainsFunc(t.Name, unicode.IsControl) {
		faults = append(faults, admin.Invalid("name", "use 1 to %d characters, without line breaks", MaxName))
	}
	return errors.Join(append(faults, CheckAttributes(t.Attributes))...)
}

// CheckAttributes says what is wrong with attributes: they are a JSON object of bounded size and
// depth, or nothing. Texts without NUL, which the database cannot hold.
func CheckAttributes(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var object map[string]any
	if len(raw) > MaxAttributes || json.Unmarshal(raw, &object) != nil || object == nil || !plain(object, maxAttributeDepth) {
		return admin.Invalid("attributes", "use a JSON object of at most %d bytes, %d levels deep, without NUL characters", MaxAttributes, maxAttributeDepth)
	}
	return nil
}

// plain reports whether v is at most depth levels deep and holds no NUL.
func plain(v any, depth int) bool {
	switch v := v.(type) {
	case string:
		return !strings.ContainsRune(v, 0)
	case map[string]any:
		for key, value := range v {
			if depth == 0 || strings.ContainsRune(key, 0) || !plain(value, depth-1) {
				return false
			}
		}
	case []any:
		for _, value := range v {
			if depth == 0 || !plain(value, depth-1) {
				return false
			}
		}
	}
	return true
}
