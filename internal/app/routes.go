package app

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/signet-id/signet/internal/adminapi"
	"github.com/signet-id/signet/internal/issuer"
	"github.com/signet-id/signet/internal/server"
)

// routes is everything that the public listener serves.
func (r *rooms) routes() []server.Route {
	i := r.issuer
	cors := func(h http.HandlerFunc) http.Handler { return i.CORS(h) }
	list := []server.Route{
		{Method: "GET", Pattern: issuer.PathOpenIDConfiguration, Handler: cors(i.ServeMetadata), Quiet: true},
		{Method: "GET", Pattern: issuer.PathOAuthConfiguration, Handler: cors(i.ServeMetadata), Quiet: true},
		{Method: "GET", Pattern: issuer.PathJWKS, Handler: http.HandlerFunc(i.ServeJWKS), Quiet: true},

		{Method: "GET", Pattern: issuer.PathAuthorize, Handler: http.HandlerFunc(i.ServeAuthorize)},
		{Method: "POST", Pattern: issuer.PathAuthorize, Handler: http.HandlerFunc(i.ServeAuthorize)},
		{Method: "POST", Pattern: issuer.PathToken, Handler: cors(i.ServeToken)},
		{Method: "POST", Pattern: issuer.PathRefresh, Handler: cors(i.ServeRefresh)},
		{Method: "POST", Pattern: issuer.PathIntrospect, Handler: http.HandlerFunc(i.ServeIntrospect)},
		{Method: "POST", Pattern: issuer.PathRevoke, Handler: cors(i.ServeRevoke)},
		{Method: "GET", Pattern: issuer.PathUserinfo, Handler: cors(i.ServeUserinfo)},
		{Method: "POST", Pattern: issuer.PathUserinfo, Handler: cors(i.ServeUserinfo)},
		{Method: "GET", Pattern: issuer.PathLogout, Handler: http.HandlerFunc(i.ServeLogout)},
		{Method: "POST", Pattern: issuer.PathLogout, Handler: http.HandlerFunc(i.ServeLogout)},
	}
	// Preflights, for the endpoints that scripts call (never /authorize).
	for _, path := range []string{
		issuer.PathOpenIDConfiguration, issuer.PathOAuthConfiguration, issuer.PathToken, issuer.PathRefresh, issuer.PathRevoke,
		issuer.PathUserinfo,
	} {
		list = append(list, server.Route{Method: "OPTIONS", Pattern: path, Handler: cors(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})})
	}
	for _, h := range r.hosted.Routes() { // the pages that people see
		list = append(list, server.Route{Method: h.Method, Pattern: h.Pattern, Handler: h.Handler})
	}
	for _, o := range r.admin.Routes() {
		list = append(list, server.Route{Method: o.Method, Pattern: o.Pattern, MaxBody: o.MaxBody, Timeout: o.Timeout, Handler: o.Handler})
	}
	return list
}

// refuse writes the server's own refusals: the protocol's error on the endpoints that programs
// call, a page for people elsewhere.
func (r *rooms) refuse(w http.ResponseWriter, req *http.Request, status int) {
	if strings.HasPrefix(req.URL.Path+"/", adminapi.Prefix+"/") {
		adminapi.RefuseStatus(w, status)
		return
	}
	if !programs[req.URL.Path] && !isBackChannel(req.URL.Path) {
		r.hosted.RefuseStatus(w, req, status)
		return
	}
	code := "invalid_request"
	if status >= http.StatusInternalServerError {
		code = "server_error"
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": http.StatusText(status)})
}

// isBackChannel reports whether providers call the path (interaction.Routes).
func isBackChannel(path string) bool {
	return strings.HasPrefix(path, "/upstream/") && strings.HasSuffix(path, "/logout")
}

// programs holds the paths that are never opened by a person.
var programs = map[string]bool{
	issuer.PathToken: true, issuer.PathRefresh: true, issuer.PathIntrospect: true, issuer.PathRevoke: true,
	issuer.PathUserinfo: true, issuer.PathJWKS: true, issuer.PathOpenIDConfiguration: true, issuer.PathOAuthConfiguration: true,
}
