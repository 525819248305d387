package bearer_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

func TestEveryRuleLetsThroughWhoMeetsItAndNobodyElse(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "acme"))
	v := issuer.Verifier(t, audience)
	person := func(o ...signettest.TokenOption) string { return issuer.Token(o...) }
	machine := func(scopes ...string) string {
		return issuer.Token(signettest.Machine("job"), signettest.Scope(scopes...))
	}
	own := &bearer.Refusal{Status: 409, Code: "closed", Description: "The books are closed."}
	var typedNil *bearer.Refusal
	check := func(err error) bearer.Rule {
		return bearer.Check(func(*http.Request, *verify.Claims) error { return err })
	}
	const ok = ""
	for name, test := range map[string]struct {
		rules []bearer.Rule
		token string
		want  string // "", or status and a part of the challenge
	}{
		"no rule": {nil, person(), ok},

		"the scope":                       {[]bearer.Rule{bearer.Scope("a")}, person(signettest.Scope("b", "a")), ok},
		"all scopes":                      {[]bearer.Rule{bearer.Scope("a", "b")}, person(signettest.Scope("a", "b")), ok},
		"one scope of two":                {[]bearer.Rule{bearer.Scope("a", "b")}, person(signettest.Scope("a")), `403 scope="a b"`},
		"a scope that begins so":          {[]bearer.Rule{bearer.Scope("a")}, person(signettest.Scope("ab", "a:b")), `403 scope="a"`},
		"a scope in capitals":             {[]bearer.Rule{bearer.Scope("a")}, person(signettest.Scope("A")), `403 scope="a"`},
		"a machine's scope":               {[]bearer.Rule{bearer.Scope("a")}, machine("a"), ok},
		"any scope: the second":           {[]bearer.Rule{bearer.AnyScope("a", "b")}, person(signettest.Scope("b")), ok},
		"any scope: none, the first told": {[]bearer.Rule{bearer.AnyScope("a", "b")}, person(signettest.Scope("c")), `403 This needs one of the scopes a, b.", scope="a"`},

		"scope and permission":              {[]bearer.Rule{bearer.Permission("a")}, person(signettest.Permission("a")), ok},
		"the permission without the scope":  {[]bearer.Rule{bearer.Permission("a")}, person(signettest.Permission("a"), signettest.Scope("b")), `403 This needs the permission a.", scope="a"`},
		"the scope without the permission":  {[]bearer.Rule{bearer.Permission("a")}, person(signettest.Scope("a")), `403 scope="a"`},
		"a machine by its scope":            {[]bearer.Rule{bearer.Permission("a")}, machine("a"), ok},
		"a machine without the scope":       {[]bearer.Rule{bearer.Permission("a")}, machine("b"), `403 scope="a"`},
		"one permission of two":             {[]bearer.Rule{bearer.Permission("a", "b")}, person(signettest.Permission("a"), signettest.Scope("a", "b")), `403 permission b.", scope="a b"`},
		"both permissions":                  {[]bearer.Rule{bearer.Permission("a", "b")}, person(signettest.Permission("a", "b")), ok},
		"permissions that were left out":    {[]bearer.Rule{bearer.Permission("a")}, person(signettest.Scope("a"), signettest.PermissionsOmitted()), `403 no room for permissions`},
		"left out, and no scope either":     {[]bearer.Rule{bearer.Permission("a")}, person(signettest.PermissionsOmitted()), `403 This needs the permission a.`},
		"a person who calls itself machine": {[]bearer.Rule{bearer.Permission("a")}, person(signettest.Scope("a"), signettest.Claim("machine", true)), `403 scope="a"`},

		"the role":           {[]bearer.Rule{bearer.Role("admin")}, person(signettest.Role("clerk", "admin")), ok},
		"another role":       {[]bearer.Rule{bearer.Role("admin")}, person(signettest.Role("clerk")), `403 error="insufficient_scope", error_description="This needs the role admin."`},
		"one role of two":    {[]bearer.Rule{bearer.Role("admin", "clerk")}, person(signettest.Role("clerk")), `403 role admin`},
		"any role: one":      {[]bearer.Rule{bearer.AnyRole("admin", "clerk")}, person(signettest.Role("clerk")), ok},
		"any role: none":     {[]bearer.Rule{bearer.AnyRole("admin", "clerk")}, person(), `403 roles admin, clerk.`},
		"a role with spaces": {[]bearer.Rule{bearer.Role("shop manager")}, person(signettest.Role("shop manager")), ok},

		"the tenant by slug":      {[]bearer.Rule{bearer.Tenant("globex", "acme")}, person(), ok},
		"the tenant by id":        {[]bearer.Rule{bearer.Tenant("ten_1")}, person(), ok},
		"another tenant":          {[]bearer.Rule{bearer.Tenant("globex")}, person(), `403 another organization`},
		"a token of no tenant":    {[]bearer.Rule{bearer.Tenant("acme")}, person(signettest.NoTenant()), `403 another organization`},
		"a slug without an id":    {[]bearer.Rule{bearer.Tenant("acme")}, person(signettest.Without("tenant_id")), `403 another organization`},
		"any tenant":              {[]bearer.Rule{bearer.AnyTenant()}, person(), ok},
		"any tenant, but none":    {[]bearer.Rule{bearer.AnyTenant()}, person(signettest.NoTenant()), `403 belongs to no organization`},
		"a tenant without its id": {[]bearer.Rule{bearer.AnyTenant()}, person(signettest.Without("tenant_id")), `403 belongs to no organization`},
		"the path's tenant":       {[]bearer.Rule{bearer.TenantFrom(bearer.PathValue("tenant"))}, person(), ok},
		"the path's, without id":  {[]bearer.Rule{bearer.TenantFrom(bearer.PathValue("tenant"))}, person(signettest.Without("tenant_id")), `403 another organization`},
		"not the path's tenant":   {[]bearer.Rule{bearer.TenantFrom(bearer.PathValue("tenant"))}, person(signettest.Tenant("ten_2", "globex")), `403 another organization`},
		"a value that is not in the path": {[]bearer.Rule{bearer.TenantFrom(bearer.PathValue("org"))},
			person(signettest.NoTenant()), `403 another organization`},

		"a person":               {[]bearer.Rule{bearer.Person()}, person(), ok},
		"a machine is no person": {[]bearer.Rule{bearer.Person()}, machine(), `403 This is for people`},
		"a machine":              {[]bearer.Rule{bearer.Machine()}, machine(), ok},
		"a person is no machine": {[]bearer.Rule{bearer.Machine()}, person(), `403 This is for programs`},

		"a check that agrees":            {[]bearer.Rule{check(nil)}, person(), ok},
		"a check that does not":          {[]bearer.Rule{check(errors.New("s3cr3t"))}, person(), `403 error="insufficient_scope", error_description="This is not allowed with this access token."`},
		"a check with its own answer":    {[]bearer.Rule{check(fmt.Errorf("wrapped: %w", own))}, person(), `409 `},
		"a check that answers 200":       {[]bearer.Rule{check(&bearer.Refusal{Status: 200, Description: "No."})}, person(), `403 error_description="No."`},
		"a check with a typed nil":       {[]bearer.Rule{check(typedNil)}, person(), `403 not allowed`},
		"a check that wants a new token": {[]bearer.Rule{check(&bearer.Refusal{Status: 401, Code: "insufficient_user_authentication"})}, person(), `401 error="insufficient_user_authentication"`},

		"all of several rules":  {[]bearer.Rule{bearer.Person(), bearer.Scope("a"), bearer.Tenant("acme")}, person(signettest.Scope("a")), ok},
		"the first that is not": {[]bearer.Rule{bearer.Person(), bearer.Scope("a"), bearer.Tenant("globex")}, person(), `403 scope="a"`},
		"the last that is not":  {[]bearer.Rule{bearer.Person(), bearer.Scope("a"), bearer.Tenant("globex")}, person(signettest.Scope("a")), `403 another organization`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle("GET /t/{tenant}/orders", bearer.New(v).Require(test.rules...)(http.HandlerFunc(hello)))
			got := ask(t, mux, "/t/acme/orders", "Bearer "+test.token)
			if test.want == ok {
				if got.status != 200 {
					t.Errorf("%d %s", got.status, got.challenge)
				}
				return
			}
			status, part, _ := strings.Cut(test.want, " ")
			if fmt.Sprint(got.status) != status || !strings.Contains(got.challenge, part) || strings.Contains(got.body+got.challenge, "s3cr3t") {
				t.Errorf("%d %s\n%s\nwant %s", got.status, got.challenge, got.body, test.want)
			}
			if (got.challenge != "") != (got.status == 401 || got.status == 403) {
				t.Errorf("%d with challenge %q", got.status, got.challenge)
			}
		})
	}
}

