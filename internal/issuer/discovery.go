package issuer

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
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
	algorithms []keys.Algorithm
	body       []byte
}

// ServeMetadata answers at both well-known paths with the same bytes (RFC 8414 §3); it needs
// no database.
func (i *Issuer) ServeMetadata(w http.ResponseWriter, r *http.Request) {
	algorithms := i.Keys.Algorithms()
	m := i.metadata.current.Load()
	if m == nil || !slices.Equal(m.algorithms, algorithms) {
		body, err := json.Marshal(i.newMetadata(algorithms))
		if err != nil {
			i.writeError(w, r, err)
			return
		}
		m = &encodedMetadata{algorithms, body}
		i.metadata.current.Store(m)
	}
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Cache-Control"] = fiveMinutes
	_, _ = w.Write(m.body)
}

// keySet is the published document with its headers, which are shared by all answers; nobody
// changes them.
type keySet struct {
	body                []byte
	etag                string
	cacheControl        string
	tag, length, caches []string // ETag, Content-Length, Cache-Control
}

// published returns the key set of now. Headers are made anew only when it changes.
func (i *Issuer) published() *keySet {
	body, etag := i.Keys.Document()
	caches := i.Keys.CacheControl()
	s := i.keySet.Load()
	if s == nil || s.etag != etag || s.cacheControl != caches {
		s = &keySet{
			body: body, etag: etag, cacheControl: caches,
			tag: []string{etag}, length: []string{strconv.Itoa(len(body))}, caches: []string{caches},
		}
		i.keySet.Store(s)
	}
	return s
}

// ServeJWKS answers with the public keys from memory, so it goes on while the database is
// down. Everyone may read it: that is what it is for.
func (i *Issuer) ServeJWKS(w http.ResponseWriter, r *http.Request) {
	s := i.published()
	h := w.Header()
	h["Etag"] = s.tag
	h["Cache-Control"] = s.caches
	h["Access-Control-Allow-Origin"] = everyone
	if conditions := r.Header["If-None-Match"]; len(conditions) > 0 && i.holds(r, conditions, s.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = contentJWKS
	h["Content-Length"] = s.length // else net/http sends what is larger than its buffer in chunks
	_, _ = w.Write(s.body)
}

// holds reports whether the conditions match the tag of what is published, and notes which set
// their sender has. Tags are compared weakly (RFC 9110 §13.1.2): a proxy that compresses on the way
// turns our strong tag into a weak one.
func (i *Issuer) holds(r *http.Request, conditions []string, etag string) bool {
	if len(conditions) == 1 {
		switch strings.TrimSpace(conditions[0]) {
		case etag: // what verifiers send
			i.Holders.Current(r.Context(), agent(r), etag)
			return true
		case "*": // whatever it is: says nothing of what the sender has
			return true
		}
	}
	for _, line := range conditions {
		for tag := range strings.SplitSeq(line, ",") { // ours holds no comma, so none is cut in two
			if opaque(tag) == etag {
				i.Holders.Current(r.Context(), agent(r), etag)
				return true
			}
		}
	}
	first, _, _ := strings.Cut(conditions[0], ",")
	i.Holders.Former(r.Context(), agent(r), opaque(first))
	return false
}

// opaque returns an entity tag without what makes it weak.
func opaque(tag string) string { return strings.TrimPrefix(strings.TrimSpace(tag), "W/") }

func agent(r *http.Request) string {
	if line := r.Header["User-Agent"]; len(line) > 0 {
		return line[0]
	}
	return ""
}
