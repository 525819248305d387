// Package provider plays the identity provider that people sign in through: it answers with what
// a provider must and asks nobody anything, so that what is measured is the server under test.
package provider

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/signet-id/signet/keys"
)

// What the server under test is registered as.
const (
	ClientID     = "signet-bench"
	ClientSecret = "the secret of a benchmark, which protects nothing"
)

// Provider is an OpenID Provider on loopback.
type Provider struct {
	Issuer string
	signer *keys.Signer
	jwks   []byte
	server *http.Server
}

// Start starts a provider.
func Start(ctx context.Context) (*Provider, error) {
	key, private, err := keys.Generate(keys.RS256, rand.Reader) // what most providers sign with
	if err != nil {
		return nil, err
	}
	now := time.Now()
	key.CreatedAt, key.PublishedAt, key.ActivatedAt = now, now, now
	p := &Provider{}
	if p.signer, err = keys.NewSigner(key, private); err != nil {
		return nil, err
	}
	if p.jwks, _, err = keys.Document([]keys.Key{key}, now); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.Issuer = "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { answer(w, p.jwks) })
	mux.HandleFunc("POST /token", p.token)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(l) }() // should it fail, no sign-in gets through, and the run says so
	return p, nil
}

// Stop ends the provider.
func (p *Provider) Stop() error { return p.server.Close() }

// Settings are those of a server that people sign in to through the provider; the connector's
// reference is Slug.
func (p *Provider) Settings() []string {
	return []string{
		"SIGNET_OUTBOUND_ALLOW=127.0.0.0/8", "SIGNET_OIDC_SLUG=" + Slug, "SIGNET_OIDC_ISSUER=" + p.Issuer,
		"SIGNET_OIDC_CLIENT_ID=" + ClientID, "SIGNET_OIDC_CLIENT_SECRET=" + ClientSecret,
	}
}

// Slug is the reference of the connector.
const Slug = "bench"

// login is what a code stands for: it carries all of it.
type login struct {
	Subject string `json:"sub"`
	Nonce   string `json:"nonce"`
}

// Code is what the browser of somebody brings back who has signed in at the provider.
func Code(subject, nonce string) string {
	b, _ := json.Marshal(login{subject, nonce}) // two strings
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	b, _ := json.Marshal(map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/jwks",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	})
	answer(w, b)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	var l login
	b, err := base64.RawURLEncoding.DecodeString(r.PostFormValue("code"))
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now()
	payload, _ := json.Marshal(map[string]any{
		"iss": p.Issuer, "sub": l.Subject, "aud": ClientID, "nonce": l.Nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Unix(),
		"email": l.Subject + "@provider.example", "email_verified": true, "name": "Somebody",
	})
	token, err := p.signer.Sign(r.Context(), "JWT", payload)
	if err != nil {
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	body, _ := json.Marshal(map[string]any{"access_token": "not used", "token_type": "Bearer", "expires_in": 3600, "id_token": token})
	w.Header().Set("Cache-Control", "no-store")
	answer(w, body)
}

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
