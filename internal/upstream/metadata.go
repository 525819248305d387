package upstream

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/outbound"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

// metadata is what we use of a discovery document (OpenID Connect Discovery 1.0 §3).
type metadata struct {
	issuer        string
	authorization string
	token         string
	jwks          string
	namesIssuer   bool     // authorization_response_iss_parameter_supported (RFC 9207 §3)
	authMethods   []string // of the token endpoint; nil: not said
	challenges    []string // nil: not said
	algorithms    []string // of ID tokens; nil: not said
	logout        bool     // backchannel_logout_supported

	asked         time.Time
	fresh, usable time.Duration
}

// discoveryURL is where the document of an issuer is (OpenID Connect Discovery 1.0 §4.1).
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// readMetadata reads the answer to a request for the document of an issuer.
func readMetadata(address string, status int, h http.Header, body []byte) (*metadata, error) {
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		return nil, connector.Fail(connector.Unavailable, nil, "%s answered with status %d", address, status)
	case status >= 300 && status <= 399:
		return nil, connector.Fail(connector.Metadata, nil, "%s redirects to %s, which is not followed: write the issuer as the provider names itself", address, clip(h.Get("Location")))
	case status != http.StatusOK:
		return nil, connector.Fail(connector.Metadata, nil, "there is no discovery document at %s (status %d): the issuer has to be written as the provider names itself, its path included", address, status)
	}
	o, err := readObject(body)
	if err != nil {
		return nil, connector.Fail(connector.Metadata, err, "what is at %s is no discovery document: the issuer has to be written as the provider names itself", address)
	}
	m := &metadata{
		issuer: o.text("issuer"), authorization: o.text("authorization_endpoint"), token: o.text("token_endpoint"), jwks: o.text("jwks_uri"),
	}
	m.namesIssuer, _ = o.flag("authorization_response_iss_parameter_supported")
	m.logout, _ = o.flag("backchannel_logout_supported")
	m.authMethods, _ = o.texts("token_endpoint_auth_methods_supported")
	m.challenges, _ = o.texts("code_challenge_methods_supported")
	m.algorithms, _ = o.texts("id_token_signing_alg_values_supported")
	m.fresh, m.usable = jwks.Lifetime(h)
	return m, nil
}

// fault returns the first that keeps the metadata from being used.
func (m *metadata) fault(issuer string, public bool) error {
	for _, f := range m.findings(issuer, public) {
		if !f.OK {
			return connector.Fail(connector.Metadata, nil, "%s", f.Detail)
		}
	}
	return nil
}

// findings says what is right and wrong with the metadata, for a connector with that issuer whose
// client is public or not.
func (m *metadata) findings(issuer string, public bool) []connector.Finding {
	return []connector.Finding{
		found("Issuer", issuerAdvice(issuer, m.issuer), "The provider names itself %s.", clip(m.issuer)),
		found("Endpoints", m.endpointAdvice(issuer), "All of them are there."),
		found("Client authentication", m.authAdvice(public), "%s", m.authWords(public)),
		found("Signatures", m.algorithmAdvice(), "ID tokens may be signed with RS256, ES256 or EdDSA."),
		{Check: "PKCE", OK: true, Detail: m.challengeWords()},
	}
}

// found returns a finding: the fault, if there is one, or else that all is right.
func found(check, fault, right string, args ...any) connector.Finding {
	if fault != "" {
		return connector.Finding{Check: check, Detail: fault}
	}
	return connector.Finding{Check: check, OK: true, Detail: fmt.Sprintf(right, args...)}
}

// issuerAdvice says what to write as the issuer, "" if want is right. Issuers are compared byte for
// byte (OpenID Connect Discovery 1.0 §4.3): one that is nearly the same may be another.
func issuerAdvice(want, got string) string {
	switch {
	case got == want:
		return ""
	case got == "":
		return "The document names no issuer, so it cannot be used."
	case strings.Contains(got, "{tenantid}"):
		return "This is Entra ID for the accounts of many organisations (common, organizations or consumers), which has no issuer of its own: everybody's tokens would have to be believed. Write the issuer of one organisation, https://login.microsoftonline.com/TENANT-ID/v2.0, with the tenant ID that Entra ID shows under Overview."
	case got == want+"/":
		return fmt.Sprintf("Write the issuer with the slash at its end, as the provider does: %s", clip(got))
	case got+"/" == want:
		return fmt.Sprintf("Write the issuer without the slash at its end, as the provider does: %s", clip(got))
	case strings.EqualFold(got, want):
		return fmt.Sprintf("Write the issuer in the letters that the provider uses: %s", clip(got))
	}
	return fmt.Sprintf("The document is that of another issuer, %s. Write that as the issuer if it is the provider that you mean; otherwise somebody answers in its place.", clip(got))
}

