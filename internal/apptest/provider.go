package apptest

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
)

// The endpoints of a Provider, for Requests and Instead.
const (
	discoveryEndpoint = "discovery"
	keysEndpoint      = "jwks"
	authorizeEndpoint = "authorize"
	tokenEndpoint     = "token"
	userinfoEndpoint  = "userinfo"
)

// Provider is an OpenID Provider on loopback with one client, where the same person is always signed
// in: its authorization endpoint answers at once. Left alone it follows OpenID Connect Core 1.0,
// RFC 7636 and RFC 9207; Bend makes it lie. Requests, Instead, Down and Up are those of its server;
// the endpoints are discovery, jwks, authorize, token and userinfo.
type Provider struct {
	upstream
	URL      string // the issuer
	ClientID string
	Secret   secret.Text
	Callback string // the redirect URI that is registered; "" takes any

	keys   []*ProviderKey // the first one signs
	person map[string]any
	bend   Bend
	codes  map[string]*ProviderCode
	last   *ProviderCode
}

// ProviderCode is what a code was issued for.
type ProviderCode struct {
	Request url.Values // the authorization request
	Code    string
	Access  string // the access token that it was redeemed for; "" before
	IDToken string
	person  map[string]any
	spent   bool
}

// Bend changes what a Provider says. Each member that is not nil sees what would be said and may
// change it.
type Bend struct {
	Metadata func(metadata map[string]any)
	Keys     func(set map[string]any)
	Answer   func(request, answer url.Values) // of the authorization endpoint
	// Redeem sees the token request before it is checked; Token the answer, with the ID token in it.
	Redeem func(r *http.Request, c *ProviderCode)
	Token  func(answer map[string]any)
	Header func(header map[string]any) // of the ID token
	Claims func(claims map[string]any)
	Sign   func(header, claims map[string]any) string // makes the ID token
	// NoPKCE has it redeem a code whatever the verifier is.
	NoPKCE bool
	// Ahead is by how much its clock is ahead.
	Ahead time.Duration
}

// NewProvider runs a provider until the test ends. Who is signed in there is Jane; see SignedIn.
func NewProvider(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{
		ClientID: "signet-at-the-provider", Secret: secret.Generate(), codes: map[string]*ProviderCode{},
		keys: []*ProviderKey{NewProviderKey(t, "ES256")},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.at(discoveryEndpoint, p.discovery))
	mux.HandleFunc("GET /jwks", p.at(keysEndpoint, p.jwks))
	mux.HandleFunc("GET /authorize", p.at(authorizeEndpoint, p.authorize))
	mux.HandleFunc("POST /token", p.at(tokenEndpoint, p.token))
	mux.HandleFunc("GET /userinfo", p.at(userinfoEndpoint, p.userinfo))
	p.URL = p.start(t, mux)
	p.SignedIn(Jane())
	return p
}

// Jane is the person whom a Provider knows unless a test says otherwise.
func Jane() map[string]any {
	return map[string]any{
		"sub": "248289761001", "email": "jane@partner.example", "email_verified": true,
		"name": "Jane Doe", "given_name": "Jane", "family_name": "Doe",
	}
}

// SignedIn says who is signed in at the provider from now on: their claims.
func (p *Provider) SignedIn(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person = maps.Clone(claims)
}

// Connector is how it is declared, for everybody: whoever is new gets an account.
func (p *Provider) Connector() connector.Connector {
	return connector.Connector{Slug: "partner", Kind: connector.OIDC, Name: "Partner", Issuer: p.URL, ClientID: p.ClientID, Provision: true}
}

// Bend changes what the provider says from now on; the zero Bend makes it honest again.
func (p *Provider) Bend(b Bend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bend = b
}

// SetKeys replaces the published keys; the first one signs from now on.
func (p *Provider) SetKeys(keys ...*ProviderKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = slices.Clone(keys)
}

// Key is the one that signs.
func (p *Provider) Key() *ProviderKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0]
}

// Last is the code that was issued last, nil if none was.
func (p *Provider) Last() *ProviderCode {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		return nil
	}
	c := *p.last
	return &c
}

