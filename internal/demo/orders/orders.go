// Package orders is a demonstration of a service behind Signet: it verifies access tokens by
// itself, keeps tenants apart and asks for a permission on each route.
//
// It is an outside application and imports nothing of this project but the public packages, as
// any service would: pkg/verify judges tokens, pkg/bearer guards routes. Orders live in memory.
package orders

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/verify"
)

// The permissions of this service, which are its scopes too.
const (
	Read   = "orders:read"
	Write  = "orders:write"
	Refund = "orders:refund"
)

const maxBody = 16 << 10 // bytes

// Config is what New needs. All fields are required.
type Config struct {
	Issuer   string // whose tokens are accepted
	Audience string // this service's name in them
	Origin   string // the only web origin whose scripts may call, as browsers write it
	Log      *slog.Logger
	Now      func() time.Time
}

// New returns the service. The issuer's keys are fetched until ctx ends; nobody waits for the first
// time. The error says what is wrong with c.
func New(ctx context.Context, c Config) (http.Handler, error) {
	verifier, err := verify.New(ctx, verify.Config{Issuer: c.Issuer, Audience: c.Audience, Now: c.Now, Log: c.Log})
	if err != nil {
		return nil, err
	}
	guard := bearer.New(verifier, bearer.Realm(c.Audience), bearer.Log(c.Log))
	s := &service{Config: c, verifier: verifier, book: &book{tenants: map[string]*ledger{}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.about)
	mux.HandleFunc("GET /readyz", s.ready)
	// Every order belongs to a tenant, which is the token's: nothing in the request can choose another.
	mux.Handle("GET /orders", guard.Require(bearer.Permission(Read), bearer.AnyTenant())(http.HandlerFunc(s.list)))
	mux.Handle("POST /orders", guard.Require(bearer.Permission(Write), bearer.AnyTenant())(http.HandlerFunc(s.create)))
	mux.Handle("POST /orders/{id}/refund", guard.Require(bearer.Permission(Refund), bearer.AnyTenant())(http.HandlerFunc(s.refund)))
	return s.cors(mux), nil
}

type service struct {
	Config
	verifier *verify.Verifier
	book     *book
}

// cors lets scripts of the one origin call; browsers keep all others out.
func (s *service) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if r.Header.Get("Origin") == s.Origin {
			h.Set("Access-Control-Allow-Origin", s.Origin)
			h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			if r.Header.Get("Origin") == s.Origin {
				h.Set("Access-Control-Allow-Methods", "GET, POST")
				h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
				h.Set("Access-Control-Max-Age", "600")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func (s *service) about(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"service": "orders", "audience": s.Audience, "issuer": s.Issuer,
		"routes": map[string]string{"GET /orders": Read, "POST /orders": Write, "POST /orders/{id}/refund": Refund},
	})
}

// ready says whether tokens can be verified: without the issuer's keys every request ends in 503.
func (s *service) ready(w http.ResponseWriter, _ *http.Request) {
	health, status := s.verifier.Health(), http.StatusOK
	if !health.OK() {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, map[string]any{"ready": health.OK(), "keys": health.String()})
}

// caller returns the claims of the token that the guard let through. Without a guard they would be
// nil, and the request end in a panic and not in somebody else's orders.
func caller(r *http.Request) *verify.Claims {
	c, _ := bearer.FromContext(r.Context())
	return c
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	c := caller(r)
	reply(w, http.StatusOK, map[string]any{"tenant": c.Tenant, "orders": s.book.list(owner(c), s.Now())})
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	c := caller(r)
	var in struct {
		Customer string `json:"customer"`
		Item     string `json:"item"`
		Cents    int64  `json:"cents"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request", `Send JSON such as {"customer":"Ada","item":"Anvil","cents":8950}.`)
		return
	}
	in.Customer, in.Item = strings.TrimSpace(in.Customer), strings.TrimSpace(in.Item)
	if !shortText(in.Customer) || !shortText(in.Item) || in.Cents < 1 || in.Cents > 100_000_000 {
		fail(w, http.StatusUnprocessableEntity, "invalid_request",
			"customer and item take 1 to 100 characters, cents a whole number from 1 to 100000000.")
		return
	}
	o := s.book.create(owner(c), Order{Customer: in.Customer, Item: in.Item, Cents: in.Cents, CreatedBy: c.Subject}, s.Now())
	w.Header().Set("Location", "/orders/"+o.ID)
	reply(w, http.StatusCreated, o)
}

func shortText(s string) bool { return s != "" && utf8.RuneCountInString(s) <= 100 }

func (s *service) refund(w http.ResponseWriter, r *http.Request) {
	o, found, done := s.book.refund(owner(caller(r)), r.PathValue("id"), s.Now())
	switch {
	case !found: // another tenant's order is as absent as one that never was
		fail(w, http.StatusNotFound, "not_found", "There is no such order in this organization.")
	case done:
		fail(w, http.StatusConflict, "conflict", "The order has been refunded already.")
	default:
		reply(w, http.StatusOK, o)
	}
}

func fail(w http.ResponseWriter, status int, code, description string) {
	reply(w, status, map[string]string{"error": code, "error_description": description})
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone needs no answer
}
