package upstream

import (
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/connector"
)

// FuzzClaims reads whatever a provider may sign.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"iss":"https://idp.example","sub":"1","aud":["signet","x"],"azp":"signet","exp":1e9,"iat":1,"nbf":1.5,"email":"a@b.example","email_verified":"true","groups":["a"],"a":{"b":{"c":"d"}}}`,
		`{"sub":"\ud800","aud":[],"exp":-1}`, `{"a.b":1,"a":{"b":null}}`, `[]`, `{}`, `{"sub":"x","groups":{"groups":"x"},"hd":"ACME.example"}`,
	} {
		f.Add(s, "a.b.c")
	}
	f.Fuzz(func(t *testing.T, body, path string) {
		claims, err := readObject([]byte(body))
		if err != nil {
			return
		}
		o := &openID{way: &way{connector: connector.Connector{Issuer: "https://idp.example", ClientID: "signet", GroupsClaim: path, HostedDomains: []string{"acme.example"}}}}
		_ = o.checkParties(claims)
		_ = o.checkLogout(claims)
		p, err := o.profile(claims)
		if err != nil {
			return
		}
		if len(p.Groups) > maxGroups || !plain(p.Subject, maxSubject) || p.Email == "" && p.EmailVerified != nil {
			t.Errorf("%+v", p)
		}
		for _, s := range []string{p.Names.Name, p.Names.Picture, p.Login, p.Email, p.SessionID} {
			if s != "" && !plain(s, 2048) {
				t.Errorf("%q", s)
			}
		}
	})
}

// FuzzMetadata reads whatever stands where a discovery document should.
func FuzzMetadata(f *testing.F) {
	f.Add(200, `{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a?b=c","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/k","code_challenge_methods_supported":["S256"]}`, "max-age=5")
	f.Add(302, `{}`, "no-store")
	f.Add(200, `{"issuer":null,"token_endpoint":"://"}`, "")
	f.Fuzz(func(t *testing.T, status int, body, caching string) {
		h := http.Header{"Cache-Control": {caching}, "Location": {body}}
		m, err := readMetadata("https://idp.example/.well-known/openid-configuration", status, h, []byte(body))
		if err != nil {
			return
		}
		if m.fresh <= 0 || m.usable < m.fresh {
			t.Errorf("fresh for %s, usable for %s", m.fresh, m.usable)
		}
		if m.fault("https://idp.example", false) == nil {
			for _, address := range []string{m.authorization, m.token, m.jwks} {
				if !strings.HasPrefix(strings.ToLower(address), "https://") {
					t.Errorf("%q is taken for an endpoint", address)
				}
			}
		}
	})
}
