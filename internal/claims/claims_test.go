package claims_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/errdefs"
)

func ada() claims.Facts {
	return claims.Facts{
		User: &claims.User{ID: "usr_1", Email: "ada@acme.example", EmailVerified: true, Name: "Ada"},
		Tenant: &claims.Tenant{ID: "ten_1", Slug: "acme", Name: "Acme", Attributes: json.RawMessage(
			`{"plan": "gold", "seats": 7, "share": 0.5, "big": 9007199254740993, "regions": ["eu", "us"], "deep": {"er": true}, "html": "<a&b>"}`)},
		Membership:  json.RawMessage(`{"desk": "7b"}`),
		Roles:       []string{"admin", "clerk"},
		Permissions: []string{"orders:read", "orders:write"},
		ClientID:    "web", ClientName: "Web",
		Scopes: []string{"openid"}, Audience: []string{"https://orders.example"},
	}
}

// value evaluates one template.
func value(t *testing.T, template string, f claims.Facts) (string, error) {
	t.Helper()
	m := []claims.Mapping{{Name: "x", Value: json.RawMessage(template)}}
	if err := claims.Check(m); err != nil {
		t.Fatalf("%s: %v", template, err)
	}
	compiler := claims.NewCompiler()
	_, _ = claims.NewSet(compiler, m, nil).Evaluate(claims.AccessToken, claims.Facts{}) // of which nothing may stay
	got, faults := claims.NewSet(compiler, m, nil).Evaluate(claims.AccessToken, f)
	switch {
	case len(faults) > 0:
		return "", faults[0].Err
	case len(got) > 0:
		return string(got[0].Value), nil
	}
	return "absent", nil
}

func TestATemplateBecomesTheValueOfItsExpressions(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		`"plain"`: `"plain"`, `7`: `7`, `1.50`: `1.50`, `true`: `true`, `null`: `absent`, `{}`: `{}`, `[]`: `[]`, `""`: `""`,
		`12345678901234567890`:         `12345678901234567890`,
		`"${roles}"`:                   `["admin","clerk"]`,
		`"${user.email_verified}"`:     `true`,
		`"${tenant.attributes.seats}"`: `7`, `"${tenant.attributes.seats + 1}"`: `8`, `"${tenant.attributes.share}"`: `0.5`,
		`"${tenant.attributes.big}"`:                    `9007199254740993`,
		`"${tenant.attributes.deep}"`:                   `{"er":true}`,
		`"${tenant.attributes.deep.er}"`:                `true`,
		`"${tenant.attributes.html}"`:                   `"<a&b>"`,
		`"user ${user.id} of ${tenant.slug}"`:           `"user usr_1 of acme"`,
		`"${tenant.attributes.seats} seats"`:            `"7 seats"`,
		`"$${user.id} costs $5"`:                        `"${user.id} costs $5"`,
		`"${'}' + \"{\"}"`:                              `"}{"`,
		`"${{\"a\": roles}}"`:                           `{"a":["admin","clerk"]}`,
		`"${map(roles, upper(#))}"`:                     `["ADMIN","CLERK"]`,
		`"${filter(roles, # != 'admin')}"`:              `["clerk"]`,
		`"${join(roles, \",\")}"`:                       `"admin,clerk"`,
		`"{${join(tenant.attributes.regions, \",\")}}"`: `"{eu,us}"`,
		`"${'admin' in roles ? 'boss' : 'staff'}"`:      `"boss"`,
		`"${membership.attributes.desk}"`:               `"7b"`,
		`"${client.id} ${client.name}"`:                 `"web Web"`,
		`"${audience}"`:                                 `["https://orders.example"]`,
		`"${scopes}"`:                                   `["openid"]`,
		`"${permissions}"`:                              `["orders:read","orders:write"]`,
		`"${user.email matches '@acme[.]example$'}"`:    `true`,
		`"${replace(user.email, '@', ' at ')}"`:         `"ada at acme.example"`,
		`"${string(tenant.attributes.share)}"`:          `"0.5"`,
		// What there is not is null, and text with a part that is null is null.
		`{"a": "${tenant.attributes.missing}", "b": 1}`:   `{"a":null,"b":1}`,
		`{"a": "x-${tenant.attributes.missing}"}`:         `{"a":null}`,
		`"${tenant.attributes.missing}"`:                  `absent`,
		`"${tenant.attributes.missing ?? 'none'}"`:        `"none"`,
		`"${tenant.attributes.missing?.deeper}"`:          `absent`,
		`"${user.given_name}"`:                            `absent`,
		`{"https://hasura.io": ["${user.id}", [1, "a"]]}`: `{"https://hasura.io":["usr_1",[1,"a"]]}`,
	} {
		got, err := value(t, template, ada())
		if err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", template, got, err, want)
		}
	}
}

