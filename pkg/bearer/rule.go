package bearer

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/signet-id/signet/pkg/verify"
)

// Rule is what a route asks of a token besides being good. Make rules with the functions of this
// package; they can be shared between routes.
type Rule struct {
	check func(*http.Request, *verify.Claims) *Refusal
	fault string // why Require cannot use it
}

// Scope asks for all of these scopes (RFC 6749 §3.3): what the person or the operator let the
// client do. For what a person may do themself take Permission.
func Scope(names ...string) Rule {
	names = slices.Clone(names) // the caller's may change
	scope := strings.Join(names, " ")
	return named("Scope", names, func(_ *http.Request, c *verify.Claims) *Refusal {
		for _, name := range names {
			if !c.HasScope(name) {
				return insufficient(scope, "This needs the scope "+scope+".")
			}
		}
		return nil
	})
}

// AnyScope asks for at least one of these scopes. The challenge names the first alone, so that a
// client which asks for what is named asks for no more than needed: put the narrowest first.
func AnyScope(names ...string) Rule {
	names = slices.Clone(names) // the caller's may change
	return named("AnyScope", names, func(_ *http.Request, c *verify.Claims) *Refusal {
		if slices.ContainsFunc(names, c.HasScope) {
			return nil
		}
		return insufficient(names[0], "This needs one of the scopes "+strings.Join(names, ", ")+".")
	})
}

// Permission asks that the caller may do all of these. Each is a scope that the client must have
// been given; and where a person is behind the token, they must also hold the permission of that
// name in the token's tenant. An administrator gains nothing through a client that was given
// little, nor a powerful client through a person who may do little. A machine acts for itself: its
// scopes are what it may do.
//
// A token whose permissions were left out because there were too many (permissions_omitted) is
// refused: what it does not say, it does not prove.
func Permission(names ...string) Rule {
	names = slices.Clone(names) // the caller's may change
	scope := strings.Join(names, " ")
	return named("Permission", names, func(_ *http.Request, c *verify.Claims) *Refusal {
		for _, name := range names {
			switch {
			case c.HasScope(name) && (c.Machine() || c.HasPermission(name)):
			case c.HasScope(name) && c.PermissionsOmitted:
				return insufficient(scope, "This needs the permission "+name+", and the token had no room for permissions: ask for fewer audiences.")
			default:
				return insufficient(scope, "This needs the permission "+name+".")
			}
		}
		return nil
	})
}

// Role asks that the person has all of these roles in the token's tenant. Prefer Permission, which
// goes on to fit when roles are cut differently.
func Role(names ...string) Rule {
	names = slices.Clone(names) // the caller's may change
	return named("Role", names, func(_ *http.Request, c *verify.Claims) *Refusal {
		for _, name := range names {
			if !c.HasRole(name) {
				return insufficient("", "This needs the role "+name+".")
			}
		}
		return nil
	})
}

// AnyRole asks that the person has at least one of these roles in the token's tenant.
func AnyRole(names ...string) Rule {
	names = slices.Clone(names) // the caller's may change
	return named("AnyRole", names, func(_ *http.Request, c *verify.Claims) *Refusal {
		if slices.ContainsFunc(names, c.HasRole) {
			return nil
		}
		return insufficient("", "This needs one of the roles "+strings.Join(names, ", ")+".")
	})
}

// Tenant asks that the token belongs to one of these tenants, each an id (ten_…) or a slug. Ids
// are for good; a slug may be given to another tenant one day.
func Tenant(tenants ...string) Rule {
	tenants = slices.Clone(tenants) // the caller's may change
	if len(tenants) == 0 || slices.Contains(tenants, "") {
		return Rule{fault: "Tenant needs ids or slugs: name them, or take AnyTenant"}
	}
	return Rule{check: func(_ *http.Request, c *verify.Claims) *Refusal {
		if slices.ContainsFunc(tenants, func(tenant string) bool { return belongs(c, tenant) }) {
			return nil
		}
		return foreign()
	}}
}

