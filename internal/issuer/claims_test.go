package issuer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/keys"
)

// paper writes tokens as long as real ones: an ES256 header with an RFC 7638 thumbprint, and 64
// bytes of signature.
type paper struct{ Keys }

func (paper) Sign(_ context.Context, alg keys.Algorithm, typ string, payload []byte, _ time.Time) (string, error) {
	header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, alg, strings.Repeat("k", 43), typ)
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(payload) + "." + b64.EncodeToString(make([]byte, 64)), nil
}

func (paper) Default() keys.Algorithm { return keys.ES256 }

type counter struct {
	Observer
	omitted int
	claims  []string
}

func (c *counter) PermissionsOmitted()         { c.omitted++ }
func (c *counter) ClaimsOmitted(reason string) { c.claims = append(c.claims, reason) }

var (
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	adaID  = id.UserFromUUID([16]byte{1})
	acmeID = id.TenantFromUUID([16]byte{2})
)

func press(budget int) (*Issuer, *counter) {
	c := &counter{}
	return &Issuer{Config: Config{
		URL: "https://id.example", Keys: paper{}, Observer: c, TokenBudget: budget, Log: slog.New(slog.DiscardHandler),
		Lifetimes: Lifetimes{AccessToken: 10 * time.Minute, IDToken: time.Hour},
	}}, c
}

func person(scopes, audiences []string, permissions ...directory.Permission) *issuance {
	return &issuance{
		client: client.Client{ID: "web"}, scopes: scopes, audiences: audiences,
		grant: grant.Grant{
			ID: id.GrantFromUUID([16]byte{3}), Session: id.SessionFromUUID([16]byte{4}), ACR: "acr", AMR: []string{"pwd"}, AuthenticatedAt: noon.Add(-time.Minute),
		},
		subject: &directory.Subject{
			User: directory.User{ID: adaID, Email: "ada@acme.example", Name: "Ada"}, Tenant: directory.Tenant{ID: acmeID, Slug: "acme"}, Member: true,
			Permissions: permissions,
		},
	}
}

// payload decodes a token; its jti, which is random, becomes "J".
func payload(t *testing.T, token, jti string) string {
	t.Helper()
	b, err := b64.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(b), `"`+jti+`"`, `"J"`, 1)
}