// ours are the parameters of an authorization request that no endpoint may bring along.
func ours() []string {
	return []string{
		"client_id", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "code_challenge",
		"code_challenge_method", "prompt", "max_age", "login_hint", "hd", "request", "request_uri", "access_type",
	}
}

func (m *metadata) endpointAdvice(issuer string) string {
	for _, e := range []struct{ name, address string }{
		{"authorization_endpoint", m.authorization}, {"token_endpoint", m.token}, {"jwks_uri", m.jwks},
	} {
		u, err := url.Parse(e.address)
		switch {
		case e.address == "":
			return fmt.Sprintf("The document names no %s: the provider has to offer the authorization code flow of OpenID Connect.", e.name)
		case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !plain(e.address, 2048):
			return fmt.Sprintf("The %s is no URL that can be used: %s", e.name, clip(e.address))
		case outbound.CheckURL(u) != nil || u.Scheme != "https" && strings.HasPrefix(issuer, "https:"):
			return fmt.Sprintf("The %s does not use https: %s", e.name, clip(e.address))
		}
		for name := range u.Query() {
			if slices.Contains(ours(), name) {
				return fmt.Sprintf("The %s has a parameter %s, which is part of every request: %s", e.name, name, clip(e.address))
			}
		}
	}
	return ""
}

// authStyle says how the client authenticates at the token endpoint. One way is tried and never
// another one after it: the secret is shown to whom it has to be, once.
func (m *metadata) authStyle(public bool) (style oauth2.AuthStyle, ok bool) {
	switch {
	case public:
		return oauth2.AuthStyleInParams, true
	case m.authMethods == nil, slices.Contains(m.authMethods, "client_secret_basic"): // the default (Discovery §3)
		return oauth2.AuthStyleInHeader, true
	case slices.Contains(m.authMethods, "client_secret_post"):
		return oauth2.AuthStyleInParams, true
	}
	return oauth2.AuthStyleAutoDetect, false
}

func (m *metadata) authAdvice(public bool) string {
	if _, ok := m.authStyle(public); ok {
		return ""
	}
	return fmt.Sprintf("The provider takes no client secret, neither client_secret_basic nor client_secret_post: it offers %s. Allow one of them for this client there.", clip(strings.Join(m.authMethods, " ")))
}

func (m *metadata) authWords(public bool) string {
	switch style, _ := m.authStyle(public); {
	case public:
		return "The client has no secret; PKCE alone protects the code."
	case style == oauth2.AuthStyleInHeader:
		return "The client secret is sent as client_secret_basic."
	}
	return "The client secret is sent as client_secret_post."
}

// algorithms are those that ID tokens may be signed with. RS256 is what every provider has to offer
// (OpenID Connect Core 1.0 §15.1).
func algorithms() []string {
	return []string{string(keys.RS256), string(keys.ES256), string(keys.EdDSA)}
}

func (m *metadata) algorithmAdvice() string {
	if m.algorithms == nil || slices.ContainsFunc(algorithms(), func(a string) bool { return slices.Contains(m.algorithms, a) }) {
		return ""
	}
	return fmt.Sprintf("The provider signs ID tokens with none of %s, but with %s. Choose RS256 for this client there.", strings.Join(algorithms(), ", "), clip(strings.Join(m.algorithms, " ")))
}

func (m *metadata) challengeWords() string {
	switch {
	case slices.Contains(m.challenges, "S256"):
		return "The provider supports S256."
	case m.challenges == nil:
		return "Warning: the provider does not say that it supports PKCE. S256 is sent all the same; if the provider ignores it, the nonce alone protects against injected codes."
	}
	return fmt.Sprintf("Warning: the provider supports %s and not S256, which is sent all the same. Turn S256 on for this client there.", clip(strings.Join(m.challenges, " ")))
}
