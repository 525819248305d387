package directory

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/errdefs"
)

// MaxName is the longest name of a tenant, in characters.
const MaxName = 200

// MaxAttributes bounds the attributes of a tenant or a membership, in bytes of JSON: they are
// read for every token.
const MaxAttributes = 4096

// CheckTenant says what is wrong with the fields of a tenant that its administrators write, each
// fault as an admin.FieldError.
func CheckTenant(t Tenant) error {
	var faults []error
	if err := CheckSlug(t.Slug); err != nil {
		faults = append(faults, &admin.FieldError{Field: "slug", Text: "use 1 to 63 of a-z, 0-9 and inner hyphens, and no reserved word", Kind: errdefs.ErrInvalid})
	}
	if t.Name == "" || !utf8.ValidString(t.Name) || utf8.RuneCountInString(t.Name) > MaxName {
		faults = append(faults, admin.Invalid("name", "use 1 to %d characters", MaxName))
	}
	return errors.Join(append(faults, CheckAttributes(t.Attributes))...)
}

// CheckAttributes says what is wrong with attributes: they are a JSON object of bounded size, or
// nothing.
func CheckAttributes(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var object map[string]json.RawMessage
	if len(raw) > MaxAttributes || json.Unmarshal(raw, &object) != nil || object == nil {
		return admin.Invalid("attributes", "use a JSON object of at most %d bytes", MaxAttributes)
	}
	return nil
}
