// Package orders is a demonstration of a service behind Signet: it verifies access tokens by
// itself, keeps tenants apart and asks for a permission on each route.
//
// It is an outside application and imports nothing of this project: everything that it knows
// about the issuer comes from its discovery document and its keys. Orders live in memory.
//
// Read verify.go for how a token is judged, orders.go for what is asked of it.
package orders

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
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

// New returns the service.
func New(c Config) http.Handler {
	s := &service{Config: c, verifier: NewVerifier(c.Issuer, c.Audience, c.Now), book: &book{tenants: map[string]*ledger{}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.about)
	mux.HandleFunc("GET /orders", s.guard(Read, s.list))
	mux.HandleFunc("POST /orders", s.guard(Write, s.create))
	mux.HandleFunc("POST /orders/{id}/refund", s.guard(Refund, s.refund))
	return s.cors(mux)
}

type service struct {
	Config
	verifier *Verifier
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

// guard lets a request through that carries a token with the permission (RFC 6750 §2.1, §3).
// The tenant is the token's: nothing in the request can choose another.
func (s *service) guard(permission string, next func(http.ResponseWriter, *http.Request, Claims)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
			// Without a token there is no error to name (RFC 6750 §3.1).
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.Audience+`"`)
			fail(w, http.StatusUnauthorized, "unauthorized", "Send an access token: Authorization: Bearer …", "")
			return
		}
		claims, err := s.verifier.Verify(r.Context(), token)
		switch {
		case errors.Is(err, errUnavailable):
			s.Log.WarnContext(r.Context(), "orders: tokens cannot be verified", "error", err)
			w.Header().Set("Retry-After", strconv.Itoa(int(refetchPause/time.Second)))
			fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The issuer's keys cannot be fetched right now.", "")
		case err != nil:
			s.challenge(w, http.StatusUnauthorized, "invalid_token", err.Error(), "")
		case !claims.Allows(permission):
			s.challenge(w, http.StatusForbidden, "insufficient_scope", "This needs the permission "+permission+".", permission)
		case claims.Tenant == "":
			s.challenge(w, http.StatusForbidden, "insufficient_scope", "The token belongs to no organization, and orders do.", "")
		default:
			next(w, r, claims)
		}
	}
}

// challenge refuses a token and says why (RFC 6750 §3).
func (s *service) challenge(w http.ResponseWriter, status int, code, description, scope string) {
	value := `Bearer realm="` + s.Audience + `", error="` + code + `", error_description="` + description + `"`
	if scope != "" {
		value += `, scope="` + scope + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	fail(w, status, code, description, scope)
}

func (s *service) about(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"service": "orders", "audience": s.Audience, "issuer": s.Issuer,
		"routes": map[string]string{"GET /orders": Read, "POST /orders": Write, "POST /orders/{id}/refund": Refund},
	})
}

func (s *service) list(w http.ResponseWriter, _ *http.Request, c Claims) {
	reply(w, http.StatusOK, map[string]any{"tenant": c.Tenant, "orders": s.book.list(c.Tenant, s.Now())})
}

func (s *service) create(w http.ResponseWriter, r *http.Request, c Claims) {
	var in struct {
		Customer string `json:"customer"`
		Item     string `json:"item"`
		Cents    int64  `json:"cents"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request", `Send JSON such as {"customer":"Ada","item":"Anvil","cents":8950}.`, "")
		return
	}
	in.Customer, in.Item = strings.TrimSpace(in.Customer), strings.TrimSpace(in.Item)
	if !shortText(in.Customer) || !shortText(in.Item) || in.Cents < 1 || in.Cents > 100_000_000 {
		fail(w, http.StatusUnprocessableEntity, "invalid_request",
			"customer and item take 1 to 100 characters, cents a whole number from 1 to 100000000.", "")
		return
	}
	o := s.book.create(c.Tenant, Order{Customer: in.Customer, Item: in.Item, Cents: in.Cents, CreatedBy: c.Subject}, s.Now())
	w.Header().Set("Location", "/orders/"+o.ID)
	reply(w, http.StatusCreated, o)
}

func shortText(s string) bool { return s != "" && utf8.RuneCountInString(s) <= 100 }

func (s *service) refund(w http.ResponseWriter, r *http.Request, c Claims) {
	o, found, done := s.book.refund(c.Tenant, r.PathValue("id"), s.Now())
	switch {
	case !found: // another tenant's order is as absent as one that never was
		fail(w, http.StatusNotFound, "not_found", "There is no such order in this organization.", "")
	case done:
		fail(w, http.StatusConflict, "conflict", "The order has been refunded already.", "")
	default:
		reply(w, http.StatusOK, o)
	}
}

func fail(w http.ResponseWriter, status int, code, description, needs string) {
	body := map[string]string{"error": code, "error_description": description}
	if needs != "" {
		body["needs"] = needs
	}
	reply(w, status, body)
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
