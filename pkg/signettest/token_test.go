package signettest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

// part decodes a part of a token.
func part(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return out
}

func TestATokenWithoutOptionsIsThatOfAPerson(t *testing.T) {
	t.Parallel()
	i := signettest.New(t)
	v := i.Verifier(t, signettest.DefaultAudience)
	c, err := v.Verify(t.Context(), i.Token())
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "usr_test" || c.Machine() || c.TenantID != "ten_test" || c.Tenant != "test" || c.SessionID != "ses_test" ||
		c.GrantID != "gra_test" || !c.Expiry.Equal(i.Now().Add(10*time.Minute)) || !c.IssuedAt.Equal(i.Now()) || len(c.Scopes)+len(c.Roles)+len(c.Permissions) != 0 {
		t.Errorf("%+v", c)
	}
	other, err := v.Verify(t.Context(), i.Token())
	if err != nil || other.ID == c.ID {
		t.Errorf("two tokens have the jti %s; %v", c.ID, err)
	}
}

func TestEveryOptionSaysWhatItIsNamedAfter(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, signettest.Algorithms(keys.ES256, keys.EdDSA))
	v := i.Verifier(t, audience)
	at := i.Now().Add(-time.Minute)
	c, err := v.Verify(t.Context(), i.Token(
		signettest.Subject("usr_ada"), signettest.ClientID("spa"), signettest.Audience(audience, "https://billing.example"),
		signettest.Scope("openid"), signettest.Permission("orders:read"), signettest.Role("admin"), signettest.Tenant("ten_1", "acme"),
		signettest.TokenID("jti_1"), signettest.SessionID("ses_1"), signettest.GrantID("gra_1"), signettest.ExpiresIn(time.Hour),
		signettest.IssuedAt(at), signettest.NotBefore(at), signettest.SignedInAt(at), signettest.Claim("acr", "2"), signettest.Claim("amr", []string{"pwd"}),
		signettest.Claim("plan", map[string]int{"seats": 7}), signettest.Algorithm(keys.EdDSA), signettest.Header("jku", "https://evil.example"),
	))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := verify.Claim[struct{ Seats int }](c, "plan")
	if err != nil || plan.Seats != 7 {
		t.Errorf("plan %+v: %v", plan, err)
	}
	got := []any{c.Issuer, c.Subject, c.ClientID, c.Audience, c.Scopes, c.Permissions, c.Roles, c.TenantID, c.Tenant, c.ID, c.SessionID, c.GrantID,
		c.Expiry, c.IssuedAt, c.NotBefore, c.AuthTime, c.ACR, c.AMR, c.PermissionsOmitted}
	want := []any{i.URL(), "usr_ada", "spa", []string{audience, "https://billing.example"}, []string{"openid", "orders:read"}, []string{"orders:read"},
		[]string{"admin"}, "ten_1", "acme", "jti_1", "ses_1", "gra_1", i.Now().Add(time.Hour), at, at, at, "2", []string{"pwd"}, false}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%v, want\n%v", got, want)
	}

	c, err = v.Verify(t.Context(), i.Token(signettest.Role("admin"), signettest.Machine("job"), signettest.Scope("orders:read")))
	if err != nil || !c.Machine() || c.ClientID != "job" || !c.HasScope("orders:read") || c.SessionID+c.GrantID != "" || len(c.Roles) != 0 || !c.AuthTime.IsZero() || c.TenantID == "" {
		t.Errorf("a machine: %+v, %v", c, err)
	}
	c, err = v.Verify(t.Context(), i.Token(signettest.Permission("a"), signettest.PermissionsOmitted(), signettest.NoTenant()))
	if err != nil || !c.PermissionsOmitted || len(c.Permissions) != 0 || !c.HasScope("a") || c.TenantID+c.Tenant != "" {
		t.Errorf("permissions omitted, no tenant: %+v, %v", c, err)
	}
}

func TestOptionsOfTheIssuerHoldForEveryTokenAndTheLastWordCounts(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, signettest.Subject("usr_ada"), signettest.Scope("a"))
	for name, test := range map[string]struct {
		options []signettest.TokenOption
		want    map[string]any
	}{
		"as the issuer says":             {nil, map[string]any{"aud": audience, "sub": "usr_ada", "scope": "a"}},
		"as the token says":              {[]signettest.TokenOption{signettest.Subject("usr_1"), signettest.Subject("usr_2")}, map[string]any{"sub": "usr_2", "scope": "a"}},
		"permissions add their scopes":   {[]signettest.TokenOption{signettest.Permission("a", "b")}, map[string]any{"scope": "a b"}},
		"a scope afterwards takes them":  {[]signettest.TokenOption{signettest.Permission("a", "b"), signettest.Scope("c")}, map[string]any{"scope": "c"}},
		"no permission and no role":      {[]signettest.TokenOption{signettest.Permission(), signettest.Role(), signettest.Audience()}, map[string]any{"permissions": []any{}, "roles": []any{}, "aud": []any{}, "scope": "a"}},
		"a claim that is null":           {[]signettest.TokenOption{signettest.Claim("sub", nil)}, map[string]any{"sub": nil}},
		"another payload":                {[]signettest.TokenOption{signettest.Payload([]byte(`{"sub":"x"}`))}, map[string]any{"sub": "x"}},
		"a change after it was signed":   {[]signettest.TokenOption{signettest.Tampered()}, map[string]any{"scope": "a", "iat": float64(i.Now().Unix())}},
		"an earlier end":                 {[]signettest.TokenOption{signettest.ExpiresIn(-time.Hour)}, map[string]any{"exp": float64(i.Now().Add(-time.Hour).Unix())}},
		"another signature, same claims": {[]signettest.TokenOption{signettest.SignedByStranger()}, map[string]any{"sub": "usr_ada"}},
	} {
		got := part(t, i.Token(test.options...), 1)
		for claim, want := range test.want {
			if value, ok := got[claim]; !ok || !reflect.DeepEqual(value, want) {
				t.Errorf("%s: %s is %v, want %v", name, claim, value, want)
			}
		}
	}
	if _, ok := part(t, i.Token(signettest.Without("sub")), 1)["sub"]; ok {
		t.Error("a claim left out is there")
	}
}

