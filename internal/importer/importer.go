// Package importer owns how people who come from another system are read and handed over: the
// files it understands (CSV, exports of Keycloak realms), what makes a row acceptable, and the
// order in which batches are sent so that an import that was interrupted can go on.
//
// It knows neither HTTP nor SQL. Package postgres stores a batch; the command line opens the
// files and calls the administration. Password hashes are imported as they are and checked for
// their form and cost alone: nothing is hashed here.
package importer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/password"
)

// MaxBatch is how many rows are stored at once.
const MaxBatch = 1000

// maxMemberships bounds one row; several may be about one person.
const maxMemberships = 50

// Row is one person as another system knows them.
type Row struct {
	Email         string
	EmailVerified bool
	Name          string
	GivenName     string
	FamilyName    string
	Picture       string // https URL, or empty
	Locale        string // BCP 47, or empty
	PasswordHash  string // in a form that password.CheckImport accepts; "" for none
	Disabled      bool
	Memberships   []Membership
}

// Membership puts the person of a row into a tenant.
type Membership struct {
	Tenant string // slug
	Roles  []string
}

// Check says what is wrong with the row, in one sentence that never quotes a password hash, as
// errdefs.ErrInvalid. Whether its tenants and roles exist is for the store to say.
func (r Row) Check() error {
	if strings.TrimSpace(r.Email) == "" {
		return invalid("there is no e-mail address")
	}
	if _, err := directory.NormalizeEmail(r.Email); err != nil {
		return invalid("the e-mail address is not one that can receive mail")
	}
	u := directory.User{
		Email: r.Email, Name: r.Name, GivenName: r.GivenName, FamilyName: r.FamilyName, Picture: r.Picture, Locale: r.Locale,
	}
	if err := u.Check(); err != nil {
		return invalid("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if r.PasswordHash != "" {
		if err := password.CheckImport(r.PasswordHash); err != nil {
			return err
		}
	}
	return r.checkMemberships()
}

func (r Row) checkMemberships() error {
	if len(r.Memberships) > maxMemberships {
		return invalid("more than %d memberships in one row: use several rows", maxMemberships)
	}
	for _, m := range r.Memberships {
		if m.Tenant == admin.InstallationTenant {
			return invalid("administrators of the installation are not imported: add them one by one")
		}
		if err := directory.CheckSlug(m.Tenant); err != nil {
			return invalid("tenant: %q is not the slug of a tenant", shorten(m.Tenant))
		}
		if err := directory.CheckRoleNames("roles", m.Roles); err != nil {
			return invalid("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// shorten makes what somebody else wrote fit into a sentence.
func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func invalid(format string, args ...any) error {
	return errdefs.Say(errdefs.ErrInvalid, nil, format, args...)
}

// Status is what became of a row.
type Status string

// The statuses. Importing a row again changes nothing: what was created then exists.
const (
	Created  Status = "created"  // a new account
	Joined   Status = "joined"   // the account existed and got a membership or a role; the rest is as it was
	Exists   Status = "exists"   // the account and all its memberships existed
	Rejected Status = "rejected" // nothing was stored, for the reason
)

// Outcome is what became of one row.
type Outcome struct {
	Status Status
	User   id.User // zero when rejected
	Reason string  // when rejected: one sentence for whoever imports
}

// Refuse is the outcome of a row that cannot be stored.
func Refuse(format string, args ...any) Outcome {
	return Outcome{Status: Rejected, Reason: fmt.Sprintf(format, args...)}
}

// Entry is one entry of a file: a row, or why there is none.
type Entry struct {
	At      string // where it is, as in "line 7" or "realm acme, users[3]"
	Row     Row
	Reason  string // why there is no Row; "" when there is one
	Skipped bool   // left out on purpose: no fault of the file
}

// Source yields the entries of a file in their order.
type Source interface {
	// Next returns the next entry, and io.EOF after the last. Any other error says that what
	// follows cannot be told apart any more: the file is to be repaired at that place.
	Next() (Entry, error)
}
