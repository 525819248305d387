package upstream_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/upstream"
)

func patience(d time.Duration) func(*upstream.Config) {
	return func(c *upstream.Config) { c.Patience = d }
}

// report is findings as text, faults marked.
func report(t *testing.T, findings []connector.Finding) string {
	t.Helper()
	var b strings.Builder
	for _, f := range findings {
		mark := "ok"
		if !f.OK {
			mark = "FAULT"
		}
		if f.Check == "" || f.Detail == "" {
			t.Errorf("empty: %+v", f)
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, f.Check, f.Detail)
	}
	quiet(t, b.String())
	return b.String()
}

const invalidGrant = `{"error":"invalid_grant","error_description":"unknown code"}`

func TestATestOfAConnectionSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	p.answer[tokenPath] = status(400, invalidGrant)
	p.metadata = map[string]any{"backchannel_logout_supported": true}
	got := report(t, w.Test(t.Context(), p.connector(), secret.New(theSecret)))
	if strings.Contains(got, "FAULT") {
		t.Error("faults")
	}
	for _, want := range []string{
		"ok Discovery: ", "ok Issuer: ", "ok Endpoints: ", "ok Client authentication: ", "ok Signatures: ", "ok PKCE: The provider supports S256", "ok Keys: 2 keys",
		"ok Client: The provider accepts",
		"ok Redirect URI: Register this redirect URI there, exactly so: https://signet.example/upstream/acme.idp/callback\n",
		"ok Back-channel logout: ", "https://signet.example/upstream/acme.idp/logout\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if w.observed.String() != "map[]" {
		t.Error("a test is counted as a sign-in")
	}
}

func TestATestOfAConnectionSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for name, tt := range map[string]struct {
		change func(*idp, *connector.Connector)
		want   []string
	}{
		"a slash too few":  {func(p *idp, _ *connector.Connector) { p.metadata = m{"issuer": p.server.URL + "/"} }, []string{`FAULT Issuer: Write the issuer with the slash at its end, as the provider does: "http`, `/"`}},
		"a slash too many": {func(_ *idp, c *connector.Connector) { c.Issuer += "/" }, []string{"FAULT Issuer: Write the issuer without the slash"}},
		"Entra ID": {func(p *idp, _ *connector.Connector) {
			p.metadata = m{"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}
		}, []string{"FAULT Issuer: ", "TENANT-ID"}},
		"http":    {func(p *idp, _ *connector.Connector) { p.metadata = m{"token_endpoint": "http://idp.example/"} }, []string{"FAULT Endpoints: The token_endpoint does not use https"}},
		"no PKCE": {func(p *idp, _ *connector.Connector) { p.metadata = m{"code_challenge_methods_supported": nil} }, []string{"ok PKCE: Warning"}},
		"plain PKCE": {func(p *idp, _ *connector.Connector) {
			p.metadata = m{"code_challenge_methods_supported": []string{"plain"}}
		}, []string{"ok PKCE: Warning"}},
		"HS256": {func(p *idp, _ *connector.Connector) {
			p.metadata = m{"id_token_signing_alg_values_supported": []string{"HS256"}}
		}, []string{"FAULT Signatures"}},
		"no keys":      {func(p *idp, _ *connector.Connector) { p.answer[jwksPath] = status(500, "") }, []string{"FAULT Keys: The provider answers with an error"}},
		"wrong secret": {func(p *idp, _ *connector.Connector) { p.answer[tokenPath] = status(401, `{"error":"invalid_client"}`) }, []string{"FAULT Client: ", "client secret is not right"}},
		"wrong redirect URI": {func(p *idp, _ *connector.Connector) {
			p.answer[tokenPath] = status(400, `{"error":"redirect_uri_mismatch"}`)
		},
			[]string{"FAULT Client: ", "register the redirect URI https://signet.example/upstream/acme.idp/callback"}},
		"an answer that tells nothing": {func(p *idp, _ *connector.Connector) { p.answer[tokenPath] = status(400, `{"error":"invalid_request"}`) }, []string{"ok Client: ", "first sign-in will tell"}},
		"takes any code":               {func(p *idp, _ *connector.Connector) { delete(p.answer, tokenPath) }, []string{"FAULT Client: The token endpoint took a code that nobody issued"}},
		"token endpoint down":          {func(p *idp, _ *connector.Connector) { p.answer[tokenPath] = status(503, "") }, []string{"FAULT Client: The token endpoint answered with status 503"}},
		"nobody there":                 {func(_ *idp, c *connector.Connector) { c.Issuer = "http://127.0.0.1:1" }, []string{"FAULT Discovery: No connection to 127.0.0.1:1 can be made", "/upstream/acme.idp/callback"}},
		"no document":                  {func(p *idp, _ *connector.Connector) { p.answer[discoveryPath] = status(404, "") }, []string{"FAULT Discovery: There is no discovery document at http"}},
		"slow": {func(p *idp, _ *connector.Connector) {
			p.answer[discoveryPath] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}, []string{"FAULT Discovery: ", "did not answer within"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t, patience(3*time.Second))
			p.answer[tokenPath] = status(400, invalidGrant)
			c := p.connector()
			p.change(func() { tt.change(p, &c) })
			got := report(t, w.Test(t.Context(), c, secret.New(theSecret)))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%s", want, got)
				}
			}
		})
	}
}

func TestGitHubIsTestedByACodeThatItNeverIssued(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"error":"bad_verification_code"}`:        "ok Client: The provider accepts",
		`{"error":"incorrect_client_credentials"}`: "FAULT Client: ",
		`{"error":"redirect_uri_mismatch"}`:        "FAULT Client: ",
	} {
		g, w := newGitHub(t), newWorld(t)
		g.answer["/login/oauth/access_token"] = text(answer)
		got := report(t, w.Test(t.Context(), g.connector(), secret.New(theSecret)))
		if !strings.Contains(got, want) || !strings.Contains(got, "https://signet.example/upstream/github/callback") || strings.Contains(got, "logout") {
			t.Errorf("%s:\n%s", answer, got)
		}
		if g.count("/api/v3/user") != 0 || g.form.Get("code") == "" {
			t.Errorf("asked %v", g.asked)
		}
	}
}
