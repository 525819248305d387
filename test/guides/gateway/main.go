// Command gateway answers a gateway's question: may a request with this token go on? It asks
// for the permission that the path names, /may/orders:read, and tells who is calling in headers.
// nginx, Traefik, Envoy, Caddy and others know how to ask it.
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	audience := os.Getenv("AUDIENCE")
	tokens, err := verify.New(ctx, verify.Config{
		Issuer: os.Getenv("SIGNET_ISSUER"), Audience: audience, CacheFile: os.Getenv("KEYS_FILE"), Log: slog.Default(),
	})
	if err != nil {
		return err
	}
	guard := bearer.New(tokens, bearer.Realm(audience))
	mux := http.NewServeMux()
	// A gateway that asks for a permission which is not listed here gets a 404, and so lets nobody in.
	for _, permission := range strings.Fields(os.Getenv("PERMISSIONS")) {
		mux.Handle("/may/"+permission, guard.Require(bearer.Permission(permission))(http.HandlerFunc(identify)))
	}
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if h := tokens.Health(); !h.OK() {
			http.Error(w, h.String(), http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: os.Getenv("LISTEN"), Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// identify says who may go on. The gateway puts these headers in place of what the caller sent.
func identify(w http.ResponseWriter, r *http.Request) {
	claims, _ := bearer.FromContext(r.Context())
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Auth-Subject", claims.Subject)
	h.Set("X-Auth-Client", claims.ClientID)
	h.Set("X-Auth-Tenant", claims.TenantID)
	// What the application was given and, for people, the person holds too.
	h.Set("X-Auth-Permissions", strings.Join(slices.DeleteFunc(slices.Clone(claims.Scopes), func(scope string) bool {
		return !claims.Machine() && !claims.HasPermission(scope)
	}), " "))
}
