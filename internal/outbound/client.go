// Package outbound makes the one client with which the server connects to addresses that somebody
// else wrote: the issuer of a connector, and what its discovery document names.
//
// Such an address must not lead to what only this machine can reach. So every connection is judged
// by the address that is dialled, after names were resolved (a name that resolves to something else
// the second time gains nothing), and whatever is not a public address is refused unless the
// operator allows it. Size and time are bounded, redirects are returned and not followed, and
// neither cookies nor a proxy of the environment are used (RFC 8725 §3.10).
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// The bounds of one request.
const (
	// Timeout is how long one request may take, from the connection to the last byte.
	Timeout = 15 * time.Second
	// MaxBody is the size in bytes, after decompression, beyond which no response is read.
	MaxBody = 1 << 20
	// MaxConns is the number of connections to one host; requests beyond wait for one of them.
	MaxConns = 32

	stepTimeout = 5 * time.Second // of the connection and of the handshake
	maxHeader   = 64 << 10
)

// Why a request was not made or its response not read, besides what keeps a connection from being
// made.
var (
	// ErrPrivate says that the host has an address which is not public, and which is not allowed.
	ErrPrivate = errors.New("outbound: not a public address")
	// ErrScheme says that the URL is neither https nor http to a loopback host.
	ErrScheme = errors.New("outbound: only https is used")
	// ErrTooLarge says that the response is larger than is read.
	ErrTooLarge = errors.New("outbound: the response is too large")
)

// Config says what may be reached. The zero value is right: public addresses, and the certificates
// that the system trusts.
type Config struct {
	// Allow are addresses that may be reached although they are not public.
	Allow []netip.Prefix
	// RootCAs are who may vouch for a server; nil: those of the system.
	RootCAs *x509.CertPool
}

// New returns a client with a pool of connections of its own.
func New(c Config) *http.Client {
	g := guard{allow: c.Allow}
	return &http.Client{
		Timeout: Timeout,
		Transport: &transport{base: &http.Transport{
			// No Proxy: a proxy would dial in our place, and nobody would judge the address.
			DialContext:            (&net.Dialer{Timeout: stepTimeout, KeepAlive: 30 * time.Second, ControlContext: g.control}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
			TLSHandshakeTimeout:    stepTimeout,
			ResponseHeaderTimeout:  Timeout,
			IdleConnTimeout:        90 * time.Second,
			MaxConnsPerHost:        MaxConns,
			MaxIdleConnsPerHost:    4,
			MaxIdleConns:           256,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		}},
		// Whoever was asked must not choose who is asked next.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport refuses what is not to be asked at all, and bounds what is read.
type transport struct{ base http.RoundTripper }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := CheckURL(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", "signet")
	}
	res, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &capped{ReadCloser: res.Body, left: MaxBody}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections work.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// CheckURL says whether a URL may be asked for: https, or http on this machine. The error is
// ErrScheme.
func CheckURL(u *url.URL) error {
	if u.Scheme == "https" && u.Hostname() != "" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w, and http for this machine alone: %s", ErrScheme, u.Redacted())
}

// isLoopback reports whether host is this machine by name or address (RFC 6761 §6.3).
func isLoopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// capped reads up to left bytes; one more is ErrTooLarge.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		n, err = int(c.left), ErrTooLarge
	}
	c.left -= int64(n)
	return n, err
}

// ReadBody reads the body of a response, at most limit bytes, and closes it. The error is
// ErrTooLarge, or that of the connection.
func ReadBody(res *http.Response, limit int64) ([]byte, error) {
	body := &capped{ReadCloser: res.Body, left: limit}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// guard judges the addresses that are dialled.
type guard struct{ allow []netip.Prefix }

func (g guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s %s", ErrPrivate, network, address)
	}
	if !g.permits(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, at.Addr())
	}
	return nil
}

func (g guard) permits(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	return IsPublic(a)
}
