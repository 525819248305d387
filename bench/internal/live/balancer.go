package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// who is the query parameter by which a verifier says who it is when it fetches keys. It stays with the
// balancer.
const who = "verifier"

// Balancer stands before the replicas as a load balancer does: each request goes to the next of them,
// and on to the one after that when there is no answer or one of 500 and above. Its address is the
// issuer's.
type Balancer struct {
	URL       string
	replicas  []string // host:port
	next      atomic.Uint64
	transport *http.Transport
	server    *http.Server

	mu      sync.Mutex
	fetches map[string]Fetches
	retries int
}

// Fetches are the requests of one verifier for the keys, by what was answered.
type Fetches struct {
	Whole, NotModified, Failed int
}

// StartBalancer listens on loopback and passes requests on to the replicas.
func StartBalancer(ctx context.Context, replicas []string) (*Balancer, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the balancer: %w", err)
	}
	b := &Balancer{
		URL: "http://" + l.Addr().String(), replicas: replicas, fetches: map[string]Fetches{},
		transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, ResponseHeaderTimeout: time.Second, MaxIdleConnsPerHost: 16,
		},
	}
	b.server = &http.Server{Handler: b.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = b.server.Serve(l) }() // until Close
	return b, nil
}

// Close ends it.
func (b *Balancer) Close() error {
	err := b.server.Close()
	b.transport.CloseIdleConnections()
	return err
}

// KeysURL is where the verifier of that name fetches keys.
func (b *Balancer) KeysURL(name string) string {
	return b.URL + "/.well-known/jwks.json?" + url.Values{who: {name}}.Encode()
}

// Fetches returns how often the verifier of that name fetched keys.
func (b *Balancer) Fetches(name string) Fetches {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fetches[name]
}

// Retries is how often a request went on to another replica.
func (b *Balancer) Retries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retries
}

func (b *Balancer) handler() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.RawQuery = "http", b.replicas[0], r.In.URL.RawQuery
			r.Out.Host = r.In.Host
		},
		Transport: b,
		// A replica that died is what this is about: the verifier hears of it, the terminal does not.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// RoundTrip implements http.RoundTripper.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	name := q.Get(who)
	q.Del(who)
	r.URL.RawQuery = q.Encode()
	res, err := b.pass(r)
	if name != "" {
		b.note(name, res)
	}
	return res, err
}

// pass asks one replica after the other.
func (b *Balancer) pass(r *http.Request) (*http.Response, error) {
	first, count := b.next.Add(1), uint64(len(b.replicas))
	if r.Body != nil && r.Body != http.NoBody {
		count = 1 // it can be read once
	}
	var failed error
	for i := range count {
		out := r.Clone(r.Context())
		out.URL.Host = b.replicas[(first+i)%uint64(len(b.replicas))]
		res, err := b.transport.RoundTrip(out)
		if err == nil && (res.StatusCode < http.StatusInternalServerError || i == count-1) {
			return res, nil
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			err = fmt.Errorf("status %d of %s", res.StatusCode, out.URL.Host)
		}
		failed = errors.Join(failed, err)
		b.mu.Lock()
		b.retries++
		b.mu.Unlock()
	}
	return nil, failed
}

func (b *Balancer) note(name string, res *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.fetches[name]
	switch {
	case res == nil || res.StatusCode >= http.StatusBadRequest:
		f.Failed++
	case res.StatusCode == http.StatusNotModified:
		f.NotModified++
	default:
		f.Whole++
	}
	b.fetches[name] = f
}
