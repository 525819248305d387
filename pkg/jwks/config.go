package jwks

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// The bounds of what is accepted from an issuer, and the values that stand in for what it does not
// say. The package documentation tells how they work together.
const (
	// MinTTL is the least time for which a document is fresh, unless Config.MinTTL says less.
	MinTTL = time.Minute
	// LeastMinTTL is the least Config.MinTTL.
	LeastMinTTL = time.Second
	// MaxTTL is the greatest time for which a document is fresh.
	MaxTTL = 24 * time.Hour
	// DefaultTTL is the time for which a document without caching headers is fresh.
	DefaultTTL = 5 * time.Minute
	// MaxStaleIfError bounds how long keys are used past their freshness while the issuer cannot be
	// asked, whatever it allows: a key withdrawn meanwhile must not be good for ever.
	MaxStaleIfError = 24 * time.Hour
	// DefaultStaleIfError is used when the issuer does not send stale-if-error: long enough to
	// restart or repair an issuer, and short for one that never allowed it.
	DefaultStaleIfError = time.Hour
	// FetchTimeout is the time that one fetch may take, from the connection to the last byte.
	FetchTimeout = 10 * time.Second
	// UnknownKeyPause is the least time between two fetches that are due to unknown key ids.
	UnknownKeyPause = 30 * time.Second
	// AbsentTTL is how long a kid that a fetch did not bring causes no other.
	AbsentTTL = time.Minute
	// MaxDocumentSize is the greatest size of a document in bytes, after decompression.
	MaxDocumentSize = 512 << 10
	// MaxKeys is the greatest number of keys in a document, of whatever kind.
	MaxKeys = 100
)

// Config says where the keys are and what to fetch them with. Only URL is required.
type Config struct {
	// URL is that of the JWKS document: https, or http to a loopback host (localhost, 127.0.0.0/8,
	// ::1).
	URL string
	// Client makes the requests, for instance through a proxy or with a private CA. Its Transport
	// and Timeout are used; redirects are not followed and cookies not sent whatever it says. nil
	// means a client of the set's own, which uses the proxy of the environment.
	Client *http.Client
	// CacheFile is the path of a copy of the last good document, so that a service can start while
	// the issuer is down; "" means none. The file is replaced atomically and has mode 0600. Who
	// can write it decides which tokens are accepted: keep it in a directory that only the service
	// can write to. A copy that is malformed, too old, for another URL, writable by others or of
	// another user than this one and root is ignored and logged, as is one that cannot be written.
	// The copy is as good as the keys in memory were, for as long: until a fetch succeeds, a key that
	// was withdrawn since is accepted. Delete the file where that must not be.
	CacheFile string
	// MinTTL is the least time for which a document is fresh, whatever its headers say; 0 means the
	// constant MinTTL, which spares issuers that send a small max-age or none. It can be shortened to
	// LeastMinTTL, for an issuer whose keys change within seconds, such as in tests: a key that is
	// withdrawn is then given up as soon as the headers ask for it.
	MinTTL time.Duration
	// Now is the clock; nil means time.Now. One without a monotonic reading can be set back and so
	// prolong the life of keys: it is for tests.
	Now func() time.Time
	// Log is told about fetches that fail, keys that come and go, and the CacheFile; nil means
	// nobody is.
	Log *slog.Logger
}

// check reports everything that is wrong with c.
func (c Config) check() error { return errors.Join(c.checkURL(), c.checkMinTTL()) }

func (c Config) checkMinTTL() error {
	if c.MinTTL != 0 && (c.MinTTL < LeastMinTTL || c.MinTTL > MinTTL) {
		return fmt.Errorf("jwks: Config.MinTTL is %v: choose 0 (which means %v) or %v to %v", c.MinTTL, MinTTL, LeastMinTTL, MinTTL)
	}
	return nil
}

func (c Config) checkURL() error {
	if c.URL == "" {
		return errors.New("jwks: Config.URL is empty: set it to the issuer's JWKS URL, such as https://id.example.com/.well-known/jwks.json")
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return fmt.Errorf("jwks: Config.URL is no URL: %w", err)
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("jwks: Config.URL %q "+format, append([]any{u.Redacted()}, args...)...))
	}
	if u.Hostname() == "" {
		fault("names no host: write it in full, such as https://id.example.com/.well-known/jwks.json")
	} else if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		fault("must use https; http is for loopback hosts only")
	}
	if u.User != nil {
		fault("contains a user name or password: remove it, the document is public")
	}
	if u.Fragment != "" {
		fault("has a fragment: remove everything from # on")
	}
	return errors.Join(faults...)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// client returns the client to use: a copy, since that of the caller is not to be changed.
func (c Config) client() *http.Client {
	client := &http.Client{}
	if c.Client != nil {
		client.Transport, client.Timeout = c.Client.Transport, c.Client.Timeout
	} else {
		client.Transport = transport()
	}
	// The URL is what the caller trusts. A redirect would let whoever controls a page of that host
	// name another.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: FetchTimeout / 2}).DialContext,
		TLSHandshakeTimeout:    FetchTimeout / 2,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		// One request in minutes: a kept connection would be dead by then more often than not.
		DisableKeepAlives: true,
	}
}
