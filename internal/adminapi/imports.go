package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/importer"
)

// The bounds of a request with a full batch of rows.
const (
	maxImportBody = 4 << 20
	importTimeout = time.Minute
)

// Imports stores people who come from another system.
type Imports interface {
	ImportUsers(ctx context.Context, a admin.Act, rows []importer.Row, dry bool) ([]importer.Outcome, error)
}

// ImportRow is one person as another system knows them. What is wrong with a row is in its
// outcome, so the schema bounds nothing.
type ImportRow struct {
	Email         string             `json:"email" doc:"Unique without regard to case. Who exists already keeps their account as it is."`
	EmailVerified bool               `json:"email_verified,omitempty"`
	Name          string             `json:"name,omitempty"`
	GivenName     string             `json:"given_name,omitempty"`
	FamilyName    string             `json:"family_name,omitempty"`
	Picture       string             `json:"picture,omitempty" doc:"An https URL."`
	Locale        string             `json:"locale,omitempty" doc:"A language tag (BCP 47)." example:"pt-BR"`
	PasswordHash  string             `json:"password_hash,omitempty" doc:"In one of the accepted forms. It is checked for its form and its cost, and stored as it is."`
	Disabled      bool               `json:"disabled,omitempty"`
	Memberships   []ImportMembership `json:"memberships,omitempty"`
}

// ImportMembership puts the person of a row into a tenant.
type ImportMembership struct {
	Tenant string   `json:"tenant" doc:"The slug of a tenant that exists." example:"acme"`
	Roles  []string `json:"roles,omitempty" doc:"Names of roles that exist in the tenant."`
}

// ImportOutcome is what became of one row.
type ImportOutcome struct {
	Status string `json:"status" enum:"created,joined,exists,rejected" doc:"created: a new account. joined: the account existed and got a membership or a role. exists: nothing was missing. rejected: nothing was stored, for the reason."`
	User   string `json:"user,omitempty" doc:"The identifier of the account." example:"usr_01h2xcejqtf2nbrexx3vqjhp41"`
	Reason string `json:"reason,omitempty" doc:"Why the row was rejected, in one sentence."`
}

type importUsers struct {
	Body struct {
		Rows   []ImportRow `json:"rows" minItems:"1" maxItems:"1000" nullable:"false"`
		DryRun bool        `json:"dry_run,omitempty" doc:"Say what would become of each row, and store nothing."`
	}
}

type importedUsers struct {
	Body struct {
		Outcomes []ImportOutcome `json:"outcomes" nullable:"false" doc:"Of each row, in their order."`
	}
}

func (a *API) imports() {
	register(a, operation{
		ID: "import-users", Method: http.MethodPost, Path: "/imports/users", Tag: "Users", MaxBody: maxImportBody, Timeout: importTimeout,
		Summary:     "Import people with their password hashes, up to 1000 at once.",
		Description: "Installation administrators only. Rows that cannot be stored do not hold up the others. Sending a batch again changes nothing the second time: nothing that exists is replaced or taken away.",
	}, a.importUsers)
}

func (a *API) importUsers(ctx context.Context, actor admin.Actor, in *importUsers) (*importedUsers, error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	rows := make([]importer.Row, len(in.Body.Rows))
	for i, r := range in.Body.Rows {
		rows[i] = importer.Row{
			Email: r.Email, EmailVerified: r.EmailVerified, Name: r.Name, GivenName: r.GivenName, FamilyName: r.FamilyName,
			Picture: r.Picture, Locale: r.Locale, PasswordHash: r.PasswordHash, Disabled: r.Disabled,
			Memberships: make([]importer.Membership, len(r.Memberships)),
		}
		for n, m := range r.Memberships {
			rows[i].Memberships[n] = importer.Membership{Tenant: m.Tenant, Roles: m.Roles}
		}
	}
	outcomes, err := a.Imports.ImportUsers(ctx, a.act(ctx, actor, audit.UsersImported, id.Tenant{}, "", nil), rows, in.Body.DryRun)
	if err != nil {
		return nil, err
	}
	if !in.Body.DryRun {
		a.ForgetEverybody() // whoever got a role
	}
	out := &importedUsers{}
	out.Body.Outcomes = make([]ImportOutcome, len(outcomes))
	for i, o := range outcomes {
		out.Body.Outcomes[i] = ImportOutcome{Status: string(o.Status), User: o.User.String(), Reason: o.Reason}
		if in.Body.DryRun && o.Status == importer.Created {
			out.Body.Outcomes[i].User = "" // nobody has it
		}
	}
	return out, nil
}
