package fill

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/session"
)

// table is a table with its rows, which are made as they are asked for.
type table struct {
	name    string
	columns []string
	rows    func(emit func(row ...any) bool)
}

// tables are in the order in which they refer to each other.
func (s Set) tables(passwordHash string) []table {
	return []table{
		{"tenant", list("id slug name created_at"), s.tenants},
		{"role", list("tenant_id name"), s.roles},
		{"role_permission", list("tenant_id role audience permission"), s.rolePermissions},
		{"user_account", list("id email email_normalized email_verified name given_name family_name locale created_at updated_at"), s.users},
		{"password_credential", list("user_id encoded changed_at"), s.passwords(passwordHash)},
		{"membership", list("tenant_id user_id created_at"), s.memberships},
		{"membership_role", list("tenant_id user_id role"), s.membershipRoles},
		{"browser_session", list("id token_hash user_id created_at authenticated_at expires_at absolute_expiry acr amr user_agent address"), s.sessions},
		{"refresh_family", list("id tenant_id user_id client_id session_id offline scopes audiences acr amr authenticated_at created_at rotated_at expires_at max_expires_at"), s.families},
		{"audit_event", list("at action tenant_id user_id client_id session_id grant_id address detail"), s.auditEvents},
	}
}

func list(names string) []string { return strings.Fields(names) }

func (s Set) tenants(emit func(...any) bool) {
	for n := range s.Tenants {
		if !emit(s.tenant(n).UUID(), slug(n), fmt.Sprintf("Company %d", n), s.at(n, s.Tenants)) {
			return
		}
	}
}

func (s Set) roles(emit func(...any) bool) {
	for n := range s.Tenants {
		for _, r := range roles {
			if !emit(s.tenant(n).UUID(), r.name) {
				return
			}
		}
	}
}

func (s Set) rolePermissions(emit func(...any) bool) {
	for n := range s.Tenants {
		for _, r := range roles {
			for _, p := range r.permissions {
				if !emit(s.tenant(n).UUID(), r.name, p.Audience, p.Slug) {
					return
				}
			}
		}
	}
}

func (s Set) users(emit func(...any) bool) {
	for n := range s.Users {
		at := s.at(n, s.Users)
		family := fmt.Sprintf("Number%d", n)
		if !emit(s.user(n).UUID(), email(n), email(n), true, "Person "+family, "Person", family, "en", at, at) {
			return
		}
	}
}

func (s Set) passwords(hash string) func(func(...any) bool) {
	return func(emit func(...any) bool) {
		for n := range s.Users {
			if !emit(s.user(n).UUID(), hash, s.at(n, s.Users)) {
				return
			}
		}
	}
}

// belongs calls emit with each tenant of each person.
func (s Set) belongs(emit func(user, tenant int) bool) {
	for n := range s.Users {
		if !emit(n, s.home(n)) || s.guest(n) && !emit(n, s.away(n)) {
			return
		}
	}
}

func (s Set) memberships(emit func(...any) bool) {
	s.belongs(func(user, tenant int) bool {
		return emit(s.tenant(tenant).UUID(), s.user(user).UUID(), s.at(user, s.Users))
	})
}

func (s Set) membershipRoles(emit func(...any) bool) {
	s.belongs(func(user, tenant int) bool {
		return emit(s.tenant(tenant).UUID(), s.user(user).UUID(), roleOf(user).name)
	})
}

// The lifetimes of what is made; they end long after any benchmark.
const (
	sessionLife = 48 * time.Hour // beyond the server's idle time
	familyLife  = 90 * 24 * time.Hour
)

func (s Set) sessions(emit func(...any) bool) {
	amr := []string{session.AMRPassword}
	for n := range s.Users {
		at, token := s.at(n, s.Users), cookie(n).Hash()
		// As if used a moment ago, however long the loading took: else each session would be
		// prolonged once, which weighs the more the more sessions there are.
		if !emit(s.session(n).UUID(), token[:], s.user(n).UUID(), at, at, s.Began.Add(sessionLife), s.Began.Add(sessionLife),
			session.ACRPassword, amr, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "192.0.2.7") {
			return
		}
	}
}

func (s Set) families(emit func(...any) bool) {
	scopes, audiences, amr := strings.Fields(Scopes), []string{Orders}, []string{session.AMRPassword}
	for n := range s.Families {
		f, at := s.Family(n), s.at(n, s.Families)
		m := f.Member
		if !emit(f.ID.UUID(), m.Tenant.UUID(), m.ID.UUID(), Frontend, m.Session.UUID(), false, scopes, audiences,
			session.ACRPassword, amr, at, at, at, at.Add(familyLife/2), at.Add(familyLife)) {
			return
		}
	}
}

func (s Set) auditEvents(emit func(...any) bool) {
	detail := []byte(`{"grant_type":"refresh_token","scope":"` + Scopes + `"}`)
	for n := range s.events() {
		f := s.Family(n)
		m := f.Member
		if !emit(s.at(n, s.events()), string(audit.TokenIssued), m.Tenant.UUID(), m.ID.UUID(), Frontend, m.Session.UUID(), f.ID.UUID(),
			"192.0.2.7", detail) {
			return
		}
	}
}