// LogoutToken returns a logout token about the person (OpenID Connect Back-Channel Logout 1.0
// §2.4); change, if it is not nil, edits header and claims first.
func (p *Provider) LogoutToken(change func(header, claims map[string]any)) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now().Add(p.bend.Ahead)
	header := map[string]any{"typ": "logout+jwt", "alg": p.keys[0].Alg, "kid": p.keys[0].ID}
	claims := map[string]any{
		"iss": p.URL, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": secret.Generate().Reveal(),
		"sub": p.person["sub"], "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if change != nil {
		change(header, claims)
	}
	return p.keys[0].Sign(header, claims)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/jwks", "userinfo_endpoint": p.URL + "/userinfo",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"grant_types_supported":                          []string{"authorization_code"},
		"id_token_signing_alg_values_supported":          []string{"RS256", "ES256", "EdDSA"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"scopes_supported":                               []string{"openid", "profile", "email"},
		"claims_supported":                               []string{"sub", "email", "email_verified", "name"},
		"authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported":                   true, "backchannel_logout_session_supported": true,
	}
	p.mu.Lock()
	if p.bend.Metadata != nil {
		p.bend.Metadata(m)
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, m)
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	keys := []any{}
	for _, k := range p.keys {
		keys = append(keys, k.JWK())
	}
	set := map[string]any{"keys": keys}
	if p.bend.Keys != nil {
		p.bend.Keys(set)
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, set)
}

// authorize issues a code for the person who is signed in. A request that it must not answer by
// redirecting is refused on a page (RFC 6749 §4.1.2.1).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirect_uri")
	if q.Get("client_id") != p.ClientID || back == "" || p.Callback != "" && back != p.Callback {
		http.Error(w, "unknown client or redirect URI", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	p.mu.Lock()
	switch {
	case q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		answer.Set("error", "invalid_request")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		answer.Set("error", "invalid_request")
		answer.Set("error_description", "PKCE is required")
	default:
		c := &ProviderCode{Request: q, Code: secret.Generate().Reveal(), person: maps.Clone(p.person)}
		p.codes[c.Code], p.last = c, c
		answer.Set("code", c.Code)
	}
	if p.bend.Answer != nil {
		p.bend.Answer(q, answer)
	}
	p.mu.Unlock()
	http.Redirect(w, r, back+"?"+answer.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.authenticated(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="provider"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	c := p.codes[r.PostFormValue("code")]
	if c != nil && p.bend.Redeem != nil {
		p.bend.Redeem(r, c)
	}
	if c == nil || c.spent || r.PostFormValue("grant_type") != "authorization_code" ||
		r.PostFormValue("redirect_uri") != c.Request.Get("redirect_uri") || !p.bend.NoPKCE && !c.proves(r.PostFormValue("code_verifier")) {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	c.spent, c.Access = true, "at-"+secret.Generate().Reveal()
	c.IDToken = p.idToken(c)
	answer := map[string]any{
		"access_token": c.Access, "token_type": "Bearer", "expires_in": 3600, "scope": c.Request.Get("scope"), "id_token": c.IDToken,
	}
	if p.bend.Token != nil {
		p.bend.Token(answer)
	}
	writeJSON(w, http.StatusOK, answer)
}

// authenticated takes client_secret_basic and client_secret_post (RFC 6749 §2.3.1).
func (p *Provider) authenticated(r *http.Request) bool {
	name, password, ok := r.BasicAuth()
	if ok {
		name, _ = url.QueryUnescape(name)
		password, _ = url.QueryUnescape(password)
	} else {
		name, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	return name == p.ClientID && password == p.Secret.Reveal()
}

func (c *ProviderCode) proves(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == c.Request.Get("code_challenge")
}

func (p *Provider) idToken(c *ProviderCode) string {
	now := time.Now().Add(p.bend.Ahead)
	key := p.keys[0]
	header := map[string]any{"typ": "JWT", "alg": key.Alg, "kid": key.ID}
	claims := maps.Clone(c.person)
	maps.Copy(claims, map[string]any{
		"iss": p.URL, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "at_hash": AccessTokenHash(key.Alg, c.Access),
	})
	if n := c.Request.Get("nonce"); n != "" {
		claims["nonce"] = n
	}
	if c.Request.Has("max_age") || strings.Contains(c.Request.Get("prompt"), "login") {
		claims["auth_time"] = cmp.Or(claims["auth_time"], any(now.Unix()))
	}
	if p.bend.Header != nil {
		p.bend.Header(header)
	}
	if p.bend.Claims != nil {
		p.bend.Claims(claims)
	}
	if p.bend.Sign != nil {
		return p.bend.Sign(header, claims)
	}
	return key.Sign(header, claims)
}

// AccessTokenHash is at_hash of an ID token that is signed with an algorithm (OpenID Connect Core 1.0
// §3.1.3.6). Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
func AccessTokenHash(alg, token string) string {
	if alg == "EdDSA" {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// userinfo says what the ID token says; nothing here should ever ask.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for _, c := range p.codes {
		if token != "" && c.Access == token {
			writeJSON(w, http.StatusOK, c.person)
			return
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	w.WriteHeader(http.StatusUnauthorized)
}
