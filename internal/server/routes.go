package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// Streaming as a Route's Timeout means: no deadline.
const Streaming time.Duration = -1

// Route is one line of the list of everything the public listener serves.
type Route struct {
	// Method is an HTTP method; GET serves HEAD too. "" means every method but TRACE and
	// CONNECT, for handlers that look after methods themselves. OPTIONS is not answered
	// unless a route (of the CORS handler, say) names it.
	Method string
	// Pattern is a path pattern of http.ServeMux without method and host: /token,
	// /t/{tenant}/login. It labels metrics and the access log.
	Pattern string
	Handler http.Handler
	// MaxBody caps the request body in bytes; 0 means Config.MaxBodyBytes. A body that
	// declares more is refused with 413 before the handler; one that turns out to be longer
	// makes reads fail with *http.MaxBytesError.
	MaxBody int64
	// Quiet keeps successful answers out of the access log, unless it shows the level debug:
	// for public documents that every verifier fetches all day. Metrics count them.
	Quiet bool
	// Timeout is the deadline of the request's context; 0 means Config.RequestTimeout.
	Timeout time.Duration
}

// endpoint is the routes that share a pattern.
type endpoint struct {
	pattern string
	methods map[string]Route
	allow   string
}

// mux builds the multiplexer; conflicting or malformed routes are an error, not a panic.
//
// Patterns without a wildcard are looked up by their path before the multiplexer is asked: it
// walks a tree for what is one comparison, and it cleans paths, which a path that is known is
// already.
func (s *Server) mux(routes []Route) (h http.Handler, err error) {
	endpoints := map[string]*endpoint{}
	for _, r := range routes {
		e := endpoints[r.Pattern]
		if e == nil {
			e = &endpoint{pattern: r.Pattern, methods: map[string]Route{}}
			endpoints[r.Pattern] = e
		}
		_, twice := e.methods[r.Method]
		switch {
		case r.Handler == nil:
			return nil, fmt.Errorf("server: route %s %s has no handler", r.Method, r.Pattern)
		case !strings.HasPrefix(r.Pattern, "/"):
			return nil, fmt.Errorf("server: route pattern %q does not begin with a slash", r.Pattern)
		case twice:
			return nil, fmt.Errorf("server: route %s %s is listed twice", r.Method, r.Pattern)
		}
		e.methods[r.Method] = r
	}
	defer func() {
		if p := recover(); p != nil { // ServeMux panics on patterns that conflict
			h, err = nil, fmt.Errorf("server: %v", p)
		}
	}()
	mux, exact := http.NewServeMux(), map[string]http.Handler{}
	for _, pattern := range slices.Sorted(maps.Keys(endpoints)) {
		e := endpoints[pattern]
		e.allow = allow(e.methods)
		mux.Handle(pattern, s.dispatch(e))
		if !strings.ContainsAny(pattern, "{}") && !strings.HasSuffix(pattern, "/") {
			exact[pattern] = s.dispatch(e)
		}
	}
	if endpoints["/"] == nil {
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			if forbidden(r.Method) {
				w.Header().Set("Allow", "GET, HEAD")
				s.cfg.Refuse(w, r, http.StatusMethodNotAllowed)
				return
			}
			s.cfg.Refuse(w, r, http.StatusNotFound)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := exact[r.URL.Path]; ok && r.URL.RawPath == "" {
			h.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

func allow(methods map[string]Route) string {
	set := map[string]bool{}
	for m := range methods {
		set[m] = true
		if m == http.MethodGet {
			set[http.MethodHead] = true
		}
		if m == "" {
			delete(set, m)
			for _, any := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				set[any] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// forbidden names the methods that echo or tunnel: no route ever sees them.
func forbidden(method string) bool {
	return method == http.MethodTrace || method == http.MethodConnect
}

func (e *endpoint) route(method string) (Route, bool) {
	if forbidden(method) {
		return Route{}, false
	}
	if r, ok := e.methods[method]; ok {
		return r, true
	}
	if r, ok := e.methods[http.MethodGet]; ok && method == http.MethodHead {
		return r, true
	}
	r, ok := e.methods[""]
	return r, ok
}

// dispatch picks the route by method and applies its limits.
func (s *Server) dispatch(e *endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchangeOf(r.Context()).route = e.pattern
		route, ok := e.route(r.Method)
		if !ok {
			w.Header().Set("Allow", e.allow)
			s.cfg.Refuse(w, r, http.StatusMethodNotAllowed)
			return
		}
		exchangeOf(r.Context()).quiet = route.Quiet
		s.limit(route, w, r)
	})
}

// refuseJSON is the Refuse of a Config that names none.
func refuseJSON(w http.ResponseWriter, r *http.Request, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	text := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	_ = json.NewEncoder(w).Encode(map[string]string{ // the caller has gone: nobody to tell
		"error": text, "request_id": telemetry.RequestID(r.Context()),
	})
}
