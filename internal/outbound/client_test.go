package outbound_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/signet-id/signet/internal/outbound"
)

func TestOnlyPublicAddressesArePublic(t *testing.T) {
	t.Parallel()
	for want, addresses := range map[bool][]string{
		true: {
			"8.8.8.8", "1.1.1.1", "140.82.121.3", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0",
			"192.0.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "2620:fe::fe", "::ffff:8.8.8.8",
			"64:ff9b::8.8.8.8",
		},
		false: {
			"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "0.1.2.3", "::ffff:0.0.0.0",
			"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::ffff:10.1.2.3", "::ffff:192.168.0.1",
			"169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254",
			"100.64.0.1", "100.127.255.255", "198.18.0.1", "198.19.255.255",
			"192.0.0.1", "192.0.0.171", "192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1",
			"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1",
			"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1",
			"2002:7f00:1::", "2002:a9fe:a9fe::", "2002:808:808::1", "2001::1", "2001:20::1", "192.88.99.1",
			"::127.0.0.1", "::8.8.8.8", "100::1", "5f00::1", "4000::1",
		},
	} {
		for _, a := range addresses {
			if got := outbound.IsPublic(netip.MustParseAddr(a)); got != want {
				t.Errorf("%s: %v", a, got)
			}
		}
	}
	if outbound.IsPublic(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

// here allows this machine, where all tests run.
func here() outbound.Config {
	return outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func get(t *testing.T, c *http.Client, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	return res, err
}

func TestAnAddressIsRefusedWhenItIsDialled(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	u, _ := url.Parse(server.URL)
	// A name, so that what is refused is what it resolves to.
	byName := "http://localhost:" + u.Port()
	elsewhere := outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, address := range []string{server.URL, byName} {
		for _, c := range []outbound.Config{{}, elsewhere} {
			if _, err := get(t, outbound.New(c), address); !errors.Is(err, outbound.ErrPrivate) {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Fatalf("the server was asked %d times", n)
	}
	for _, address := range []string{server.URL, byName} {
		if _, err := get(t, outbound.New(here()), address); err != nil {
			t.Errorf("%s is allowed: %v", address, err)
		}
	}
	for _, address := range []string{"https://10.0.0.1/", "https://[fd00::1]/", "https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]/", "https://0/", "https://2130706433/"} {
		if _, err := get(t, outbound.New(outbound.Config{}), address); err == nil {
			t.Errorf("%s was reached", address)
		}
	}
}

func TestPlainHTTPIsForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"https://id.example.com": true, "http://127.0.0.1:1": true, "http://localhost": true, "http://[::1]:8080/x": true, "http://a.localhost": true,
		"http://id.example.com": false, "http://10.0.0.1": false, "http://localhost.example.com": false, "ftp://localhost": false,
		"file:///etc/passwd": false, "https://": false, "gopher://127.0.0.1": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := outbound.CheckURL(u); (err == nil) != ok || err != nil && !errors.Is(err, outbound.ErrScheme) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := get(t, outbound.New(here()), "http://id.example.com/"); !errors.Is(err, outbound.ErrScheme) {
		t.Errorf("the client: %v", err)
	}
}

func TestRedirectsAreNotFollowedAndCookiesNotKept(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if _, err := r.Cookie("a"); err == nil {
			t.Error("a cookie came back")
		}
		if r.UserAgent() != "signet" {
			t.Errorf("user agent %q", r.UserAgent())
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b", Path: "/"})
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := outbound.New(here())
	for range 2 {
		res, err := get(t, c, server.URL)
		if err != nil || res.StatusCode != http.StatusFound {
			t.Fatalf("%v %v", res, err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestALargeResponseIsNotRead(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.Copy(z, io.LimitReader(zeros{}, 10*outbound.MaxBody))
	_ = z.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case "/plain":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 10*outbound.MaxBody))
		case "/full":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, outbound.MaxBody))
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		}
	}))
	t.Cleanup(server.Close)
	c := outbound.New(here())
	for path, want := range map[string]struct {
		limit int64
		size  int
		err   error
	}{
		"/packed": {10 * outbound.MaxBody, outbound.MaxBody, outbound.ErrTooLarge},
		"/plain":  {10 * outbound.MaxBody, outbound.MaxBody, outbound.ErrTooLarge},
		"/full":   {outbound.MaxBody, outbound.MaxBody, nil},
		"/small":  {100, 100, nil},
		"/tiny":   {99, 99, outbound.ErrTooLarge},
	} {
		res, err := get(t, c, server.URL+path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := outbound.ReadBody(res, want.limit)
		if !errors.Is(err, want.err) || len(body) != want.size {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
}

func TestOldTLSAndUnknownAuthoritiesAreRefused(t *testing.T) {
	t.Parallel()
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = nil
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		c := here()
		if _, err := get(t, outbound.New(c), server.URL); err == nil {
			t.Errorf("%x: a certificate that nobody vouches for was accepted", version)
		}
		c.RootCAs = roots
		if _, err := get(t, outbound.New(c), server.URL); (err == nil) != ok {
			t.Errorf("%x: %v", version, err)
		}
	}
}

// It cannot run beside other tests: it sets the environment.
func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var proxied atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			proxied.Add(1)
			_ = c.Close()
		}
	}()
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+l.Addr().String())
	}
	// A name that resolves nowhere (RFC 2606 §2): only a proxy would be asked.
	if _, err := get(t, outbound.New(here()), "https://id.invalid/"); err == nil || proxied.Load() != 0 {
		t.Errorf("%v, the proxy was asked %d times", err, proxied.Load())
	}
}

func TestRequestsBeyondTheLimitWaitForAConnection(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int64
	release := make(chan struct{})
	full := make(chan struct{}, 3*outbound.MaxConns)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for n := open.Add(1); ; {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		full <- struct{}{}
		<-release
		open.Add(-1)
	}))
	t.Cleanup(server.Close)
	c := outbound.New(here())
	done := make(chan error, 2*outbound.MaxConns)
	for range cap(done) {
		go func() {
			res, err := get(t, c, server.URL)
			if err == nil {
				_, err = outbound.ReadBody(res, 1)
			}
			done <- err
		}()
	}
	for range outbound.MaxConns {
		<-full
	}
	close(release)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := most.Load(); n > outbound.MaxConns {
		t.Errorf("%d connections at once", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