func TestTenantsCanBeHidden(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "acme"))
	g := bearer.New(issuer.Verifier(t, audience), bearer.HideTenants())
	mux := http.NewServeMux()
	mux.Handle("GET /t/{tenant}", g.Require(bearer.TenantFrom(bearer.PathValue("tenant")))(http.HandlerFunc(hello)))
	mux.Handle("GET /scope", g.Require(bearer.Scope("a"))(http.HandlerFunc(hello)))
	for target, want := range map[string]int{"/t/acme": 200, "/t/globex": 404, "/t/none-such": 404, "/scope": 403} {
		got := ask(t, mux, target, "Bearer "+issuer.Token())
		if got.status != want || want == 404 && (got.challenge != "" || strings.Contains(got.body, "organization")) {
			t.Errorf("%s: %d, want %d: %q %s", target, got.status, want, got.challenge, got.body)
		}
	}
}

func TestAnotherTenantHasAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "acme"))
	verifier := issuer.Verifier(t, audience)
	for name, test := range map[string]struct {
		rule    bearer.Rule
		options []signettest.TokenOption
		want    bool
	}{
		"another tenant":               {bearer.Tenant("globex"), nil, true},
		"another tenant in the path":   {bearer.TenantFrom(bearer.PathValue("tenant")), nil, true},
		"no tenant":                    {bearer.Tenant("acme"), []signettest.TokenOption{signettest.NoTenant()}, true},
		"a check of the service's own": {bearer.Check(func(*http.Request, *verify.Claims) error { return &bearer.Refusal{Err: bearer.ErrTenant} }), nil, true},
		"a scope that is missing":      {bearer.Scope("a"), nil, false},
	} {
		for _, hidden := range []bool{false, true} {
			status := 403
			options := []bearer.Option{bearer.OnError(func(_ http.ResponseWriter, _ *http.Request, r *bearer.Refusal) {
				if errors.Is(r, bearer.ErrTenant) != test.want {
					t.Errorf("%s: %v", name, r)
				}
			})}
			if hidden {
				options = append(options, bearer.HideTenants())
				if test.want {
					status = 404
				}
			}
			mux := http.NewServeMux()
			mux.Handle("GET /t/{tenant}", bearer.New(verifier, options...).Require(test.rule)(http.HandlerFunc(hello)))
			if got := ask(t, mux, "/t/globex", "Bearer "+issuer.Token(test.options...)); got.status != status {
				t.Errorf("%s: %d, want %d", name, got.status, status)
			}
		}
	}
}

