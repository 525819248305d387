package verify_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

func TestMissingClaims(t *testing.T) {
	t.Parallel()
	v := build(t, nil)
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id"} {
		_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{name: nil}))
		refused(t, err, verify.ErrMissingClaim)
		if err != nil && !strings.HasSuffix(err.Error(), ": "+name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, name := range []string{"iss", "sub", "jti", "client_id"} {
		_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{name: ""}))
		refused(t, err, verify.ErrMissingClaim)
	}
	_, err := v.Verify(t.Context(), mintRaw(t, pairs()[keys.EdDSA], `{}`))
	refused(t, err, verify.ErrMissingClaim)
}

func TestEverythingElseIsOptional(t *testing.T) {
	t.Parallel()
	c, err := build(t, nil).Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{
		"scope": nil, "auth_time": nil, "acr": nil, "amr": nil, "sid": nil, "grant_id": nil, "tenant_id": nil, "tenant": nil,
		"roles": nil, "permissions": nil, "https://acme.example/plan": nil, "sub": "web",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Machine() || c.Scopes != nil || c.Roles != nil || !c.AuthTime.IsZero() || !c.NotBefore.IsZero() || c.PermissionsOmitted {
		t.Errorf("claims = %+v", c)
	}
}

// Each claim of Claims, with every kind of value that is not its own.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	const (
		text = iota
		date
		list
		textOrList
		truth
	)
	kinds := map[string]int{
		"iss": text, "sub": text, "jti": text, "client_id": text, "scope": text, "acr": text, "sid": text, "grant_id": text,
		"tenant_id": text, "tenant": text, "exp": date, "iat": date, "nbf": date, "auth_time": date, "amr": list, "roles": list,
		"permissions": list, "aud": textOrList, "permissions_omitted": truth,
	}
	values := map[string][]int{ // and which kinds they are right for
		`null`: nil, `{}`: nil, `{"a":1}`: nil, `[1]`: nil, `[null]`: nil, `["a",1]`: nil, `[["a"]]`: nil, `[{}]`: nil, `["a",null]`: nil,
		`true`: {truth}, `false`: {truth}, `1`: {date}, `1.5`: {date}, `0`: {date},
		`-1`: nil, `-0`: nil, `-1.5`: nil, `1e9`: nil, `1.5E3`: nil, `99999999999999999999999999`: nil, `253402300800`: nil, `1e400`: nil, `1.1234567890e5`: nil, `1.5e-1`: nil,
		`1.1234567890123`: {date}, `18446744073709551617`: nil, `9223372036854775808.5`: nil, `253402300799.999999999999`: {date},
		`"1700000000"`: {text, textOrList}, `"a"`: {text, textOrList}, `["a"]`: {list, textOrList}, `[ "a" , "b\"],[" ]`: {list, textOrList},
		`[]`: {list, textOrList}, `"true"`: {text, textOrList},
	}
	v := build(t, nil)
	for name, kind := range kinds {
		for value, right := range values {
			body, err := json.Marshal(claims(map[string]any{name: json.RawMessage(value)}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), mintRaw(t, pairs()[keys.EdDSA], string(body)))
			malformed := true
			for _, k := range right {
				malformed = malformed && k != kind
			}
			if errors.Is(err, verify.ErrMalformed) != malformed {
				t.Errorf("%s: %s: error = %v", name, value, err)
			}
		}
	}
}

