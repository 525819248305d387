// Package login signs a person in at a Signet server from a command line, keeps what came of it
// in the user's configuration directory, and renews it.
//
//	login.go     the sign-in: authorization code and PKCE over a loopback redirect (RFC 8252)
//	loopback.go  the listener that the browser comes back to
//	file.go      the file of accounts, shared by all commands that run at a time
//	source.go    access tokens for a client, renewed under a lock
//
// Tokens leave the package through Source and through the file, which only its owner can read.
package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// The registration of the command line, which every installation has, and what it asks for.
const (
	clientID = "signet-cli"
	audience = "urn:signet:admin"
)

// exchangeTimeout bounds each call of the server.
const exchangeTimeout = 30 * time.Second

// Account is a person signed in at a server, in one organization.
type Account struct {
	Server       string // its issuer, without a trailing slash
	Organization string // slug; "" when the server named none
	Subject      string // usr_…
	Name, Email  string

	AccessToken  secret.Text
	ExpiresAt    time.Time // of the access token
	RefreshToken secret.Text
}

// SignIn is one attempt of a person to sign in.
type SignIn struct {
	Server       string
	Organization string // slug or identifier; "" lets the person choose
	Client       *http.Client
	Now          func() time.Time
	// Show is told the address to open in a browser.
	Show func(address string)
}

// Run waits until the person has signed in or ctx ends.
func (s SignIn) Run(ctx context.Context) (Account, error) {
	server, err := CheckServer(s.Server)
	if err != nil {
		return Account{}, err
	}
	ctx = oidc.ClientContext(ctx, s.Client)
	provider, err := discover(ctx, server)
	if err != nil {
		return Account{}, err
	}
	back, err := listen(server)
	if err != nil {
		return Account{}, err
	}
	defer back.close()
	config := oauth2.Config{
		ClientID: clientID, Endpoint: provider.Endpoint(), RedirectURL: back.address(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	nonce, verifier := rand.Text(), oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce), oauth2.SetAuthURLParam("resource", audience)}
	if s.Organization != "" {
		options = append(options, oauth2.SetAuthURLParam("organization", s.Organization))
	}
	s.Show(config.AuthCodeURL(back.state, options...))

	code, err := back.wait(ctx)
	if err != nil {
		return Account{}, err
	}
	asked := s.Now()
	exchange, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	token, err := config.Exchange(exchange, code, oauth2.VerifierOption(verifier))
	if err == nil {
		var a Account
		if a, err = account(exchange, provider, token, server, nonce, asked); err == nil {
			back.finish(true)
			return a, nil
		}
	}
	back.finish(false)
	return Account{}, explain(server, err)
}

// account reads who signed in out of the ID token, which is verified.
func account(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, server, nonce string, asked time.Time) (Account, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil {
		return Account{}, fmt.Errorf("the ID token: %w", err)
	}
	if id.Nonce != nonce {
		return Account{}, errors.New("the ID token belongs to another sign-in")
	}
	var claims struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Tenant string `json:"tenant"`
	}
	if err := id.Claims(&claims); err != nil {
		return Account{}, fmt.Errorf("the ID token: %w", err)
	}
	if token.RefreshToken == "" {
		return Account{}, errors.New("the server gave no refresh token")
	}
	return Account{
		Server: server, Organization: claims.Tenant, Subject: id.Subject, Name: claims.Name, Email: claims.Email,
		AccessToken: secret.New(token.AccessToken), ExpiresAt: asked.Add(time.Duration(token.ExpiresIn) * time.Second),
		RefreshToken: secret.New(token.RefreshToken),
	}, nil
}

// discover reads the server's metadata and has it say the issuer that was asked for.
func discover(ctx context.Context, server string) (*oidc.Provider, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, server)
	if err != nil {
		return nil, errdefs.Say(errdefs.ErrUnavailable, err, "%s does not answer as a Signet server (%v): is that the issuer, as its operator writes it?", server, reason(err))
	}
	return provider, nil
}

// Revoke ends an account's grant at its server, with every token that came of it (RFC 7009).
func Revoke(ctx context.Context, client *http.Client, a Account) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	form := url.Values{"client_id": {clientID}, "token": {a.RefreshToken.Reveal()}, "token_type_hint": {"refresh_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Server+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", a.Server, reason(err))
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s to the revocation", a.Server, res.Status)
	}
	return nil
}

// CheckServer returns the URL of a server as its issuer is written: https, or http on this
// machine only, because tokens are sent there. The error is errdefs.ErrInvalid.
func CheckServer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errdefs.Say(errdefs.ErrInvalid, nil, "the server %q is no URL such as https://id.example.com", text)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return "", errdefs.Say(errdefs.ErrInvalid, nil, "the server %s must be https: http is for this machine only", text)
	}
	return strings.TrimSuffix(text, "/"), nil
}

// explain says what a token endpoint's refusal means for the person.
func explain(server string, err error) error {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fmt.Errorf("signing in at %s: %w", server, reason(err))
	}
	text := strings.TrimSpace(refusal.ErrorCode + " " + refusal.ErrorDescription)
	if text == "" && refusal.Response != nil {
		text = refusal.Response.Status
	}
	return errdefs.Say(errdefs.ErrDenied, nil, "signing in at %s failed: %s", server, text)
}

// reason drops the URL of a failed request, which a person has seen already and which may hold
// what a log should not.
func reason(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