// TenantFrom asks that the token belongs to the tenant that the request names, by id or slug: where
// it stands in the path, TenantFrom(PathValue("tenant")). A request that names none is refused.
//
// A service that selects data by the tenant of the token, and never by one of the request, does
// not need it.
func TenantFrom(tenant func(*http.Request) string) Rule {
	if tenant == nil {
		return Rule{fault: `TenantFrom needs a function, such as PathValue("tenant")`}
	}
	return Rule{check: func(r *http.Request, c *verify.Claims) *Refusal {
		if belongs(c, tenant(r)) {
			return nil
		}
		return foreign()
	}}
}

// PathValue returns the function for TenantFrom that reads a wildcard of the route's pattern (see
// http.ServeMux). The guard must be registered with that pattern, not around the mux: outside of
// it there is no value, and every request is refused.
func PathValue(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.PathValue(name) }
}

// AnyTenant asks that the token belongs to a tenant, whichever: for services that select data by
// the token's. People without an organization and machines of the whole installation have none.
func AnyTenant() Rule {
	return Rule{check: func(_ *http.Request, c *verify.Claims) *Refusal {
		if c.TenantID != "" {
			return nil
		}
		return insufficient("", "The access token belongs to no organization.")
	}}
}

// Person asks for a token of a person.
func Person() Rule {
	return Rule{check: func(_ *http.Request, c *verify.Claims) *Refusal {
		if !c.Machine() {
			return nil
		}
		return insufficient("", "This is for people, not for programs.")
	}}
}

// Machine asks for a token that a client got for itself (RFC 9068 §2.2: its sub is its client_id).
func Machine() Rule {
	return Rule{check: func(_ *http.Request, c *verify.Claims) *Refusal {
		if c.Machine() {
			return nil
		}
		return insufficient("", "This is for programs, not for people.")
	}}
}

// Check asks a function of yours. A nil error lets the request through. A *Refusal, wrapped or not,
// is the answer; any other error means 403 with a fixed sentence, and goes to the log. allowed must
// be safe for concurrent use and must not change the claims.
func Check(allowed func(*http.Request, *verify.Claims) error) Rule {
	if allowed == nil {
		return Rule{fault: "Check needs a function"}
	}
	return Rule{check: func(r *http.Request, c *verify.Claims) *Refusal {
		err := allowed(r, c)
		if err == nil {
			return nil
		}
		out := Refusal{Description: "This is not allowed with this access token."}
		if own, ok := errors.AsType[*Refusal](err); ok && own != nil {
			out = *own // a copy: theirs may be shared
		} else {
			out.Err = err
		}
		if out.Status < 400 || out.Status > 599 {
			out.Status = http.StatusForbidden
		}
		if out.Code == "" && out.Status == http.StatusForbidden {
			out.Code = CodeInsufficientScope
		}
		return &out
	}}
}

// named returns the rule with that check, if the names can be ones. RFC 6749 §3.3 says what a
// scope consists of; permissions are scopes too.
func named(rule string, names []string, check func(*http.Request, *verify.Claims) *Refusal) Rule {
	if len(names) == 0 {
		return Rule{fault: rule + " needs a name: without one it would let everybody through, or nobody"}
	}
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, noScope) && !strings.HasSuffix(rule, "Role") {
			return Rule{fault: rule + ": " + quoted(name) + " is no name that a token can have"}
		}
	}
	return Rule{check: check}
}

// noScope reports whether c cannot be in a scope (RFC 6749 §3.3).
func noScope(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }

// belongs never holds for an empty name, nor for a token that has a slug and no id: what comes after
// the rule selects by the id. Ids and slugs cannot be mistaken for each other: only ids have an
// underscore.
func belongs(c *verify.Claims, tenant string) bool {
	return tenant != "" && c.TenantID != "" && (tenant == c.TenantID || tenant == c.Tenant)
}

func foreign() *Refusal {
	r := insufficient("", "The access token belongs to another organization.")
	r.Err = ErrTenant
	return r
}
