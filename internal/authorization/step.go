package authorization

import (
	"slices"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

// Step is what has to happen next.
type Step int

// The steps, in the order in which they are asked for.
const (
	SignIn        Step = iota // prove who you are
	SelectAccount             // continue as this person, or as another
	NotMember                 // learn that no membership serves, and go back or be somebody else
	PickTenant                // choose among several memberships
	Consent                   // allow the client what it asks
	Done                      // answer with a code
	Fail                      // answer with Decision.Failure
)

// Facts is what the decision rests on, read afresh at every step.
type Facts struct {
	Now         time.Time
	Client      client.Client
	Session     *session.Session       // nil: nobody is signed in in this browser
	Memberships []directory.Membership // of the session's user
	Consented   func(id.Tenant) ([]string, error)
}

// Decision is the next step and what it is about.
type Decision struct {
	Step    Step
	Failure Failure                // with Fail; with NotMember what the client is told in the end
	Choices []directory.Membership // with PickTenant
	Tenant  directory.Tenant       // with Consent and Done
	// Through, with SignIn, is the tenant that a session has to begin through: it lets nobody in
	// otherwise. Zero: any sign-in will do.
	Through directory.Tenant
	// Confined, with SignIn, says that whoever is signed in came a way that opens none of the tenants
	// asked for (session.Upstream.Confined): it takes another one.
	Confined bool
	Scopes   []string // with Consent: what is new to the person
}

// Next returns the next step of the request. With prompt=none it never returns one that shows
// a page (OpenID Connect Core 1.0 §3.1.2.6). Its error is that of Facts.Consented.
func (r Request) Next(f Facts) (Decision, error) {
	fail := func(code, description string) (Decision, error) {
		return Decision{Step: Fail, Failure: Failure{Code: code, Description: description}}, nil
	}
	silent := r.Prompts(PromptNone)

	if f.Session == nil || !f.Session.Satisfies(r.Demand(), f.Now) {
		if silent {
			return fail("login_required", "the person has to sign in")
		}
		return Decision{Step: SignIn}, nil
	}
	// The hint names who should be signed in; anyone else must not be answered for
	// (OpenID Connect Core 1.0 §3.1.2.1, id_token_hint).
	if !r.HintedUser.IsZero() && r.HintedUser != f.Session.User {
		if silent {
			return fail("login_required", "the person named by id_token_hint is not signed in")
		}
		return Decision{Step: SignIn}, nil
	}
	settled := r.settled(f.Session.ID)
	// Whoever has just signed in for this very request has thereby chosen the account.
	if r.Prompts(PromptSelectAccount) && !settled.Account && f.Session.AuthenticatedAt.Before(r.ArrivedAt) {
		return Decision{Step: SelectAccount}, nil
	}

	choices := r.choices(f, settled)
	if f.Session.Through.Confined {
		reached := only(choices, func(t directory.Tenant) bool { return t.ID == f.Session.Through.Tenant })
		if len(reached) == 0 && len(choices) > 0 {
			if silent {
				return fail("login_required", "the person has to sign in another way")
			}
			d := Decision{Step: SignIn, Confined: true}
			if len(choices) == 1 && choices[0].Tenant.OnlyConnectors {
				d.Through = choices[0].Tenant
			}
			return d, nil
		}
		choices = reached
	}
	switch {
	case len(choices) == 0 && silent:
		return Decision{Step: Fail, Failure: notMember()}, nil
	case len(choices) == 0:
		return Decision{Step: NotMember, Failure: notMember()}, nil
	case len(choices) > 1 && silent:
		return fail("interaction_required", "the person has to choose a tenant; name it with the organization parameter")
	case len(choices) > 1:
		return Decision{Step: PickTenant, Choices: choices}, nil
	}
	tenant := choices[0].Tenant
	// Where a person belongs is known only now: whoever has one such tenant among several is asked
	// once they have picked it.
	if tenant.OnlyConnectors && f.Session.Through.Tenant != tenant.ID {
		if silent {
			return fail("login_required", "the person has to sign in through a connector of the tenant")
		}
		return Decision{Step: SignIn, Through: tenant}, nil
	}

	if !f.Client.SkipConsent || r.Prompts(PromptConsent) {
		remembered, err := f.Consented(tenant.ID)
		if err != nil {
			return Decision{}, err
		}
		missing := slices.DeleteFunc(slices.Clone(r.Scopes), func(s string) bool { return slices.Contains(remembered, s) })
		must := r.Prompts(PromptConsent) && !settled.Consented
		if must || !f.Client.SkipConsent && len(missing) > 0 && !settled.Consented {
			if silent {
				return fail("consent_required", "the person has not allowed this yet")
			}
			return Decision{Step: Consent, Tenant: tenant, Scopes: missing}, nil
		}
	}
	return Decision{Step: Done, Tenant: tenant}, nil
}

// choices returns the memberships that the request allows.
func (r Request) choices(f Facts, settled Settled) []directory.Membership {
	choices := f.Memberships
	switch {
	case !f.Client.Tenant.IsZero(): // a tenant's own client serves that tenant alone
		choices = only(choices, func(t directory.Tenant) bool { return t.ID == f.Client.Tenant })
	case r.Organization == "" && !slices.Contains(f.Client.Audiences, admin.Audience):
		// Whoever looks after the installation is not asked in every application whether they
		// are there for that.
		choices = only(choices, func(t directory.Tenant) bool { return t.Slug != admin.InstallationTenant })
	}
	if r.Organization != "" {
		choices = only(choices, func(t directory.Tenant) bool {
			return t.Slug == r.Organization || t.ID.String() == r.Organization
		})
	}
	if !settled.Tenant.IsZero() {
		choices = only(choices, func(t directory.Tenant) bool { return t.ID == settled.Tenant })
	}
	return choices
}

// notMember is the same whether the tenant that was asked for exists or not.
func notMember() Failure {
	return Failure{Code: "access_denied", Description: "the person belongs to no tenant that this request allows"}
}

func only(m []directory.Membership, keep func(directory.Tenant) bool) []directory.Membership {
	return slices.DeleteFunc(slices.Clone(m), func(m directory.Membership) bool { return !keep(m.Tenant) })
}