// A Refusal that a Check returns is one value for many requests.
func TestAChecksOwnRefusalIsNotChanged(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	shared := &bearer.Refusal{Description: "No."}
	rule := bearer.Check(func(*http.Request, *verify.Claims) error { return shared })
	got := ask(t, bearer.New(issuer.Verifier(t, audience)).Require(rule)(http.HandlerFunc(hello)), "/", "Bearer "+issuer.Token())
	if got.status != 403 || shared.Status != 0 || shared.Code != "" {
		t.Errorf("%d, %+v", got.status, shared)
	}
}

func TestTheRulesOfARouteStayWhatTheyWere(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience))
	rules := []bearer.Rule{bearer.Machine()}
	h := bearer.New(issuer.Verifier(t, audience)).Require(rules...)(http.HandlerFunc(hello))
	rules[0] = bearer.Person()
	if got := ask(t, h, "/", "Bearer "+issuer.Token()); got.status != 403 {
		t.Errorf("a slice that was used again opened the route: %d", got.status)
	}
}

// Rules made in a loop from one slice, say, must not all end up with its last content.
func TestARuleKeepsTheNamesItWasMadeWith(t *testing.T) {
	t.Parallel()
	issuer := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "little"))
	g := bearer.New(issuer.Verifier(t, audience))
	token := issuer.Token(signettest.Permission("little"), signettest.Role("little"))
	for name, rule := range map[string]func(...string) bearer.Rule{
		"Scope": bearer.Scope, "AnyScope": bearer.AnyScope, "Permission": bearer.Permission,
		"Role": bearer.Role, "AnyRole": bearer.AnyRole, "Tenant": bearer.Tenant,
	} {
		names := []string{"much"}
		h := g.Require(rule(names...))(http.HandlerFunc(hello))
		names[0] = "little"
		if got := ask(t, h, "/", "Bearer "+token); got.status != 403 || strings.Contains(got.challenge, "little") {
			t.Errorf("%s: a slice that was used again opened the route: %d %s", name, got.status, got.challenge)
		}
	}
}

