package issuer

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/keys"
)

// The paths of the endpoints, below the issuer's URL.
const (
	PathOpenIDConfiguration = "/.well-known/openid-configuration"
	PathOAuthConfiguration  = "/.well-known/oauth-authorization-server"
	PathJWKS                = "/.well-known/jwks.json"
	PathAuthorize           = "/authorize"
	PathToken               = "/token"
	PathRefresh             = "/refresh"
	PathIntrospect          = "/introspect"
	PathRevoke              = "/revoke"
	PathUserinfo            = "/userinfo"
	PathLogout              = "/logout"
)

// metadata is the discovery document (RFC 8414 §2, OpenID Connect Discovery 1.0 §3). It says
// nothing that does not work.
type metadata struct {
	Issuer                   string           `json:"issuer"`
	AuthorizationEndpoint    string           `json:"authorization_endpoint"`
	TokenEndpoint            string           `json:"token_endpoint"`
	UserinfoEndpoint         string           `json:"userinfo_endpoint"`
	JWKSURI                  string           `json:"jwks_uri"`
	IntrospectionEndpoint    string           `json:"introspection_endpoint"`
	RevocationEndpoint       string           `json:"revocation_endpoint"`
	EndSessionEndpoint       string           `json:"end_session_endpoint"`
	ScopesSupported          []string         `json:"scopes_supported"`
	ResponseTypes            []string         `json:"response_types_supported"`
	ResponseModes            []string         `json:"response_modes_supported"`
	GrantTypes               []string         `json:"grant_types_supported"`
	SubjectTypes             []string         `json:"subject_types_supported"`
	IDTokenAlgorithms        []keys.Algorithm `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods         []string         `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string         `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string         `json:"revocation_endpoint_auth_methods_supported"`
	ChallengeMethods         []string         `json:"code_challenge_methods_supported"`
	ClaimsSupported          []string         `json:"claims_supported"`
	ACRValues                []string         `json:"acr_values_supported"`
	PromptValues             []string         `json:"prompt_values_supported"`
	IssParameter             bool             `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter          bool             `json:"claims_parameter_supported"`
	RequestParameter         bool             `json:"request_parameter_supported"`
	RequestURIParameter      bool             `json:"request_uri_parameter_supported"` // default true: must be said
}

func (i *Issuer) newMetadata(algorithms []keys.Algorithm) metadata {
	secrets := []string{string(client.AuthBasic), string(client.AuthPost)}
	return metadata{
		Issuer:                   i.URL,
		AuthorizationEndpoint:    i.URL + PathAuthorize,
		TokenEndpoint:            i.URL + PathToken,
		UserinfoEndpoint:         i.URL + PathUserinfo,
		JWKSURI:                  i.URL + PathJWKS,
		IntrospectionEndpoint:    i.URL + PathIntrospect,
		RevocationEndpoint:       i.URL + PathRevoke,
		EndSessionEndpoint:       i.URL + PathLogout,
		ScopesSupported:          []string{scopeOpenID, "profile", "email", scopeOffline},
		ResponseTypes:            []string{"code"},
		ResponseModes:            []string{"query", "fragment", "form_post"},
		GrantTypes:               supportedGrants(),
		SubjectTypes:             []string{"public"},
		IDTokenAlgorithms:        algorithms,
		TokenAuthMethods:         append(secrets, string(client.AuthNone)),
		IntrospectionAuthMethods: secrets,
		RevocationAuthMethods:    append(secrets, string(client.AuthNone)),
		ChallengeMethods:         []string{"S256"},
		ClaimsSupported: []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
			"name", "given_name", "family_name", "picture", "locale", "updated_at", "email", "email_verified",
			"tenant_id", "tenant", "roles"},
		ACRValues:    session.ACRValues(),
		PromptValues: []string{"none", "login", "consent", "select_account"},
		IssParameter: true,
	}
}

// metadataCache holds the encoded document until the set of algorithms changes.
type metadataCache struct {
	current atomic.Pointer[encodedMetadata]
}

type encodedMetadata struct {
	algorithms int
	body       []byte
}

// ServeMetadata answers at both well-known paths with the same bytes (RFC 8414 §3); it needs
// no database.
func (i *Issuer) ServeMetadata(w http.ResponseWriter, r *http.Request) {
	algorithms := i.Keys.Algorithms()
	m := i.metadata.current.Load()
	if m == nil || m.algorithms != len(algorithms) {
		body, err := json.Marshal(i.newMetadata(algorithms))
		if err != nil {
			i.writeError(w, r, err)
			return
		}
		m = &encodedMetadata{len(algorithms), body}
		i.metadata.current.Store(m)
	}
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Cache-Control"] = fiveMinutes
	h["X-Content-Type-Options"] = noSniff
	_, _ = w.Write(m.body)
}

// keySetHeaders are the values of headers that change only with the published keys. They are
// shared by all answers, which nobody changes.
type keySetHeaders struct{ tag, cacheControl []string }

// ServeJWKS answers with the public keys from memory, so it goes on while the database is
// down. Everyone may read it: that is what it is for.
func (i *Issuer) ServeJWKS(w http.ResponseWriter, r *http.Request) {
	body, etag := i.Keys.Document()
	s := i.keySet.Load()
	if s == nil || s.tag[0] != etag {
		s = &keySetHeaders{tag: []string{etag}, cacheControl: []string{i.Keys.CacheControl()}}
		i.keySet.Store(s)
	}
	h := w.Header()
	h["Etag"] = s.tag
	h["Cache-Control"] = s.cacheControl
	h["Access-Control-Allow-Origin"] = everyone
	h["X-Content-Type-Options"] = noSniff
	if matchesETag(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = contentJWKS
	_, _ = w.Write(body)
}

// matchesETag compares weakly, as If-None-Match asks for (RFC 9110 §13.1.2): a proxy that
// compresses on the way turns our strong tag into a weak one.
func matchesETag(conditions []string, etag string) bool {
	if len(conditions) == 0 {
		return false
	}
	if len(conditions) == 1 && conditions[0] == etag { // what verifiers send
		return true
	}
	for tag := range strings.SplitSeq(strings.Join(conditions, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}
