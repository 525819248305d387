// Command native is an application on a person's own machine. It opens the system browser and
// waits for the answer on a loopback port (RFC 8252 §7.3).
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	provider, err := oidc.NewProvider(ctx, os.Getenv("SIGNET_ISSUER"))
	if err != nil {
		return err
	}
	// Any free port: only the port may differ from the registered http://127.0.0.1/callback.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config := oauth2.Config{
		ClientID:    os.Getenv("CLIENT_ID"), // and no secret: an installed app cannot keep one
		Endpoint:    provider.Endpoint(),
		RedirectURL: "http://" + listener.Addr().String() + "/callback",
		Scopes:      []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess, "orders:read"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()

	// The person's own browser, where the password manager lives: never an embedded web view.
	fmt.Println("Open", config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce)))

	code, err := receive(ctx, listener, provider, state)
	if err != nil {
		return err
	}
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	if id.Nonce != nonce {
		return errors.New("the ID token belongs to another sign-in")
	}
	var person struct{ Name, Tenant string }
	if err := id.Claims(&person); err != nil {
		return err
	}
	fmt.Printf("Signed in as %s of %s\n", person.Name, person.Tenant)

	// Keep token.RefreshToken in the system's keychain; this renews the access token from it.
	token, err = config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		return err
	}
	fmt.Println("Renewed until", token.Expiry.Format(time.TimeOnly))
	return nil
}

// receive waits for the browser to bring the answer to this sign-in.
func receive(ctx context.Context, listener net.Listener, provider *oidc.Provider, state string) (code string, err error) {
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return "", err
	}
	type answer struct {
		code string
		err  error
	}
	answers := make(chan answer, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Any program on this machine can call: without the state it is not the answer.
		if r.URL.Path != "/callback" || r.FormValue("state") != state || r.FormValue("iss") != metadata.Issuer {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintln(w, "You can close this window.")
		a := answer{code: r.FormValue("code")}
		if e := r.FormValue("error"); e != "" {
			a.err = errors.New("signing in failed: " + e)
		}
		select {
		case answers <- a:
		default: // answered before
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Shutdown(context.WithoutCancel(ctx)) }()
	select {
	case a := <-answers:
		return a.code, a.err
	case <-ctx.Done():
		return "", errors.New("nobody signed in")
	}
}