func TestForAMachineWhatConcernsAPersonIsNull(t *testing.T) {
	t.Parallel()
	machine := claims.Facts{ClientID: "m2m", Audience: []string{"https://orders.example"}}
	for template, want := range map[string]string{
		`{"user": "${user.id}", "tenant": "${tenant.slug}", "plan": "${tenant.attributes.plan}", "client": "${client.id}", "roles": "${roles}"}`: `{"user":null,"tenant":null,"plan":null,"client":"m2m","roles":[]}`,
		`"${user.id == nil ? 'machine' : 'person'}"`: `"machine"`,
		`"${user.email_verified}"`:                   `absent`,
	} {
		if got, err := value(t, template, machine); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", template, got, err, want)
		}
	}
}

func TestEveryElementOnceInTheOrderInWhichTheyCame(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		`"${uniq(concat(['b', 'a'], ['b', 'c']))}"`:        `["b","a","c"]`,
		`"${uniq([1, 1.0, '1', true, nil, 2.5, 2.5])}"`:    `[1,"1",true,null,2.5]`,
		`"${len(uniq(roles)) == len(roles)}"`:              `true`,
		`"${filter(uniq(roles), # matches '^a') | len()}"`: `1`,
	} {
		if got, err := value(t, template, ada()); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", template, got, err, want)
		}
	}
	if got, err := value(t, `"${uniq([roles])}"`, ada()); err == nil {
		t.Errorf("of lists: %s", got)
	}
}

