package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/id"
)

// The bounds of a tenant's roles: what tokens say is computed from them at every refresh.
const (
	MaxRoles           = 1000 // in one tenant
	MaxRoleName        = 64   // bytes
	MaxDescription     = 500  // characters
	MaxRolePermissions = 1000
	MaxIncludes        = 100
	MaxReach           = 10_000 // pairs of roles in one tenant of which one includes the other, directly or through others; the database's
	MaxMemberRoles     = 100    // of one person in one tenant
)

// Role bundles permissions under a name that means something in one tenant. It may include other
// roles of the tenant: whoever holds it may do what they let people do.
type Role struct {
	Tenant      id.Tenant
	Name        string // fixed: it is what tokens say
	Description string
	Permissions []Permission // its own, sorted
	Includes    []string     // names, sorted; never itself, not through others either
	Template    string       // that it was made from, or ""
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// Check says what is wrong with the role by itself, each fault as an admin.FieldError. Whether the
// permissions and roles that it names exist is the store's to say.
func (r Role) Check() error {
	faults := []error{CheckRoleName("name", r.Name), checkDescription(r.Description), r.checkPermissions()}
	if len(r.Includes) > MaxIncludes {
		faults = append(faults, admin.Invalid("includes", "use at most %d roles", MaxIncludes))
		return errors.Join(faults...)
	}
	for i, name := range r.Includes {
		field := fmt.Sprintf("includes[%d]", i)
		switch {
		case CheckRoleName(field, name) != nil:
			faults = append(faults, CheckRoleName(field, name))
		case name == r.Name:
			faults = append(faults, admin.Invalid(field, "a role cannot include itself"))
		case slices.Index(r.Includes, name) < i:
			faults = append(faults, admin.Invalid(field, "the role is named twice"))
		}
	}
	return errors.Join(faults...)
}

func (r Role) checkPermissions() error { return checkPermissions(r.Permissions) }

func checkPermissions(permissions []Permission) error {
	if len(permissions) > MaxRolePermissions {
		return admin.Invalid("permissions", "use at most %d permissions", MaxRolePermissions)
	}
	var faults []error
	for i, p := range permissions {
		switch {
		case p.Audience == "" || strings.ContainsFunc(p.Audience, blank):
			faults = append(faults, admin.Invalid(fmt.Sprintf("permissions[%d].audience", i), "name the resource server that declares the permission"))
		case p.Slug == "" || strings.ContainsFunc(p.Slug, blank):
			faults = append(faults, admin.Invalid(fmt.Sprintf("permissions[%d].slug", i), "name a permission such as orders:read"))
		case slices.Index(permissions, p) < i:
			faults = append(faults, admin.Invalid(fmt.Sprintf("permissions[%d]", i), "the permission is named twice"))
		}
	}
	return errors.Join(faults...)
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError }

func checkDescription(s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxDescription || strings.ContainsRune(s, 0) {
		return admin.Invalid("description", "use at most %d characters", MaxDescription)
	}
	return nil
}

// CheckRoleName says whether a role may be called name: 1 to 64 of letters and digits of ASCII and
// inner . _ - and :, so that it fits into a token, a header's list and a path as it is. Case
// counts. The error is an admin.FieldError of field.
func CheckRoleName(field, name string) error {
	word := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }
	ok := name != "" && len(name) <= MaxRoleName && word(name[0]) && word(name[len(name)-1])
	for i := range len(name) {
		ok = ok && (word(name[i]) || strings.IndexByte("._-:", name[i]) >= 0)
	}
	if !ok {
		return admin.Invalid(field, "use 1 to %d of a-z, A-Z, 0-9 and inner . _ - and :", MaxRoleName)
	}
	return nil
}

// CheckRoleNames says what is wrong with the names of roles that somebody is to hold.
func CheckRoleNames(field string, names []string) error {
	if len(names) > MaxMemberRoles {
		return admin.Invalid(field, "use at most %d roles", MaxMemberRoles)
	}
	var faults []error
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", field, i)
		err := CheckRoleName(at, name)
		if err == nil && slices.Index(names, name) < i {
			err = admin.Invalid(at, "the role is named twice")
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Template is what a role of every new tenant is made from. A change of it changes no role that
// exists.
type Template struct {
	Name        string
	Description string
	Permissions []Permission
	BuiltIn     bool // cannot be deleted
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// Check says what is wrong with the template by itself, each fault as an admin.FieldError.
func (t Template) Check() error {
	faults := []error{CheckRoleName("name", t.Name), checkDescription(t.Description), checkPermissions(t.Permissions)}
	for i, p := range t.Permissions {
		if p.Audience == admin.Audience && admin.OfInstallation(p.Slug) {
			faults = append(faults, admin.Invalid(fmt.Sprintf("permissions[%d]", i), "only roles of the installation's own tenant hold it"))
		}
	}
	manage := Permission{Audience: admin.Audience, Slug: admin.TenantManage}
	if t.Name == admin.AdminRole && !slices.Contains(t.Permissions, manage) {
		faults = append(faults, admin.Invalid("permissions", "new tenants need a role that administers them: keep %s of %s", manage.Slug, manage.Audience))
	}
	return errors.Join(faults...)
}

// Difference tells what a change of a list adds and what it takes away, each sorted.
func Difference[T comparable](was, now []T, compare func(a, b T) int) (added, removed []T) {
	less := func(of, but []T) []T {
		skip := make(map[T]bool, len(but))
		for _, v := range but {
			skip[v] = true
		}
		var out []T
		for _, v := range of {
			if !skip[v] {
				out = append(out, v)
			}
		}
		slices.SortFunc(out, compare)
		return slices.Compact(out)
	}
	return less(now, was), less(was, now)
}

// Compare orders permissions by audience and slug.
func (p Permission) Compare(other Permission) int {
	if c := strings.Compare(p.Audience, other.Audience); c != 0 {
		return c
	}
	return strings.Compare(p.Slug, other.Slug)
}

// String returns "audience slug", as logs name a permission.
func (p Permission) String() string { return p.Audience + " " + p.Slug }
