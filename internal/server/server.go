// Package server owns the listeners: the public one with its visible list of routes and the
// middleware around each, and the operators' one with /healthz, /readyz and /metrics.
//
// It knows no protocol. Handlers come from the caller; so does the look of the answers the
// server itself must give (Config.Refuse). Its invariants: forwarded headers and request ids
// are believed only from trusted proxies; every request has a bounded body, a deadline and
// one access-log line that holds no query, cookie or token; at shutdown readiness fails
// first and requests in flight finish.
//
// Read next: routes.go (the list), middleware.go (the order), lifecycle.go (start and stop).
package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Metrics is what the server reports about requests; *telemetry.Metrics implements it.
type Metrics interface {
	// RequestStarted counts a request in.
	RequestStarted()
	// RequestDone counts it out; route is its pattern, "" when none matched.
	RequestDone(route, method string, code int, d time.Duration)
	// Handler serves the metrics to the scraper.
	Handler() http.Handler
}

// Config is what New needs. Routes, Metrics and Log are required.
type Config struct {
	// Listen and OpsListen are host:port; port 0 picks a free one.
	Listen, OpsListen string
	// TLS turns on TLS on the public listener; nil serves plain HTTP.
	TLS *TLSFiles
	// TrustedProxies are the peers whose forwarded headers and X-Request-Id are believed.
	TrustedProxies []netip.Prefix
	// ForwardedRFC7239 reads Forwarded (RFC 7239) instead of X-Forwarded-For and -Proto.
	ForwardedRFC7239 bool

	// Routes is everything the public listener serves.
	Routes []Route
	// Refuse writes the server's own refusals: 404, 405 (Allow is set already), 413 and 500.
	// It must not read the body. Nil writes a short JSON object.
	Refuse func(w http.ResponseWriter, r *http.Request, status int)
	// Checks decide /readyz.
	Checks []Check

	// MaxBodyBytes caps request bodies of routes that name no cap; 0 means 64 KiB.
	MaxBodyBytes int64
	// MaxHeaderBytes caps the request line and headers; 0 means 32 KiB.
	MaxHeaderBytes int
	// RequestTimeout is the deadline of routes that name none; 0 means 15 s.
	RequestTimeout time.Duration
	// ShutdownDelay is how long to go on serving once readiness fails.
	ShutdownDelay time.Duration
	// ShutdownGrace is how long requests in flight may take to finish; 0 means 30 s.
	ShutdownGrace time.Duration

	Metrics Metrics
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server is the two listeners. Build it with New, bind with Listen, run with Serve.
type Server struct {
	cfg      Config
	public   *http.Server
	ops      *http.Server
	certs    *certificates
	draining atomic.Bool
	stopping chan struct{}
	ids      requestIDs
	bound    bound
}

// New checks cfg and builds the server without binding anything. Routes that contradict one
// another, and certificate files that do not load, are errors.
func New(cfg Config) (*Server, error) {
	cfg.MaxBodyBytes = cmp.Or(cfg.MaxBodyBytes, 64<<10)
	cfg.MaxHeaderBytes = cmp.Or(cfg.MaxHeaderBytes, 32<<10)
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, 15*time.Second)
	cfg.ShutdownGrace = cmp.Or(cfg.ShutdownGrace, 30*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Refuse == nil {
		cfg.Refuse = refuseJSON
	}
	if cfg.Metrics == nil || cfg.Log == nil {
		return nil, fmt.Errorf("server: Metrics and Log are required")
	}
	s := &Server{cfg: cfg, stopping: make(chan struct{})}
	mux, err := s.mux(cfg.Routes)
	if err != nil {
		return nil, err
	}
	s.public = s.httpServer(s.middleware(mux))
	s.ops = s.httpServer(s.opsMux())
	if cfg.TLS != nil {
		if s.certs, err = loadCertificates(*cfg.TLS, cfg.Log); err != nil {
			return nil, err
		}
		s.public.TLSConfig = s.certs.config()
	}
	return s, nil
}

// Stopping is closed when shutdown begins; long-lived responses (streams) end then.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		// Armed again for each request on a connection; a request with a body, and a route with a
		// deadline of its own or with none, replaces them (limit).
		ReadTimeout:    readPatience(s.cfg.RequestTimeout),
		WriteTimeout:   writePatience(s.cfg.RequestTimeout),
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: s.cfg.MaxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// readPatience and writePatience are how long a connection outlives the deadline of the
// request on it: longer for writing, so that a handler whose time ran out, or whose caller was
// too slow with the body, can still say so.
func readPatience(timeout time.Duration) time.Duration  { return timeout + timeout/4 }
func writePatience(timeout time.Duration) time.Duration { return timeout + timeout/2 }
