// Command web is a server-rendered application that signs people in with go-oidc and x/oauth2.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// session is what a browser's cookie stands for: first a sign-in in progress, then a person.
type session struct {
	state, nonce, verifier string

	name, tenant, idToken string
	tokens                oauth2.TokenSource // refreshes by itself, one request at a time
}

type app struct {
	oauth      oauth2.Config
	ids        *oidc.IDTokenVerifier
	endSession string
	base, api  string
	out        *http.Client // for every call of the issuer and the API

	mu       sync.Mutex
	sessions map[string]*session // in production: a table with an expiry
}

func main() {
	base := os.Getenv("BASE_URL")
	out := &http.Client{Timeout: 10 * time.Second}
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), out), os.Getenv("SIGNET_ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		log.Fatal(err)
	}
	a := &app{
		oauth: oauth2.Config{
			ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"),
			Endpoint: provider.Endpoint(), RedirectURL: base + "/callback",
			Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess, "orders:read"},
		},
		ids:        provider.Verifier(&oidc.Config{ClientID: os.Getenv("CLIENT_ID")}),
		endSession: more.EndSession, base: base, api: os.Getenv("API_URL"), out: out, sessions: map[string]*session{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /orders", a.orders)
	mux.HandleFunc("POST /logout", a.logout)
	server := &http.Server{
		Addr:              strings.TrimPrefix(strings.TrimPrefix(base, "http://"), "https://"),
		Handler:           http.NewCrossOriginProtection().Handler(mux), // other sites cannot sign people out
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	s := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.begin(w, s)
	http.Redirect(w, r, a.oauth.AuthCodeURL(s.state, oauth2.S256ChallengeOption(s.verifier), oidc.Nonce(s.nonce)), http.StatusSeeOther)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	s := a.end(r) // one answer for one question, and a new cookie after signing in
	if s == nil || s.state == "" || r.FormValue("state") != s.state {
		http.Error(w, "This sign-in was not started in this browser. Try again.", http.StatusBadRequest)
		return
	}
	if code := r.FormValue("error"); code != "" {
		http.Error(w, "Signing in failed: "+code, http.StatusForbidden)
		return
	}
	ctx := oidc.ClientContext(r.Context(), a.out)
	token, err := a.oauth.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(s.verifier))
	if err != nil {
		log.Print(err)
		http.Error(w, "Signing in failed. Try again.", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := a.ids.Verify(ctx, raw)
	if err != nil || id.Nonce != s.nonce {
		http.Error(w, "Signing in failed. Try again.", http.StatusBadGateway)
		return
	}
	var person struct{ Name, Tenant string }
	if err := id.Claims(&person); err != nil {
		http.Error(w, "Signing in failed. Try again.", http.StatusBadGateway)
		return
	}
	a.begin(w, &session{
		name: person.Name, tenant: person.Tenant, idToken: raw,
		// It outlives the request, so it does not get the request's context.
		tokens: a.oauth.TokenSource(oidc.ClientContext(context.Background(), a.out), token),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) orders(w http.ResponseWriter, r *http.Request) {
	s := a.current(r)
	if s == nil || s.tokens == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	token, err := s.tokens.Token()
	if err != nil { // signed out, suspended or expired: start again
		a.end(r)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.api+"/orders", nil)
	if err != nil {
		http.Error(w, "The orders are not available.", http.StatusInternalServerError)
		return
	}
	token.SetAuthHeader(req)
	res, err := a.out.Do(req)
	if err != nil {
		http.Error(w, "The orders are not available.", http.StatusBadGateway)
		return
	}
	defer func() { _ = res.Body.Close() }()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	q := url.Values{"client_id": {a.oauth.ClientID}, "post_logout_redirect_uri": {a.base + "/"}}
	if s := a.end(r); s != nil && s.idToken != "" {
		q.Set("id_token_hint", s.idToken)
	}
	http.Redirect(w, r, a.endSession+"?"+q.Encode(), http.StatusSeeOther)
}

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	if s := a.current(r); s != nil && s.tokens != nil {
		_, _ = fmt.Fprintf(w, "Signed in as %s of %s", s.name, s.tenant)
		return
	}
	_, _ = fmt.Fprint(w, "Not signed in")
}

// begin gives the browser a random key to s, never a token.
func (a *app) begin(w http.ResponseWriter, s *session) {
	key := rand.Text()
	a.mu.Lock()
	a.sessions[key] = s
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: a.cookie(), Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secure(),
	})
}

func (a *app) secure() bool { return strings.HasPrefix(a.base, "https://") }

func (a *app) cookie() string {
	if a.secure() {
		return "__Host-session"
	}
	return "session"
}

func (a *app) current(r *http.Request) *session { return a.take(r, false) }

func (a *app) end(r *http.Request) *session { return a.take(r, true) }

func (a *app) take(r *http.Request, forget bool) *session {
	c, err := r.Cookie(a.cookie())
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[c.Value]
	if forget {
		delete(a.sessions, c.Value)
	}
	return s
}