func TestMistakesOfTheProgramShowWhenItStarts(t *testing.T) {
	t.Parallel()
	g := bearer.New(failing(verify.ErrSignature))
	for name, test := range map[string]struct {
		mistake func()
		want    string
	}{
		"no verifier":                 {func() { bearer.New(nil) }, "verify.New"},
		"a verifier that New refused": {func() { bearer.New((*verify.Verifier)(nil)) }, "verify.New"},
		"no handler":                  {func() { g.Require()(nil) }, "handler"},
		"Scope without a name":        {func() { g.Require(bearer.Scope()) }, "Scope needs a name"},
		"AnyScope without a name":     {func() { g.Require(bearer.AnyScope()) }, "AnyScope needs a name"},
		"Permission of none":          {func() { g.Require(bearer.Permission()) }, "Permission needs a name"},
		"Role without a name":         {func() { g.Require(bearer.Role()) }, "Role needs a name"},
		"AnyRole without a name":      {func() { g.Require(bearer.AnyRole()) }, "AnyRole needs a name"},
		"two scopes in one":           {func() { g.Require(bearer.Scope("a b")) }, `"a b" is no name`},
		"a scope with a tab":          {func() { g.Require(bearer.AnyScope("a\tb")) }, "is no name"},
		"a scope that is not ASCII":   {func() { g.Require(bearer.Permission("caf\u00e9")) }, "is no name"},
		"an empty scope":              {func() { g.Require(bearer.Scope("a", "")) }, `"" is no name`},
		"Tenant without a name":       {func() { g.Require(bearer.Tenant()) }, "AnyTenant"},
		"an empty tenant":             {func() { g.Require(bearer.Tenant("")) }, "AnyTenant"},
		"TenantFrom nothing":          {func() { g.Require(bearer.TenantFrom(nil)) }, "TenantFrom"},
		"Check without a function":    {func() { g.Require(bearer.Check(nil)) }, "Check"},
		"a rule that is none":         {func() { g.Require(bearer.Person(), bearer.Rule{}) }, "rule 2"},
		"one good rule and one bad":   {func() { g.Require(bearer.Person(), bearer.Role("")) }, "no name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, test.want) || !strings.HasPrefix(said, "bearer: ") {
					t.Errorf("%s, want %q", said, test.want)
				}
			}()
			test.mistake()
		})
	}
}
