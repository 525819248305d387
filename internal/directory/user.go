package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/id"
)

// The bounds of what is stored of a person.
const (
	MaxPicture     = 2048 // bytes of the URL
	maxLocale      = 35   // bytes; RFC 5646 §4.4.1
	MaxMemberships = 200  // made together with an account
)

// Check says what is wrong with an account, each fault as an admin.FieldError.
func (u User) Check() error {
	var faults []error
	for _, f := range u.fields() {
		faults = append(faults, f.fault)
	}
	return errors.Join(faults...)
}

// CheckEdit is Check for an edit of was: what was not edited has no faults. A rule that came later
// than a value must not keep anybody from disabling the account.
func (u User) CheckEdit(was User) error {
	var faults []error
	before := was.fields()
	for n, f := range u.fields() {
		if f.value != before[n].value {
			faults = append(faults, f.fault)
		}
	}
	return errors.Join(faults...)
}

// Profile is what people say of themselves.
type Profile struct{ Name, GivenName, FamilyName, Locale string }

// Profile returns what the person may change.
func (u User) Profile() Profile { return Profile{u.Name, u.GivenName, u.FamilyName, u.Locale} }

// WithProfile returns u with another profile.
func (u User) WithProfile(p Profile) User {
	u.Name, u.GivenName, u.FamilyName, u.Locale = p.Name, p.GivenName, p.FamilyName, p.Locale
	return u
}

// Changed names the fields in which p differs from was.
func (p Profile) Changed(was Profile) (fields []string) {
	for _, f := range []struct{ name, now, before string }{
		{"name", p.Name, was.Name}, {"given_name", p.GivenName, was.GivenName},
		{"family_name", p.FamilyName, was.FamilyName}, {"locale", p.Locale, was.Locale},
	} {
		if f.now != f.before {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// field is a value of an account that has a rule.
type field struct {
	value string
	fault error // nil: it keeps the rule
}

func (u User) fields() []field {
	rule := func(ok bool, name, value, text string, args ...any) field {
		if ok {
			return field{value: value}
		}
		return field{value, admin.Invalid(name, text, args...)}
	}
	named := func(name, value string) field {
		ok := utf8.ValidString(value) && utf8.RuneCountInString(value) <= MaxName && !strings.ContainsFunc(value, unicode.IsControl)
		return rule(ok, name, value, "use at most %d characters, without line breaks", MaxName)
	}
	_, err := NormalizeEmail(u.Email)
	return []field{
		rule(err == nil, "email", u.Email, "use an e-mail address of at most %d bytes", MaxEmail),
		named("name", u.Name), named("given_name", u.GivenName), named("family_name", u.FamilyName),
		rule(u.Picture == "" || isHTTPS(u.Picture), "picture", u.Picture, "use an https URL of at most %d bytes", MaxPicture),
		rule(u.Locale == "" || isLanguageTag(u.Locale), "locale", u.Locale, "use a language tag such as en or pt-BR"),
	}
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= MaxPicture && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsFunc(s, blank)
}

// isLanguageTag looks at the shape alone (RFC 5646 §2.1).
func isLanguageTag(s string) bool {
	if len(s) > maxLocale {
		return false
	}
	for i, part := range strings.Split(s, "-") {
		if len(part) < 1 || len(part) > 8 || i == 0 && (len(part) < 2 || strings.ContainsAny(part, "0123456789")) {
			return false
		}
		for j := range len(part) {
			c := part[j] | 0x20
			if (c < 'a' || c > 'z') && (part[j] < '0' || part[j] > '9') {
				return false
			}
		}
	}
	return true
}

// NewUser is an account to be made together with what it belongs to.
type NewUser struct {
	User
	PasswordHash string // encoded; "" for none
	Memberships  []NewMembership
}

// NewMembership puts a person into a tenant.
type NewMembership struct {
	Tenant     id.Tenant
	Roles      []string
	Attributes json.RawMessage
}

// Check says what is wrong with all of it, each fault as an admin.FieldError.
func (n NewUser) Check() error {
	faults := []error{n.User.Check()}
	if len(n.Memberships) > MaxMemberships {
		return errors.Join(append(faults, admin.Invalid("memberships", "use at most %d at once", MaxMemberships))...)
	}
	for i, m := range n.Memberships {
		at := fmt.Sprintf("memberships[%d].", i)
		if slices.ContainsFunc(n.Memberships[:i], func(before NewMembership) bool { return before.Tenant == m.Tenant }) {
			faults = append(faults, admin.Invalid(at+"tenant", "the tenant is named twice"))
		}
		faults = append(faults, CheckRoleNames(at+"roles", m.Roles))
		if CheckAttributes(m.Attributes) != nil {
			faults = append(faults, admin.Invalid(at+"attributes", "use a JSON object of at most %d bytes", MaxAttributes))
		}
	}
	return errors.Join(faults...)
}

// UserEdit is a change of an account. Apply edits what it is given, which was read under a lock;
// it may refuse. PasswordHash replaces the password, "" leaves it.
type UserEdit struct {
	Apply        func(*User) error
	PasswordHash string
}

// UserMembership is one tenant of a person, as the administration shows it.
type UserMembership struct {
	Tenant Tenant
	Member Member // without User
}

// CheckAddressPrefix returns the form in which addresses that begin with s are looked up. The error
// is an admin.FieldError of field.
func CheckAddressPrefix(field, s string) (string, error) {
	if len(s) > MaxEmail || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", admin.Invalid(field, "use the beginning of an e-mail address")
	}
	return strings.Map(unicode.ToLower, strings.TrimSpace(s)), nil
}

// UserFilter narrows a list of accounts; its zero value narrows nothing. Email and AddressPrefix
// exclude each other.
type UserFilter struct {
	Tenant        id.Tenant // members of it
	Email         string    // normalized: this one alone
	AddressPrefix string    // normalized; such a list is ordered by address
}
