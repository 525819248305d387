// Command service is a service that verifies Signet's access tokens by itself.
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/verify"
)

func main() {
	verifier, err := verify.New(context.Background(), verify.Config{
		Issuer:    os.Getenv("SIGNET_ISSUER"),
		Audience:  os.Getenv("AUDIENCE"),
		CacheFile: os.Getenv("KEYS_FILE"), // optional: start while Signet is down
		Log:       slog.Default(),
	})
	if err != nil {
		log.Fatal(err) // a mistake in the settings; the network is not waited for
	}
	guard := bearer.New(verifier, bearer.Realm(os.Getenv("AUDIENCE")), bearer.Log(slog.Default()))
	server := &http.Server{
		Addr: os.Getenv("LISTEN"), Handler: routes(guard, verifier),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, MaxHeaderBytes: 32 << 10,
	}
	log.Fatal(server.ListenAndServe())
}

// routes says for each route what a token must allow.
func routes(guard *bearer.Guard, verifier *verify.Verifier) http.Handler {
	s := &shop{orders: map[string][]order{}}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", guard.Require(bearer.Permission("orders:read"), bearer.AnyTenant())(http.HandlerFunc(s.list)))
	mux.Handle("POST /orders", guard.Require(bearer.Permission("orders:write"), bearer.AnyTenant())(http.HandlerFunc(s.create)))
	// Where the address names a tenant, it is compared with the token's and never used in its place.
	mux.Handle("GET /t/{tenant}/orders", guard.Require(
		bearer.TenantFrom(bearer.PathValue("tenant")),
		bearer.Permission("orders:read"),
	)(http.HandlerFunc(s.list)))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		if !verifier.Health().OK() { // every request would end in 503
			status = http.StatusServiceUnavailable
		}
		reply(w, status, map[string]string{"keys": verifier.Health().String()})
	})
	return mux
}

type order struct {
	ID        int    `json:"id"`
	CreatedBy string `json:"created_by"`
}

// In production: a table whose first key is the tenant.
type shop struct {
	mu     sync.Mutex
	orders map[string][]order
}

func (s *shop) list(w http.ResponseWriter, r *http.Request) {
	claims, _ := bearer.FromContext(r.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"tenant": claims.Tenant, "orders": s.orders[claims.TenantID]})
}

func (s *shop) create(w http.ResponseWriter, r *http.Request) {
	claims, _ := bearer.FromContext(r.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.orders[claims.TenantID]
	o := order{ID: len(own) + 1, CreatedBy: claims.Subject}
	s.orders[claims.TenantID] = append(own, o)
	reply(w, http.StatusCreated, o)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
