package verify

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParseClaims: what is accepted says the same as encoding/json says, and what is refused for
// being malformed encoding/json finds at fault too, or it is one of the things that are stricter
// here by design.
func FuzzParseClaims(f *testing.F) {
	const base = `{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1,"jti":"j","client_id":"c"`
	for _, more := range []string{
		`}`, `,"nbf":1.5}`, `,"scope":"a b","roles":["r","\u0065\"],["],"permissions":[],"permissions_omitted":true}`,
		`,"AUD":1,"x":{"aud":[1]}}`, `,"amr":[ "a" , "b" ],"auth_time":0.0000000001,"acr":"é"}`, `,"aud":"b"}`, `,"roles":["a",]}`,
		`,"sid":"\ud800","tenant":"t","tenant_id":"u","grant_id":"g"}`, `,"roles":null}`, `,"exp":-1}`, `,"cnf":{}}`, ``,
	} {
		f.Add(base + more)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		c, err := parseClaims(payload)
		if err != nil {
			if c != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrMissingClaim) && !errors.Is(err, ErrBound) {
				t.Fatalf("%q: %v, %v", payload, c, err)
			}
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatalf("%q was accepted: %v", payload, err)
		}
		same(t, m, "iss", c.Issuer)
		same(t, m, "sub", c.Subject)
		same(t, m, "jti", c.ID)
		same(t, m, "client_id", c.ClientID)
		same(t, m, "acr", c.ACR)
		same(t, m, "sid", c.SessionID)
		same(t, m, "grant_id", c.GrantID)
		same(t, m, "tenant_id", c.TenantID)
		same(t, m, "tenant", c.Tenant)
		same(t, m, "amr", c.AMR)
		same(t, m, "roles", c.Roles)
		same(t, m, "permissions", c.Permissions)
		same(t, m, "permissions_omitted", c.PermissionsOmitted)
		if raw := m["aud"]; strings.HasPrefix(string(raw), "[") {
			same(t, m, "aud", c.Audience)
		} else {
			same(t, m, "aud", c.Audience[0])
		}
		var scope string
		if raw, ok := m["scope"]; ok {
			if err := json.Unmarshal(raw, &scope); err != nil {
				t.Fatalf("scope %s: %v", raw, err)
			}
		}
		if !slices.Equal(strings.Fields(scope), c.Scopes) {
			t.Fatalf("scope %q: %q", scope, c.Scopes)
		}
		for name, date := range map[string]time.Time{"exp": c.Expiry, "iat": c.IssuedAt, "nbf": c.NotBefore, "auth_time": c.AuthTime} {
			raw, ok := m[name]
			if !ok {
				if !date.IsZero() {
					t.Fatalf("%s is not there and is %v", name, date)
				}
				continue
			}
			want, err := strconv.ParseFloat(string(raw), 64)
			got := float64(date.Unix()) + float64(date.Nanosecond())/1e9
			if err != nil || want < 0 || want-got > 1e-4 || got-want > 1e-4 {
				t.Fatalf("%s %s: %v, %v", name, raw, date, err)
			}
		}
	})
}

// same checks that the claim of that name is what encoding/json makes of it.
func same[T any](t *testing.T, m map[string]json.RawMessage, name string, got T) {
	t.Helper()
	var want T
	raw, ok := m[name]
	if !ok {
		if !reflect.ValueOf(&got).Elem().IsZero() {
			t.Fatalf("%s is not there and is %v", name, got)
		}
		return
	}
	if string(raw) == "null" {
		t.Fatalf("%s is null", name)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatalf("%s %s was accepted: %v", name, raw, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s %s: %v, by encoding/json %v", name, raw, got, want)
	}
}

// FuzzParseClaimsAccepts is the other direction: an object of the right claims is never refused,
// however its strings are written.
func FuzzParseClaimsAccepts(f *testing.F) {
	f.Add("usr_1", "a b", "r", uint32(1), true)
	f.Add("\"\\\n\u2028é\U0001f600", "", "],[", uint32(0), false)
	f.Fuzz(func(t *testing.T, sub, custom, role string, exp uint32, omitted bool) {
		sub, custom, role = strings.ToValidUTF8(sub, "?"), strings.ToValidUTF8(custom, "?"), strings.ToValidUTF8(role, "?")
		payload, err := json.Marshal(map[string]any{
			"iss": "i", "sub": sub, "aud": []string{"a", custom}, "exp": exp, "iat": 0, "jti": "j", "client_id": "c",
			"roles": []string{role, role}, "custom": map[string]any{"x": custom}, "permissions_omitted": omitted,
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseClaims(string(payload))
		if sub == "" {
			if !errors.Is(err, ErrMissingClaim) {
				t.Fatalf("an empty sub: %v", err)
			}
			return
		}
		if err != nil || c.Subject != sub || c.Audience[1] != custom || !slices.Equal(c.Roles, []string{role, role}) ||
			c.Expiry.Unix() != int64(exp) || c.PermissionsOmitted != omitted {
			t.Fatalf("%s: %+v, %v", payload, c, err)
		}
		if x, err := Claim[map[string]string](c, "custom"); err != nil || x["x"] != custom {
			t.Fatalf("%s: %v, %v", payload, x, err)
		}
	})
}
