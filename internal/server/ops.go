package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Check is one condition of readiness.
type Check struct {
	// Name is shown to operators: database, migrations, signing_keys.
	Name string
	// Probe returns nil when the condition holds. Its error goes to the log, never into the
	// response.
	Probe func(ctx context.Context) error
	// Timeout bounds Probe; 0 means 2 s.
	Timeout time.Duration
}

// readiness is the body of /readyz.
type readiness struct {
	Status string            `json:"status"` // ready, unready, stopping
	Checks map[string]string `json:"checks"` // ok, failing, timeout
}

func (s *Server) opsMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // a prober that hung up asks again
	})
	mux.Handle("GET /readyz", s.readyz())
	mux.Handle("GET /metrics", s.cfg.Metrics.Handler())
	return mux
}

func (s *Server) readyz() http.Handler {
	log := &checkLog{last: map[string]string{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readiness{Status: "ready", Checks: map[string]string{}}
		for name, err := range s.probe(r.Context()) {
			result := "ok"
			switch {
			case err == nil:
			case context.Cause(r.Context()) != nil:
				return // the prober left: that is no failure of ours
			case errors.Is(err, context.DeadlineExceeded):
				result, body.Status = "timeout", "unready"
			default:
				result, body.Status = "failing", "unready"
			}
			body.Checks[name] = result
			if log.changed(name, result) {
				s.logCheck(r.Context(), name, err)
			}
		}
		if s.draining.Load() {
			body.Status = "stopping"
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if body.Status != "ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(body) // a prober that hung up asks again
	})
}

func (s *Server) logCheck(ctx context.Context, name string, err error) {
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "readiness check fails", "check", name, "error", err.Error())
		return
	}
	s.cfg.Log.InfoContext(ctx, "readiness check passes", "check", name)
}

// probe runs all checks at once, each within its time.
func (s *Server) probe(ctx context.Context) map[string]error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	results := map[string]error{}
	for _, c := range s.cfg.Checks {
		wg.Go(func() {
			timeout := c.Timeout
			if timeout == 0 {
				timeout = 2 * time.Second
			}
			err := within(ctx, timeout, c.Probe)
			mu.Lock()
			defer mu.Unlock()
			results[c.Name] = err
		})
	}
	wg.Wait()
	return results
}

// within returns when probe does or when its time is up, whichever comes first: a probe that
// ignores its context must not hold up the answer.
func within(ctx context.Context, timeout time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- probe(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkLog remembers results, so that a failing check is logged once and not at every probe.
type checkLog struct {
	mu   sync.Mutex
	last map[string]string
}

func (l *checkLog) changed(name, result string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.last[name]
	l.last[name] = result
	return before != result && (before != "" || result != "ok")
}