func TestThePayloadOfAnAccessToken(t *testing.T) {
	t.Parallel()
	const orders = "https://orders.example"
	machine := &issuance{client: client.Client{ID: "machine", Tenant: acmeID, TenantSlug: "acme"}, scopes: []string{"a", "b"}, audiences: []string{orders}}
	offline := person([]string{"offline_access"}, []string{orders})
	offline.grant.Offline = true
	short := &issuance{client: client.Client{ID: "machine", AccessTokenLifetime: time.Minute}}
	long := &issuance{client: client.Client{ID: "machine", AccessTokenLifetime: 1000 * time.Hour}}
	who := fmt.Sprintf(`"auth_time":1795262340,"acr":"acr","amr":["pwd"],"sid":%q,"grant_id":%q,"tenant_id":%q,"tenant":"acme"`,
		id.SessionFromUUID([16]byte{4}), id.GrantFromUUID([16]byte{3}), acmeID)
	sub := adaID.String()
	for name, c := range map[string]struct {
		n    *issuance
		want string
	}{
		"a person, one audience: roles are there, empty or not": {
			person([]string{"orders:read"}, []string{orders}, directory.Permission{Audience: orders, Slug: "orders:read"}, directory.Permission{Audience: "https://b.example", Slug: "b"}),
			`{"iss":"https://id.example","sub":"` + sub + `","aud":"https://orders.example","exp":1795263000,"iat":1795262400,"jti":"J","client_id":"web","scope":"orders:read",` + who + `,"roles":[],"permissions":["orders:read"]}`,
		},
		"a person with openid: the issuer is an audience too": {
			person([]string{"openid"}, []string{orders}),
			`{"iss":"https://id.example","sub":"` + sub + `","aud":["https://orders.example","https://id.example"],"exp":1795263000,"iat":1795262400,"jti":"J","client_id":"web","scope":"openid",` + who + `,"roles":[],"permissions":[]}`,
		},
		"offline access: no session to end with": {
			offline,
			`{"iss":"https://id.example","sub":"` + sub + `","aud":"https://orders.example","exp":1795263000,"iat":1795262400,"jti":"J","client_id":"web","scope":"offline_access",` +
				strings.Replace(who, fmt.Sprintf(`"sid":%q,`, id.SessionFromUUID([16]byte{4})), "", 1) + `,"roles":[],"permissions":[]}`,
		},
		"a machine: no roles, no permissions, its tenant": {
			machine,
			`{"iss":"https://id.example","sub":"machine","aud":"https://orders.example","exp":1795263000,"iat":1795262400,"jti":"J","client_id":"machine","scope":"a b","tenant_id":"` + acmeID.String() + `","tenant":"acme"}`,
		},
		"a lifetime of the client's own, and the issuer for want of an audience": {
			short, `{"iss":"https://id.example","sub":"machine","aud":"https://id.example","exp":1795262460,"iat":1795262400,"jti":"J","client_id":"machine"}`,
		},
		"a lifetime beyond the longest": {
			long, `{"iss":"https://id.example","sub":"machine","aud":"https://id.example","exp":1795348800,"iat":1795262400,"jti":"J","client_id":"machine"}`,
		},
	} {
		i, _ := press(DefaultTokenBudget)
		token, jti, _, err := i.accessToken(t.Context(), c.n, noon)
		if err != nil {
			t.Fatal(err)
		}
		if got := payload(t, token, jti); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestNoTokenWithPermissionsExceedsTheBudget(t *testing.T) {
	t.Parallel()
	const orders = "https://orders.example"
	var permissions []directory.Permission
	full, omitted := 0, 0
	for n := range 500 {
		// Growing by one byte or two at a time, so that every size around the budget occurs.
		permissions = append(permissions, directory.Permission{Audience: orders, Slug: fmt.Sprintf("p%0*d", 1+n%7, n)})
		for pad := range 4 {
			i, seen := press(2048)
			p := person([]string{strings.Repeat("s", 1+pad)}, []string{orders}, permissions...)
			token, _, _, err := i.accessToken(t.Context(), p, noon)
			if err != nil {
				t.Fatal(err)
			}
			var c accessClaims
			b, _ := b64.DecodeString(strings.Split(token, ".")[1])
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			if len(token) > 2048 {
				t.Fatalf("%d permissions: %d bytes, omitted: %v", n+1, len(token), c.PermissionsOmitted)
			}
			if c.PermissionsOmitted != (seen.omitted == 1) || c.PermissionsOmitted != (c.Permissions == nil) || !c.PermissionsOmitted && len(c.Permissions) != n+1 {
				t.Fatalf("%d permissions: %d in the token, omitted %v, counted %d", n+1, len(c.Permissions), c.PermissionsOmitted, seen.omitted)
			}
			if c.PermissionsOmitted {
				omitted++
			} else {
				full++
			}
		}
	}
	if full == 0 || omitted == 0 {
		t.Errorf("%d full and %d without", full, omitted)
	}
}

// The log is not for whoever has tokens issued to fill: there may be thousands a second of them.
func TestATokenThatLeavesSomethingOutIsCountedAndNotLogged(t *testing.T) {
	t.Parallel()
	i, seen := press(600)
	var log bytes.Buffer
	i.Log = slog.New(slog.NewTextHandler(&log, nil))
	n := declaring(person([]string{"openid"}, nil, directory.Permission{Audience: "https://orders.example", Slug: strings.Repeat("p", 600)}),
		`{"name": "failing", "value": "${1 + tenant.attributes.nothing.there}", "tokens": ["access_token", "id_token"]}`,
		`{"name": "long", "value": "`+strings.Repeat("x", 600)+`", "tokens": ["access_token", "id_token"]}`)
	n.audiences = []string{"https://orders.example"}
	token, _, _, err := i.accessToken(t.Context(), n, noon)
	if err == nil {
		_, err = i.idToken(t.Context(), n, token, noon)
	}
	if err != nil || seen.omitted != 1 || fmt.Sprint(seen.claims) != "[failed budget failed budget]" {
		t.Errorf("counted %d and %v, %v", seen.omitted, seen.claims, err)
	}
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log.String())
	}
}

