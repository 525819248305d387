package apptest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// upstream is what the stand-ins for providers have in common: a server on loopback that counts
// its requests by endpoint, can be taken down and brought up again, and whose endpoints a test can
// replace.
type upstream struct {
	t       testing.TB
	routes  http.Handler
	mu      sync.Mutex
	server  *httptest.Server // nil while it is down
	address string
	counts  map[string]int
	before  map[string]func(*http.Request)
	instead map[string]http.HandlerFunc
}

func (u *upstream) start(t testing.TB, routes http.Handler) string {
	t.Helper()
	u.t, u.routes = t, routes
	u.counts, u.before, u.instead = map[string]int{}, map[string]func(*http.Request){}, map[string]http.HandlerFunc{}
	u.server = httptest.NewServer(routes)
	u.address = u.server.Listener.Addr().String()
	t.Cleanup(u.Down)
	return u.server.URL
}

// Down ends all connections and refuses new ones.
func (u *upstream) Down() {
	u.mu.Lock()
	s := u.server
	u.server = nil
	u.mu.Unlock()
	if s != nil {
		s.CloseClientConnections()
		s.Close()
	}
}

// Up brings it back at the same address.
func (u *upstream) Up() {
	u.t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(u.t.Context(), "tcp", u.address)
	if err != nil {
		u.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(u.routes)
	_ = s.Listener.Close()
	s.Listener = ln
	s.Start()
	u.mu.Lock()
	u.server = s
	u.mu.Unlock()
}

// Before has h called before an endpoint answers, which it can delay, until it is called with nil.
func (u *upstream) Before(endpoint string, h func(*http.Request)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.before[endpoint] = h
}

// Instead has h answer an endpoint, until it is called with nil.
func (u *upstream) Instead(endpoint string, h http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.instead[endpoint] = h
}

// Requests says how often an endpoint was asked; "" counts what a server asks, which is all but the
// pages for browsers.
func (u *upstream) Requests(endpoint string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if endpoint != "" {
		return u.counts[endpoint]
	}
	sum := 0
	for e, n := range u.counts {
		if e != authorizeEndpoint {
			sum += n
		}
	}
	return sum
}

// at counts the requests to an endpoint and lets a test answer them.
func (u *upstream) at(endpoint string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.counts[endpoint]++
		answer := h
		if instead := u.instead[endpoint]; instead != nil {
			answer = instead
		}
		before := u.before[endpoint]
		u.mu.Unlock()
		if before != nil {
			before(r)
		}
		answer(w, r)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
