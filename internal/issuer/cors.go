package issuer

import (
	"context"
	"net/http"

	"github.com/rs/cors"
)

// CORS lets scripts of registered origins call h. It is for the endpoints that frontends call
// themselves; never for /authorize, where a browser navigates (RFC 9700 §2.6). An origin is
// registered when a client says so, compared exactly; there is no wildcard. Credentials are
// allowed because some libraries insist on asking; no cookie of ours is read there.
func (i *Issuer) CORS(h http.Handler) http.Handler {
	c := cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return i.originAllowed(r.Context(), origin), nil
		},
		AllowedMethods:   []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:   []string{"Authorization", "Content-Type", "Accept", "DPoP", "X-Requested-With"},
		ExposedHeaders:   []string{"WWW-Authenticate", "Retry-After", "X-Request-Id"},
		AllowCredentials: true,
		MaxAge:           600,
	})
	scripted := c.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Origin"]) > 0 {
			scripted.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Origin") // a cache must not give this answer to a script
		h.ServeHTTP(w, r)
	})
}

func (i *Issuer) originAllowed(ctx context.Context, origin string) bool {
	if origin == "null" || len(origin) > 300 {
		return false
	}
	ok, err := i.Clients.OriginRegistered(ctx, origin)
	if err != nil {
		i.Log.WarnContext(ctx, "origin could not be checked, refused", "error", err)
	}
	return ok && err == nil
}