func TestWhatFailsLeavesTheClaimOut(t *testing.T) {
	t.Parallel()
	for what, template := range map[string]string{
		"a member of what is not there":            `"${tenant.attributes.missing.deeper}"`,
		"a list in text":                           `"x ${tenant.attributes.regions}"`,
		"a sum of text and number":                 `"${tenant.attributes.plan + tenant.attributes.seats}"`,
		"a division by zero":                       `"${tenant.attributes.share / 0}"`,
		"an element beyond the last one":           `"${roles[9]}"`,
		"the first part of a text that then fails": `{"a": 1, "b": "${roles[9]}"}`,
	} {
		if got, err := value(t, template, ada()); err == nil {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestWhatIsOversizedOrEndlessIsCutShort(t *testing.T) {
	t.Parallel()
	f := ada()
	f.Permissions = nil
	for i := range 3000 {
		f.Permissions = append(f.Permissions, fmt.Sprintf("orders:do-%d", i))
	}
	double := "roles"
	for range 12 {
		double = "map(" + double + ", [#, #])"
	}
	flat := "roles"
	for range 12 {
		flat = "flatten(map(" + flat + ", [#, #]))"
	}
	many := "'a'"
	for range 10 {
		many = "replace(" + many + ", 'a', 'aaaaaaaaaa')"
	}
	for what, template := range map[string]string{
		"more permissions than a claim holds": `"${permissions}"`,
		"them all as text":                    `"${join(permissions, ' ')}"`,
		"a list in a list in a list":          `"${` + double + `}"`,
		"a list that doubles":                 `"${` + flat + `}"`,
		"a text that multiplies":              `"${` + many + `}"`,
		"a text within a text":                `"${replace(join(permissions[:100], ''), 'o', join(permissions[:100], ''))}"`,
		"many small parts":                    `[` + strings.Repeat(`"${user.email}",`, 130) + `1]`,
	} {
		if got, err := value(t, template, f); err == nil {
			t.Errorf("%s: %d bytes", what, len(got))
		}
	}
}

func TestWhatADeclarationMayNotHoldIsRefusedWithItsField(t *testing.T) {
	t.Parallel()
	ok := json.RawMessage(`"v"`)
	one := func(name, template string, tokens ...claims.Token) []claims.Mapping {
		return []claims.Mapping{{Name: "fine", Value: ok}, {Name: name, Value: json.RawMessage(template), Tokens: tokens}}
	}
	for what, c := range map[string]struct {
		field string
		m     []claims.Mapping
	}{
		"no name":                     {"claims[1].name", one("", `1`)},
		"a long name":                 {"claims[1].name", one(strings.Repeat("a", 201), `1`)},
		"a blank in the name":         {"claims[1].name", one("a b", `1`)},
		"another script in the name":  {"claims[1].name", one("ſub", `1`)}, // some readers of JSON take this s for an s
		"a name twice":                {"claims[1].name", one("fine", `1`)},
		"a name twice but for case":   {"claims[1].name", one("FINE", `1`)},
		"an unknown kind of token":    {"claims[1].tokens[1]", one("x", `1`, "access_token", "refresh_token")},
		"a kind twice":                {"claims[1].tokens[1]", one("x", `1`, "id_token", "id_token")},
		"no value":                    {"claims[1].value", one("x", ``)},
		"no JSON":                     {"claims[1].value", one("x", `{`)},
		"two values":                  {"claims[1].value", one("x", `1 2`)},
		"a member twice":              {"claims[1].value", one("x", `{"a": 1, "a": 2}`)},
		"an expression as a name":     {"claims[1].value", one("x", `{"${user.id}": 1}`)},
		"an open expression":          {"claims[1].value", one("x", `"${user.id"`)},
		"an empty expression":         {"claims[1].value", one("x", `"${}"`)},
		"an unknown fact":             {"claims[1].value", one("x", `"${user.password}"`)},
		"an unknown name":             {"claims[1].value", one("x", `"${env}"`)},
		"a call of nothing we know":   {"claims[1].value", one("x", `"${system('id')}"`)},
		"the clock":                   {"claims[1].value", one("x", `"${now()}"`)},
		"the zone of the server":      {"claims[1].value", one("x", `"${date('2026-01-01')}"`)},
		"an order that varies":        {"claims[1].value", one("x", `"${keys(tenant.attributes)}"`)},
		"JSON within JSON":            {"claims[1].value", one("x", `"${toJSON(roles)}"`)},
		"an accumulator":              {"claims[1].value", one("x", `"${reduce(roles, #acc + #, '')}"`)},
		"groups":                      {"claims[1].value", one("x", `"${groupBy(roles, #)}"`)},
		"the last index":              {"claims[1].value", one("x", `"${findLastIndex(roles, true)}"`)},
		"a range":                     {"claims[1].value", one("x", `"${1..1000000}"`)},
		"a variable":                  {"claims[1].value", one("x", `"${let a = roles; a}"`)},
		"two expressions":             {"claims[1].value", one("x", `"${roles; roles}"`)},
		"a loop in a loop":            {"claims[1].value", one("x", `"${map(roles, map(roles, #))}"`)},
		"a loop in a call in a loop":  {"claims[1].value", one("x", `"${map(roles, len(filter(roles, true)))}"`)},
		"a pattern out of data":       {"claims[1].value", one("x", `"${user.name matches tenant.name}"`)},
		"a pattern that is none":      {"claims[1].value", one("x", `"${user.name matches '('}"`)},
		"a pattern of many steps":     {"claims[1].value", one("x", `"${user.name matches '(.{0,900})?y'}"`)},
		"a pattern for each element":  {"claims[1].value", one("x", `"${filter(roles, user.name matches 'a*b')}"`)},
		"the unlike of each element":  {"claims[1].value", one("x", `"${filter(roles, # in uniq(permissions))}"`)},
		"an unknown name as text":     {"claims[1].value", one("x", `"${string(env)}"`)},
		"an unknown name in a list":   {"claims[1].value", one("x", `"${join([env], '')}"`)},
		"an unknown fact as text":     {"claims[1].value", one("x", `"${string(user.password)}"`)},
		"an unknown fact in a list":   {"claims[1].value", one("x", `"${uniq([user['password']])}"`)},
		"everything at once":          {"claims[1].value", one("x", `"${$env}"`)},
		"a part of everything":        {"claims[1].value", one("x", `"${$env['user'].email}"`)},
		"text repeated":               {"claims[1].value", one("x", `"${repeat('a', 1000)}"`)},
		"a list in text":              {"claims[1].value", one("x", `"${len(1)}"`)},
		"a long expression":           {"claims[1].value", one("x", `"${'`+strings.Repeat("a", 1000)+`'}"`)},
		"an expression of many parts": {"claims[1].value", one("x", `"${1`+strings.Repeat("+1", 60)+`}"`)},
		"a long template":             {"claims[1].value", one("x", `[`+strings.Repeat(`"${1}",`, 700)+`1]`)},
		"a value that cannot fit":     {"claims[1].value", one("x", `"`+strings.Repeat("a", 2100)+`"`)},
		"a list that cannot fit":      {"claims[1].value", one("x", `["`+strings.Repeat("a", 2040)+`","${user.id}",1,2,3]`)},
		"a deep template":             {"claims[1].value", one("x", strings.Repeat("[", 20)+strings.Repeat("]", 20))},
		"too many":                    {"claims", slices.Repeat(one("x", `1`), 11)},
	} {
		var at *errdefs.FieldError
		err := claims.Check(c.m)
		if !errors.As(err, &at) || at.Field != c.field || !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestReservedNamesAreRefusedInAnyCase(t *testing.T) {
	t.Parallel()
	refused := func(name string, tokens ...claims.Token) bool {
		err := claims.Check([]claims.Mapping{{Name: name, Value: json.RawMessage(`1`), Tokens: tokens}})
		var at *errdefs.FieldError
		return errors.As(err, &at) && at.Field == "claims[0].name"
	}
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", // RFC 7519
		"client_id", "scope", "auth_time", "acr", "amr", "roles", // RFC 9068
		"azp", "nonce", "at_hash", "c_hash", "s_hash", "sid", "_claim_names", "_claim_sources", // OpenID Connect
		"act", "may_act", "cnf", "active", "token_type", "username", "events", // RFC 8693, 7800, 7662, 8417
		"tenant_id", "tenant", "permissions", "permissions_omitted", "claims_omitted", "grant_id", "signet_anything",
	} {
		for _, spelled := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if !refused(spelled) || !refused(spelled, claims.IDToken) {
				t.Errorf("%s may be declared", spelled)
			}
		}
	}
	for _, name := range []string{"name", "email", "email_verified", "Phone_Number", "picture", "updated_at", "address"} {
		if refused(name) || refused(name, claims.AccessToken) || !refused(name, claims.AccessToken, claims.IDToken) {
			t.Errorf("%s: allowed in access tokens alone", name)
		}
	}
	for _, name := range []string{"https://hasura.io/jwt/claims", "x-plan", "department", "subject", "cognito:groups", "groups", "entitlements"} {
		if refused(name, claims.AccessToken, claims.IDToken) {
			t.Errorf("%s is refused", name)
		}
	}
}

func TestAResourceServersClaimGoesBeforeTheClientsAndOnlyToItsAudience(t *testing.T) {
	t.Parallel()
	m := func(name, value string, tokens ...claims.Token) claims.Mapping {
		return claims.Mapping{Name: name, Value: json.RawMessage(value), Tokens: tokens}
	}
	both := []claims.Token{claims.AccessToken, claims.IDToken}
	s := claims.NewSet(nil,
		[]claims.Mapping{m("plan", `"client"`), m("own", `1`, both...), m("Exp", `1`), m("id", `1`, claims.IDToken)},
		[]claims.Declaration{
			{Audience: "a", Claims: []claims.Mapping{m("plan", `"a"`, both...)}},
			{Audience: "b", Claims: []claims.Mapping{m("PLAN", `"b"`), m("broken", `"${nothing}"`)}},
		})
	for _, c := range []struct {
		token    claims.Token
		audience []string
		want     string
	}{
		{claims.AccessToken, nil, `plan="client" own=1`},
		{claims.AccessToken, []string{"c"}, `plan="client" own=1`},
		{claims.AccessToken, []string{"a"}, `plan="a" own=1`},
		{claims.AccessToken, []string{"b", "a"}, `PLAN="b" own=1 !broken`},
		{claims.AccessToken, []string{"a", "b"}, `plan="a" own=1 !broken`},
		{claims.IDToken, []string{"a", "b"}, `plan="a" own=1 id=1`},
		{claims.IDToken, []string{"b"}, `own=1 id=1`},
	} {
		got, faults := s.Evaluate(c.token, claims.Facts{Audience: c.audience})
		var said []string
		for _, g := range got {
			said = append(said, g.Name+"="+string(g.Value))
		}
		for _, f := range faults {
			said = append(said, "!"+f.Name)
		}
		if strings.Join(said, " ") != c.want {
			t.Errorf("%s for %v: %s, want %s", c.token, c.audience, strings.Join(said, " "), c.want)
		}
	}
	if (*claims.Set)(nil).Declares(claims.AccessToken) || claims.NewSet(nil, nil, nil) != nil {
		t.Error("nothing is declared")
	}
}

// Whatever a template holds that Check accepts: its value is JSON, bounded, and the same each time.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		`"${roles}"`, `{"a": ["${user.id}", "x ${tenant.slug} y", 1.5e3, null, true]}`, `"${map(roles, # + '!')}"`, `"$${a}${'}'}"`,
		`"${flatten(map(roles, [#, [#]]))}"`, `"${sort(concat(permissions, scopes))}"`, `"${tenant.attributes.seats ** 99}"`,
		`"${replace(join(roles, 'a'), 'a', 'aaaa')}"`, `"${user.name[0:2]}"`, "\"\\u2028\\ud800\"", `"${-0.0}"`, `"${sortBy(roles, len(#))}"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, template string) {
		m := []claims.Mapping{{Name: "x", Value: json.RawMessage(template)}}
		if claims.Check(m) != nil {
			return
		}
		compiler := claims.NewCompiler()
		for _, facts := range []claims.Facts{ada(), {}} {
			got, faults := claims.NewSet(compiler, m, nil).Evaluate(claims.AccessToken, facts)
			again, _ := claims.NewSet(compiler, m, nil).Evaluate(claims.AccessToken, facts)
			if len(got)+len(faults) > 1 || len(got) != len(again) {
				t.Fatalf("%s: %v, %v, %v", template, got, faults, again)
			}
			if len(got) == 1 && (!json.Valid(got[0].Value) || len(got[0].Value) > claims.MaxValue || string(got[0].Value) != string(again[0].Value)) {
				t.Fatalf("%s: %s, then %s", template, got[0].Value, again[0].Value)
			}
		}
	})
}
