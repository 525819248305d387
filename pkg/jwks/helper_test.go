package jwks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/keys"
)

const (
	testURL       = "https://id.example.com/.well-known/jwks.json"
	signetCaching = "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400"
)

// newKey returns a key for ES256 under a kid that says more than a thumbprint.
func newKey(t testing.TB, kid string) keys.Key {
	t.Helper()
	k, _, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.ID = kid
	return k
}

// jwk returns the public JWK of a new key with some members changed; a nil value removes one.
func jwk(t testing.TB, kid string, changes map[string]any) string {
	t.Helper()
	body, err := keys.MarshalJWK(newKey(t, kid))
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
	body, err = json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func jwkSet(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }

func documentOf(t testing.TB, all ...keys.Key) string {
	t.Helper()
	entries := make([]string, len(all))
	for i, k := range all {
		body, err := keys.MarshalJWK(k)
		if err != nil {
			t.Fatal(err)
		}
		entries[i] = string(body)
	}
	return jwkSet(entries...)
}

// issuer answers requests for a document and writes down when they came. It is both a handler and,
// for tests in which time stands still, a transport.
type issuer struct {
	mu       sync.Mutex
	body     string
	header   http.Header
	down     error // of every request, if not nil
	status   int
	delay    time.Duration
	requests []request
}

type request struct {
	at     time.Time
	header http.Header
	status int
}

func newIssuer(body, cacheControl string) *issuer {
	i := &issuer{body: body, status: http.StatusOK, header: http.Header{}}
	if cacheControl != "" {
		i.header.Set("Cache-Control", cacheControl)
	}
	return i
}

func (i *issuer) change(f func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f(i)
}

// seen returns the requests so far.
func (i *issuer) seen() []request {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]request(nil), i.requests...)
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	status := i.status
	for name, values := range i.header {
		w.Header()[name] = values
	}
	if tag := r.Header.Get("If-None-Match"); tag != "" && tag == i.header.Get("ETag") && status == http.StatusOK {
		status = http.StatusNotModified
	}
	i.requests = append(i.requests, request{time.Now(), r.Header.Clone(), status})
	w.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = io.WriteString(w, i.body)
	}
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	delay, down := i.delay, i.down
	if down != nil {
		i.requests = append(i.requests, request{time.Now(), r.Header.Clone(), 0})
	}
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if down != nil {
		return nil, down
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

// still runs a test in which time passes only while everything waits, with a set of what i publishes.
func still(t *testing.T, i *issuer, change func(*Config), test func(*testing.T, *Set)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel() // the bubble then waits for every goroutine to end
		c := Config{URL: testURL, Client: &http.Client{Transport: i}}
		if change != nil {
			change(&c)
		}
		s, err := New(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

// settled waits until all that can happen now has happened.
func settled(s *Set) Health {
	synctest.Wait()
	return s.Health()
}

// serve returns a set of what h serves over real connections.
func serve(t *testing.T, h http.Handler, change func(*Config)) (*Set, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel) // before the server waits for its connections
	c := Config{URL: server.URL + "/jwks.json"}
	if change != nil {
		change(&c)
	}
	s, err := New(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return s, server
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// journal is a log that tests can read.
type journal struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func etagOf(n int) string { return fmt.Sprintf(`"v%d"`, n) }

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