func TestIntrospectionSaysWhatTheTokenHadNoRoomFor(t *testing.T) {
	t.Parallel()
	n := declaring(person([]string{"openid"}, []string{"https://orders.example"}), `{"name": "for", "value": "${audience}"}`)
	roomy, _ := press(4096)
	_, want, err := roomy.accessPayload(n, noon)
	if err != nil {
		t.Fatal(err)
	}
	narrow, _ := press(1)
	c, p, err := narrow.accessPayload(n, noon)
	if err != nil || fmt.Sprint(c.ClaimsOmitted) != "[for]" {
		t.Fatalf("left out %v, %v", c.ClaimsOmitted, err)
	}
	answer, err := narrow.withFull(p.json, c, n.client, n.subject)
	if err != nil {
		t.Fatal(err)
	}
	said := func(b []byte) (out struct{ For []string }) {
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got, want := said(answer), said(want.json); len(want.For) == 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("introspection says %v, the token would have said %v", got, want)
	}
}

// declaring has the client of n declare claims.
func declaring(n *issuance, mappings ...string) *issuance {
	n.client.Claims = json.RawMessage("[" + strings.Join(mappings, ",") + "]")
	n.client.Declare(nil, nil)
	return n
}

func TestAnAudienceIsAStringOrAnArray(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]audience{`"a"`: {"a"}, `["a","b"]`: {"a", "b"}} {
		var got audience
		if err := json.Unmarshal([]byte(text), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != text {
			t.Errorf("%v: %s, %v", want, b, err)
		}
	}
	for _, text := range []string{`1`, `{}`, `[1]`, `["a",null,{}]`} {
		var got audience
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s passed as %v", text, got)
		}
	}
}

// The example of OpenID Connect Core 1.0 appendix A.3 has this pair.
func TestAtHashIsTheLeftHalfOfTheDigest(t *testing.T) {
	t.Parallel()
	const token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
	if got := atHash(keys.ES256, token); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Error(got)
	}
	if got := atHash(keys.EdDSA, token); len(got) != 43 {
		t.Errorf("EdDSA: %s", got)
	}
}

func TestTheProfileSaysWhatTheScopesRelease(t *testing.T) {
	t.Parallel()
	s := *person(nil, nil).subject
	s.User.GivenName, s.User.UpdatedAt = "Ada", noon
	for scopes, want := range map[string]string{
		"openid":               `{"tenant_id":"T","tenant":"acme","roles":[]}`,
		"openid email":         `{"email":"ada@acme.example","email_verified":false,"tenant_id":"T","tenant":"acme","roles":[]}`,
		"openid profile":       `{"name":"Ada","given_name":"Ada","updated_at":1795262400,"tenant_id":"T","tenant":"acme","roles":[]}`,
		"openid profile email": `{"name":"Ada","given_name":"Ada","updated_at":1795262400,"email":"ada@acme.example","email_verified":false,"tenant_id":"T","tenant":"acme","roles":[]}`,
	} {
		b, err := json.Marshal(profileOf(s, fields(scopes)))
		if got := strings.Replace(string(b), acmeID.String(), "T", 1); err != nil || got != want {
			t.Errorf("%s: %s, %v", scopes, got, err)
		}
	}
}
