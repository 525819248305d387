package signettest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/signet-id/signet/keys"
)

const jwksPath = "/.well-known/jwks.json"

// routes serves what a verifier asks an issuer for.
func (i *Issuer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+jwksPath, i.jwks)
	// The same document at both places (RFC 8414 §5, OpenID Connect Discovery §4).
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", i.discovery)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		down := i.down
		if r.URL.Path == jwksPath {
			i.fetches++
		}
		i.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler) // net/http drops the connection and logs nothing
		}
		mux.ServeHTTP(w, r)
	})
}

// jwks answers as Signet does, headers included.
func (i *Issuer) jwks(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	body, etag, err := keys.Document(i.published(), i.now)
	maxAge := i.maxAge
	i.mu.Unlock()
	if err != nil {
		i.tb.Errorf("signettest: %v", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, stale-while-revalidate=60, stale-if-error=86400", int64(maxAge/time.Second)))
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", keys.DocumentType)
	_, _ = w.Write(body)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// What a service needs. This issuer signs nobody in, so it has none of the other endpoints.
	_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL(), "jwks_uri": i.JWKSURL()})
}
