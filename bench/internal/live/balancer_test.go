package live

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// balanced is a balancer before replicas that answer with their name, and the first of which is dead.
func balanced(t *testing.T) *Balancer {
	t.Helper()
	var addresses []string
	for _, name := range []string{"dead", "a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = io.WriteString(w, name+" "+r.Host+" "+r.URL.RawQuery)
		}))
		t.Cleanup(s.Close)
		if name == "dead" {
			s.Close()
		}
		addresses = append(addresses, strings.TrimPrefix(s.URL, "http://"))
	}
	b, err := StartBalancer(t.Context(), addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func ask(t *testing.T, method, address, etag string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var form io.Reader
	if method == http.MethodPost {
		form = strings.NewReader("a=b")
	}
	req, err := http.NewRequestWithContext(ctx, method, address, form)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestTheBalancerGoesOnToTheNextReplicaAndCountsWhoFetchedKeys(t *testing.T) {
	t.Parallel()
	b := balanced(t)
	host := strings.TrimPrefix(b.URL, "http://")
	seen := map[string]int{}
	for range 6 {
		status, body := ask(t, http.MethodGet, b.KeysURL("some one"), "")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		seen[body]++
	}
	// What verifiers say of themselves does not reach the replicas; the issuer's host does.
	if len(seen) != 2 || seen["a "+host+" "] == 0 || seen["b "+host+" "] == 0 {
		t.Errorf("answered by %v", seen)
	}
	if b.Retries() != 2 {
		t.Errorf("%d requests went on, want 2", b.Retries())
	}
	if status, _ := ask(t, http.MethodGet, b.KeysURL("other"), `"v1"`); status != http.StatusNotModified {
		t.Errorf("a conditional request: %d", status)
	}
	if got := b.Fetches("some one"); got != (Fetches{Whole: 6}) {
		t.Errorf("fetches %+v", got)
	}
	if got := b.Fetches("other"); got != (Fetches{NotModified: 1}) {
		t.Errorf("fetches of the other %+v", got)
	}
}

func TestTheBalancerDoesNotRepeatWhatCannotBeRepeated(t *testing.T) {
	t.Parallel()
	b := balanced(t)
	failed := 0
	for range 3 {
		if status, _ := ask(t, http.MethodPost, b.URL+"/token", ""); status == http.StatusBadGateway {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of 3 posts failed, want the one to the dead replica", failed)
	}
}