func TestStrictPayloads(t *testing.T) {
	t.Parallel()
	good := payload(t, nil)
	open := strings.TrimSuffix(good, "}")
	for _, c := range []struct {
		name, payload string
		want          error
	}{
		{"white space", " \n" + open + "\t}\r ", nil},
		{"an escaped name", strings.Replace(good, `"sub"`, `"s\u0075b"`, 1), nil},
		{"names in another case are other names", open + `,"Sub":"usr_2","ISS":1,"Exp":"x"}`, nil},
		{"unknown claims of any type", open + `,"x":[{"y":null}],"z":-1e400}`, nil},
		{"a duplicate sub", open + `,"sub":"usr_1"}`, verify.ErrMalformed},
		{"a duplicate sub behind an escape", open + `,"\u0073ub":"usr_2"}`, verify.ErrMalformed},
		{"a duplicate unknown claim", open + `,"x":1,"x":1}`, verify.ErrMalformed},
		{"a duplicate within a claim", open + `,"x":{"y":1,"y":2}}`, verify.ErrMalformed},
		{"nothing", ``, verify.ErrMalformed},
		{"null", `null`, verify.ErrMalformed},
		{"an array", `[` + good + `]`, verify.ErrMalformed},
		{"two objects", good + good, verify.ErrMalformed},
		{"trailing data", good + "x", verify.ErrMalformed},
		{"a trailing comma", open + `,}`, verify.ErrMalformed},
		{"cut short", open, verify.ErrMalformed},
		{"invalid UTF-8", open + ",\"x\":\"\xff\"}", verify.ErrMalformed},
		{"a control character", open + ",\"x\":\"\x01\"}", verify.ErrMalformed},
		{"a byte-order mark", "\ufeff" + good, verify.ErrMalformed},
		{"nested deeper than anybody needs", open + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, verify.ErrMalformed},
		{"a bomb of brackets", open + `,"x":` + strings.Repeat("[", 9000), verify.ErrMalformed},
		{"no claim of an access token", `{"x":1}`, verify.ErrMissingClaim},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := build(t, nil).Verify(t.Context(), mintRaw(t, pairs()[keys.EdDSA], c.payload))
			refused(t, err, c.want)
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	v := build(t, nil)
	for scope, want := range map[string]string{"": "", "a": "a", "a b": "a|b", " a  b ": "a|b", "https://x/y:z!#[]~": "https://x/y:z!#[]~"} {
		c, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{"scope": scope}))
		if err != nil || strings.Join(c.Scopes, "|") != want {
			t.Errorf("%q: %v", scope, err)
		}
	}
	for _, scope := range []string{"a\tb", "a\nb", "a\u00a0b", "é", `a"`, `a\`, "a\x00", "a\x7f"} {
		_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{"scope": scope}))
		refused(t, err, verify.ErrMalformed)
	}
}

func TestDatesKeepTheirFraction(t *testing.T) {
	t.Parallel()
	body := strings.Replace(payload(t, map[string]any{"auth_time": 7}), `"auth_time":7`, `"auth_time":7.0000000019`, 1)
	c, err := build(t, nil).Verify(t.Context(), mintRaw(t, pairs()[keys.EdDSA], body))
	if err != nil || !c.AuthTime.Equal(time.Unix(7, 1)) {
		t.Errorf("AuthTime = %v, %v", c.AuthTime, err)
	}
}

func TestQuestionsToClaims(t *testing.T) {
	t.Parallel()
	c, err := build(t, nil).Verify(t.Context(), mint(t, pairs()[keys.EdDSA], nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		name string
		got  bool
		want bool
	}{
		{"a scope it has", c.HasScope("orders:read"), true},
		{"a scope by its beginning", c.HasScope("orders"), false},
		{"a scope in another case", c.HasScope("Orders:read"), false},
		{"the whole scope string", c.HasScope("openid orders:read"), false},
		{"no scope", c.HasScope(""), false},
		{"a role it has", c.HasRole("clerk"), true},
		{"a role it lacks", c.HasRole("admin"), false},
		{"a permission it has", c.HasPermission("orders:write"), true},
		{"a scope is no permission", c.HasPermission("openid"), false},
		{"a person is no machine", c.Machine(), false},
	} {
		if q.got != q.want {
			t.Errorf("%s: %v", q.name, q.got)
		}
	}
}

func TestCustomClaims(t *testing.T) {
	t.Parallel()
	type address struct {
		City string `json:"city"`
	}
	c, err := build(t, nil).Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{
		"address": address{"Kyiv"}, "n": 7, "nothing": json.RawMessage("null"), "pl\"an": "gold",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := verify.Claim[address](c, "address"); err != nil || got.City != "Kyiv" {
		t.Errorf("address = %v, %v", got, err)
	}
	if got, err := verify.Claim[int](c, "n"); err != nil || got != 7 {
		t.Errorf("n = %v, %v", got, err)
	}
	if got, err := verify.Claim[string](c, `pl"an`); err != nil || got != "gold" {
		t.Errorf("plan = %v, %v", got, err)
	}
	if got, err := verify.Claim[string](c, "sub"); err != nil || got != "usr_1" {
		t.Errorf("sub = %v, %v", got, err)
	}
	if got, err := verify.Claim[*int](c, "nothing"); err != nil || got != nil {
		t.Errorf("nothing = %v, %v", got, err)
	}
	var wrong *json.UnmarshalTypeError
	if _, err := verify.Claim[int](c, "address"); !errors.As(err, &wrong) || errors.Is(err, verify.ErrNoClaim) {
		t.Errorf("an address as a number: %v", err)
	}
	for _, name := range []string{"", "city", "Address", "absent"} {
		if _, err := verify.Claim[any](c, name); !errors.Is(err, verify.ErrNoClaim) || errors.Is(err, verify.ErrInvalidToken) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := new(verify.Claims).Custom("sub", new(string)); !errors.Is(err, verify.ErrNoClaim) {
		t.Errorf("claims that were not verified: %v", err)
	}
	raw := c.Raw()
	raw[0] = 'x'
	if c.Raw()[0] != '{' {
		t.Error("Raw is no copy")
	}
}

// Who adds to a list of the claims gets a list of their own, and not room that all requests share.
func TestListsHaveNoRoomThatIsShared(t *testing.T) {
	t.Parallel()
	token := mint(t, pairs()[keys.ES256], map[string]any{
		"aud": []string{audience, "a,b"}, "scope": "a b  c", "amr": []string{"pwd,"}, "roles": []string{"a,b,c"}, "permissions": []string{",", ",,"},
	})
	c, err := build(t, nil).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]string{
		"Audience": c.Audience, "Scopes": c.Scopes, "AMR": c.AMR, "Roles": c.Roles, "Permissions": c.Permissions,
	} {
		if len(list) == 0 || cap(list) != len(list) {
			t.Errorf("%s: %d of %d", name, len(list), cap(list))
		}
	}
}