func TestEveryWrongTokenIsWrongInItsOwnWay(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, signettest.Algorithms(keys.ES256, keys.RS256, keys.EdDSA))
	v := i.Verifier(t, audience)
	for name, test := range map[string]struct {
		options []signettest.TokenOption
		want    error
	}{
		"good":                          {nil, nil},
		"good, with RSA":                {[]signettest.TokenOption{signettest.Algorithm(keys.RS256)}, nil},
		"good, with Ed25519":            {[]signettest.TokenOption{signettest.Algorithm(keys.EdDSA)}, nil},
		"good, its signature malleated": {[]signettest.TokenOption{signettest.Malleated()}, nil},
		"good, in the long form of typ": {[]signettest.TokenOption{signettest.Type("application/at+jwt")}, nil},
		"expired":                       {[]signettest.TokenOption{signettest.ExpiresIn(-time.Minute)}, verify.ErrExpired},
		"of tomorrow":                   {[]signettest.TokenOption{signettest.NotBefore(i.Now().Add(time.Hour))}, verify.ErrNotYetValid},
		"issued tomorrow":               {[]signettest.TokenOption{signettest.IssuedAt(i.Now().Add(time.Hour))}, verify.ErrNotYetValid},
		"of another audience":           {[]signettest.TokenOption{signettest.Audience("https://billing.example")}, verify.ErrAudience},
		"of another issuer":             {[]signettest.TokenOption{signettest.IssuedBy("https://evil.example")}, verify.ErrIssuer},
		"an ID token":                   {[]signettest.TokenOption{signettest.Type("JWT")}, verify.ErrType},
		"without typ":                   {[]signettest.TokenOption{signettest.Type("")}, verify.ErrType},
		"unsigned":                      {[]signettest.TokenOption{signettest.Unsigned()}, verify.ErrAlgorithm},
		"HMAC with the public key":      {[]signettest.TokenOption{signettest.SignedWithPublicKey()}, verify.ErrAlgorithm},
		"HMAC with the public RSA key":  {[]signettest.TokenOption{signettest.SignedWithPublicKey(), signettest.Algorithm(keys.RS256)}, verify.ErrAlgorithm},
		"another key's algorithm":       {[]signettest.TokenOption{signettest.Header("alg", "RS256")}, verify.ErrAlgorithm},
		"a stranger's":                  {[]signettest.TokenOption{signettest.SignedByStranger()}, verify.ErrSignature},
		"a stranger's, with Ed25519":    {[]signettest.TokenOption{signettest.SignedByStranger(), signettest.Algorithm(keys.EdDSA)}, verify.ErrSignature},
		"tampered with":                 {[]signettest.TokenOption{signettest.Tampered()}, verify.ErrSignature},
		"of a key nobody knows":         {[]signettest.TokenOption{signettest.KeyID("invented")}, verify.ErrUnknownKey},
		"without a kid":                 {[]signettest.TokenOption{signettest.KeyID("")}, verify.ErrUnknownKey},
		"with crit":                     {[]signettest.TokenOption{signettest.Header("crit", []string{"exp"})}, verify.ErrMalformed},
		"without jti":                   {[]signettest.TokenOption{signettest.Without("jti")}, verify.ErrMissingClaim},
		"with a number for sub":         {[]signettest.TokenOption{signettest.Claim("sub", 7)}, verify.ErrMalformed},
		"with a claim twice":            {[]signettest.TokenOption{signettest.Payload([]byte(`{"sub":"a","sub":"b"}`))}, verify.ErrMalformed},
		"too large":                     {[]signettest.TokenOption{signettest.Claim("x", strings.Repeat("x", verify.MaxTokenSize))}, verify.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := v.Verify(t.Context(), i.Token(test.options...)); !errors.Is(err, test.want) || test.want != nil && !errors.Is(err, verify.ErrInvalidToken) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestTheHeaderSaysWhatTheAttackNeeds(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	kid := i.Kid(keys.ES256)
	for name, test := range map[string]struct {
		option signettest.TokenOption
		want   map[string]any
	}{
		"a good token":             {signettest.Subject("usr_1"), map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": kid}},
		"an unsigned token":        {signettest.Unsigned(), map[string]any{"alg": "none", "typ": "at+jwt", "kid": kid}},
		"HMAC with the public key": {signettest.SignedWithPublicKey(), map[string]any{"alg": "HS256", "typ": "at+jwt", "kid": kid}},
		"a stranger's token":       {signettest.SignedByStranger(), map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": kid}},
		"an invented key":          {signettest.KeyID("x"), map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "x"}},
		"no key":                   {signettest.KeyID(""), map[string]any{"alg": "ES256", "typ": "at+jwt"}},
		"no type":                  {signettest.Type(""), map[string]any{"alg": "ES256", "kid": kid}},
	} {
		if got := part(t, i.Token(test.option), 0); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if token := i.Token(signettest.Unsigned()); !strings.HasSuffix(token, ".") || strings.Count(token, ".") != 2 {
		t.Errorf("an unsigned token has a signature: %s", token)
	}
}
