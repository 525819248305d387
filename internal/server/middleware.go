package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// middleware wraps the routes, outermost first:
//
//	identify  request id, client address, context
//	observe   access log and metrics (sees the 500 of a panic)
//	recover   a panic becomes a 500 with the request id
//	harden    headers on every response; CONNECT refused
//	routes    method discipline, then the route's body cap and deadline
func (s *Server) middleware(routes http.Handler) http.Handler {
	return s.identify(s.observe(s.recover(s.harden(routes))))
}

func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{Context: r.Context(), client: s.client(r), began: time.Now()}
		if e.client.viaProxy {
			e.id = r.Header.Get("X-Request-Id")
		}
		if !usableID(e.id) {
			e.id = s.ids.next()
		}
		e.idHeader[0] = e.id
		w.Header()["X-Request-Id"] = e.idHeader[:]
		defer e.finish()
		next.ServeHTTP(w, r.WithContext(e))
	})
}

func (s *Server) logAccess(e *exchange, method string, d time.Duration) {
	level := slog.LevelInfo
	if e.quiet && e.recorder.code() < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	if !s.cfg.Log.Enabled(e, level) {
		return
	}
	telemetry.LogAccess(s.cfg.Log, telemetry.Access{
		At: s.cfg.Now(), Level: level, Method: method, Route: e.route, Status: e.recorder.code(), Bytes: e.recorder.bytes,
		Duration: d, Client: e.client.addr, RequestID: e.id,
	})
}

// usableID keeps a proxy's id out of the log when it could forge or flood lines.
func usableID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := exchangeOf(r.Context())
		rec := &e.recorder
		rec.ResponseWriter = w
		s.cfg.Metrics.RequestStarted()
		defer func() { // also when an aborted response unwinds the stack
			d := time.Since(e.began)
			s.cfg.Metrics.RequestDone(e.route, r.Method, rec.code(), d)
			s.logAccess(e, r.Method, d)
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.cfg.Log.ErrorContext(r.Context(), "panic in a handler",
				"route", exchangeOf(r.Context()).route, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				// Half a response is out: cut the connection, so that nobody takes it for whole.
				panic(http.ErrAbortHandler)
			}
			// What the handler meant to send with its answer must not ride on ours.
			for name := range w.Header() {
				if name != "X-Request-Id" && name != "Strict-Transport-Security" && name != "X-Content-Type-Options" {
					w.Header().Del(name)
				}
			}
			s.cfg.Refuse(w, r, http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = noSniff
		if exchangeOf(r.Context()).client.scheme == "https" { // RFC 6797 §7.2: never over plain HTTP
			w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		}
		if r.Method == http.MethodConnect { // ServeMux treats CONNECT specially
			w.Header().Set("Allow", "GET, HEAD, POST")
			s.cfg.Refuse(w, r, http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limit serves one route within its body cap and deadline.
func (s *Server) limit(route Route, w http.ResponseWriter, r *http.Request) {
	limit := route.MaxBody
	if limit == 0 {
		limit = s.cfg.MaxBodyBytes
	}
	if r.ContentLength > limit {
		// net/http reads on for a while, so that a caller busy sending still sees the answer.
		s.cfg.Refuse(w, r, http.StatusRequestEntityTooLarge)
		return
	}
	hasBody := r.Body != http.NoBody
	if hasBody {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	timeout := route.Timeout
	if timeout == 0 {
		timeout = s.cfg.RequestTimeout
	}
	if timeout > 0 {
		e := exchangeOf(r.Context())
		e.deadline = e.began.Add(timeout)
	}
	// The listener has armed both deadlines for the default timeout, but the one for reading from
	// when it began to wait for the headers: a connection that was opened ahead of its first
	// request may have used it up, and the body is still to come.
	own := timeout != s.cfg.RequestTimeout
	if own || hasBody {
		var readEnd, writeEnd time.Time // never
		if timeout > 0 {
			now := time.Now() // the connection keeps the real clock
			readEnd, writeEnd = now.Add(readPatience(timeout)), now.Add(writePatience(timeout))
		}
		control := http.NewResponseController(w)
		// Both fail only on writers without a connection, which have no deadline to move.
		_ = control.SetReadDeadline(readEnd)
		if own {
			_ = control.SetWriteDeadline(writeEnd)
		}
	}
	route.Handler.ServeHTTP(w, r)
}

// noSniff is shared by all responses, which nobody changes.
var noSniff = []string{"nosniff"}

// recorder remembers the status and size of a response.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Flush serves code that asserts http.Flusher instead of using a ResponseController.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush() // a writer that cannot flush needs none
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code is the status, or 200 for a handler that wrote nothing.
func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
