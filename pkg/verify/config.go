package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

const (
	// MaxTokenSize is the size in bytes beyond which Verify does not look at a token.
	MaxTokenSize = keys.MaxTokenSize
	// DefaultLeeway is the difference between clocks that is tolerated when Config does not say.
	DefaultLeeway = 30 * time.Second
	// MaxLeeway is the greatest Config.Leeway: what is more must be repaired at the clock.
	MaxLeeway = 5 * time.Minute
	// DefaultCacheSize is the number of tokens remembered when Config does not say.
	DefaultCacheSize = 4096

	maxCacheSize = 1 << 20
)

// Config says whose tokens are accepted and for whom. Issuer and Audience are required; everything
// else has a default that fits most services.
type Config struct {
	// Issuer is the iss of acceptable tokens, compared byte by byte: an https URL, or http to a
	// loopback host. Copy it from the issuer's discovery document, trailing slash included.
	Issuer string
	// Audience is the name of this service in aud. It is required: without it any service that is
	// sent a token could use it here (RFC 9068 §4, RFC 9700 §2.3).
	Audience string
	// JWKSURL is where the issuer publishes its keys; "" means Issuer + "/.well-known/jwks.json".
	JWKSURL string
	// Algorithms is the allow-list of alg; empty means ES256, RS256 and EdDSA, which is all that a
	// resource server of Signet can choose. A key is only ever used with its own algorithm, whatever
	// stands here.
	Algorithms []keys.Algorithm
	// Leeway is how far the issuer's clock may differ from this one's; 0 means DefaultLeeway. A
	// token is accepted that long after its expiry. At most MaxLeeway.
	Leeway time.Duration

	// CacheFile is the path of a copy of the issuer's keys, so that a service starts while the
	// issuer is down; "" means none. See jwks.Config.
	CacheFile string
	// Client fetches the keys; nil means one with time limits that follows no redirects. See
	// jwks.Config.
	Client *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told when keys cannot be fetched; nil means nobody is. Tokens are not logged.
	Log *slog.Logger

	// CacheSize is how many tokens are remembered as having a good signature; 0 means
	// DefaultCacheSize, a negative number none. It is rounded up to a multiple of 16. An entry
	// takes about three times the size of its token in memory.
	CacheSize int
	// Keys is where keys come from; nil means a jwks.Set of JWKSURL. Share one *jwks.Set between
	// the verifiers of several audiences.
	Keys KeySource
	// Revocation is asked about every token on every call; nil means that tokens are good until
	// they expire.
	Revocation Revocation
}

// KeySource finds the issuer's keys. *jwks.Set is one.
type KeySource interface {
	// Key returns the key of that kid and may wait until ctx ends. The error wraps ErrUnknownKey
	// or jwks.ErrUnknownKey when there is no such key; every other means that keys cannot be had.
	Key(ctx context.Context, kid string) (keys.Key, error)
	// Lookup is Key from memory and at once. It is called for every token that is seen again, so
	// that a key which is withdrawn takes its tokens with it.
	Lookup(kid string) (keys.Key, bool)
}

// Revocation knows which tokens were recalled before their expiry.
type Revocation interface {
	// Check returns nil for a token that is not known to be revoked, else an error that wraps
	// ErrRevoked, or ErrRevocationStale when it cannot tell; any other counts as the latter. It is
	// called for every token on every call, remembered or not, and must answer from memory. It
	// must not change c, and judges by ID, GrantID, SessionID, Subject and the like: one token can
	// be written in several ways, since ES256 signatures are malleable.
	Check(c *Claims, now time.Time) error
}

// complete reports everything that is wrong with c and fills in its defaults.
func (c *Config) complete() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("verify: Config."+format, args...))
	}
	if c.Issuer == "" {
		fault("Issuer is empty: set it to the issuer's URL as its tokens have it in iss, such as https://id.example.com")
	} else if err := checkIssuer(c.Issuer); err != nil {
		fault("Issuer %w", err)
	}
	if c.Audience == "" {
		fault("Audience is empty: set it to the name that this service has in aud; without it every service's tokens would be accepted")
	}
	if c.Keys != nil && (c.JWKSURL != "" || c.CacheFile != "" || c.Client != nil) {
		fault("Keys is set, so JWKSURL, CacheFile and Client have no effect: remove them or Keys")
	}
	if set, ok := c.Keys.(*jwks.Set); ok && set == nil {
		fault("Keys is a nil *jwks.Set: look at the error of jwks.New")
	}
	if c.Leeway < 0 || c.Leeway > MaxLeeway {
		fault("Leeway is %v: choose 0 (which means %v) to %v", c.Leeway, DefaultLeeway, MaxLeeway)
	}
	if c.CacheSize > maxCacheSize {
		fault("CacheSize is %d: choose at most %d", c.CacheSize, maxCacheSize)
	}
	for _, a := range c.Algorithms {
		if _, err := keys.ParseAlgorithm(string(a)); err != nil {
			fault("Algorithms: %w", err)
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if c.JWKSURL == "" {
		c.JWKSURL = strings.TrimSuffix(c.Issuer, "/") + "/.well-known/jwks.json"
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA}
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if c.CacheSize == 0 {
		c.CacheSize = DefaultCacheSize
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the clock that is injected by default
	}
	return nil
}

// checkIssuer applies RFC 8414 §2, and allows http on loopback for development.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	var cause *url.Error
	if errors.As(err, &cause) {
		err = cause.Err // the rest repeats the URL, and a password in it
	}
	if err != nil {
		return fmt.Errorf("is no URL: %w", err)
	}
	why := ""
	switch {
	case u.Hostname() == "":
		why = "names no host: write it in full, such as https://id.example.com"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		why = "must use https; http is for loopback hosts only"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		why = "must have no user name, query or fragment (RFC 8414 §2)"
	default:
		return nil
	}
	return fmt.Errorf("%q %s", u.Redacted(), why)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
