package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// leeway absorbs the difference between two machines' clocks.
	leeway = 30 * time.Second
	// refetchPause is the least time between the starts of two fetches, whether the first one
	// failed or not: a caller who invents key ids must not turn this service against the issuer.
	refetchPause = 10 * time.Second
	minKeyAge    = time.Minute
	maxKeyAge    = 24 * time.Hour
	// maxStale bounds for how long keys serve beyond their age while the issuer is away,
	// whatever it allows: a key withdrawn meanwhile must not be good for ever.
	maxStale     = 24 * time.Hour
	maxDocument  = 1 << 20 // bytes
	fetchTimeout = 5 * time.Second
)

// errUnavailable says that a token could not be judged, because the keys could not be fetched.
var errUnavailable = errors.New("the issuer's keys cannot be fetched")

// Claims is what this service believes about the caller of a request.
type Claims struct {
	Subject     string   `json:"sub"`
	ClientID    string   `json:"client_id"`
	Tenant      string   `json:"tenant"`
	Scope       string   `json:"scope"`
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
}

// Machine reports whether a program acts for itself: its subject is its client id (RFC 9068
// §2.2).
func (c Claims) Machine() bool { return c.Subject == c.ClientID }

// Allows reports whether the caller may use a permission: the client must have been given it as
// a scope, and a person must also hold it in the tenant of the token.
func (c Claims) Allows(permission string) bool {
	return slices.Contains(strings.Fields(c.Scope), permission) &&
		(c.Machine() || slices.Contains(c.Permissions, permission))
}

// Verifier checks access tokens (RFC 9068 §4) by itself, against the issuer's published keys,
// which it keeps as long as the issuer's Cache-Control allows: max-age, and then while they are
// fetched anew or cannot be fetched (RFC 5861). Build it with NewVerifier; it is safe for
// concurrent use, and no caller waits for a fetch that another caller's key id caused.
type Verifier struct {
	issuer, audience string
	client           *http.Client
	now              func() time.Time

	mu      sync.Mutex // never held while the issuer is asked
	keys    keySet
	triedAt time.Time     // start of the latest fetch
	failure error         // of the latest fetch that ended; nil if it succeeded
	flight  chan struct{} // closed when the fetch under way ends; nil if there is none
}

// keySet is what one fetch brought, and for how long it may be used.
type keySet struct {
	jose.JSONWebKeySet
	freshTill   time.Time // until then nobody asks again
	renewTill   time.Time // until then a fetch is waited for by nobody
	discardedAt time.Time // from then on it is not used at all
}

// NewVerifier returns a verifier of tokens that issuer made for audience.
func NewVerifier(issuer, audience string, now func() time.Time) *Verifier {
	return &Verifier{issuer: issuer, audience: audience, now: now, client: &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Verify returns the claims of a token that is genuine, current and meant for this service.
// An error is errUnavailable, or a reason that the caller may see.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA})
	if err != nil {
		return Claims{}, errors.New("the token is not a signed JWT of a kind accepted here")
	}
	header := jws.Signatures[0].Protected
	// Distinct types keep an ID token from passing for an access token (RFC 9068 §4).
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if t := strings.ToLower(typ); t != "at+jwt" && t != "application/at+jwt" {
		return Claims{}, errors.New("the token is not an access token: its typ is not at+jwt")
	}
	key, err := v.key(ctx, header.KeyID)
	if err != nil {
		return Claims{}, err
	}
	// One key, one algorithm (RFC 8725 §3.1).
	if key.Algorithm != header.Algorithm {
		return Claims{}, errors.New("the token's algorithm is not that of its key")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return Claims{}, errors.New("the token's signature is wrong")
	}
	return v.judge(payload)
}

// audiences is the aud claim, a string or a list of them (RFC 7519 §4.1.3).
type audiences []string

func (a *audiences) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// judge applies the rules to the claims of a token whose signature is right.
func (v *Verifier) judge(payload []byte) (Claims, error) {
	var c struct {
		Claims
		Issuer    string    `json:"iss"`
		Audience  audiences `json:"aud"`
		Expiry    int64     `json:"exp"`
		NotBefore int64     `json:"nbf"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return Claims{}, errors.New("the token's claims cannot be read")
	}
	now := v.now()
	switch {
	case c.Issuer != v.issuer:
		return Claims{}, errors.New("the token is from another issuer")
	case !slices.Contains(c.Audience, v.audience):
		return Claims{}, errors.New("the token is meant for another service")
	case !now.Before(time.Unix(c.Expiry, 0).Add(leeway)):
		return Claims{}, errors.New("the token has expired")
	case now.Add(leeway).Before(time.Unix(c.NotBefore, 0)):
		return Claims{}, errors.New("the token is not valid yet")
	case c.Subject == "":
		return Claims{}, errors.New("the token names no subject")
	}
	return c.Claims, nil
}

// key returns the public key with that id, from memory whenever possible. Who names a key that
// is fresh, or that the issuer being away makes the best there is, waits for nothing.
func (v *Verifier) key(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	found, flight := v.look(ctx, kid)
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return jose.JSONWebKey{}, fmt.Errorf("%w: %w", errUnavailable, ctx.Err())
		}
		v.mu.Lock()
		found = v.keys.find(kid, v.now())
		v.mu.Unlock()
	}
	if found != nil {
		return *found, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.failure != nil && len(v.keys.Keys) > 0 && !v.now().Before(v.keys.discardedAt):
		return jose.JSONWebKey{}, fmt.Errorf("%w, and those at hand are too old to be trusted: %w", errUnavailable, v.failure)
	case v.failure != nil: // the key may well be a new one
		return jose.JSONWebKey{}, fmt.Errorf("%w: %w", errUnavailable, v.failure)
	}
	return jose.JSONWebKey{}, errors.New("the token was signed with a key that the issuer does not publish")
}

// look returns the key, if it is known, and the fetch to wait for, if waiting may help.
func (v *Verifier) look(ctx context.Context, kid string) (*jose.JSONWebKey, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	found := v.keys.find(kid, now)
	if found != nil && now.Before(v.keys.freshTill) {
		return found, nil
	}
	if v.flight == nil && now.Sub(v.triedAt) >= refetchPause {
		v.triedAt, v.flight = now, make(chan struct{})
		// Not the request's context: whoever waits for the same keys needs them too.
		go v.refresh(context.WithoutCancel(ctx), v.flight)
	}
	// A key past its age is used at once while it is being renewed in time, or when the issuer
	// is known to be away. Otherwise this service was idle: the key may have been withdrawn.
	if found != nil && (v.failure != nil || now.Before(v.keys.renewTill)) {
		return found, nil
	}
	return found, v.flight
}

// refresh fetches the keys and then wakes those who wait on done.
func (v *Verifier) refresh(ctx context.Context, done chan struct{}) {
	keys, err := v.fetch(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failure = err; err == nil {
		v.keys = keys
	}
	v.flight = nil
	close(done)
}

func (s keySet) find(kid string, now time.Time) *jose.JSONWebKey {
	if !now.Before(s.discardedAt) {
		return nil
	}
	for _, k := range s.Keys {
		if kid != "" && k.KeyID == kid && k.Use == "sig" && k.IsPublic() {
			return &k
		}
	}
	return nil
}

// fetch asks the discovery document where the keys are (RFC 8414 §3) and reads them.
func (v *Verifier) fetch(ctx context.Context) (keySet, error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if _, err := v.get(ctx, v.issuer+"/.well-known/openid-configuration", &metadata); err != nil {
		return keySet{}, err
	}
	if metadata.Issuer != v.issuer { // RFC 8414 §3.3
		return keySet{}, fmt.Errorf("the discovery document is that of %q", metadata.Issuer)
	}
	var keys keySet
	header, err := v.get(ctx, metadata.JWKSURI, &keys.JSONWebKeySet)
	if err != nil {
		return keySet{}, err
	}
	age := directive(header, "max-age")
	keys.freshTill = v.now().Add(min(max(age, minKeyAge), maxKeyAge))
	renew := directive(header, "stale-while-revalidate")
	stale := directive(header, "stale-if-error")
	keys.renewTill = keys.freshTill.Add(min(renew, maxStale))
	keys.discardedAt = keys.freshTill.Add(min(max(renew, stale), maxStale))
	return keys, nil
}

func (v *Verifier) get(ctx context.Context, url string, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", url, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return res.Header, nil
}

// directive reads a duration of Cache-Control (RFC 9111 §5.2.2, RFC 5861); 0 if it is not there.
func directive(h http.Header, name string) time.Duration {
	for d := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		n, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		if seconds, err := strconv.ParseUint(value, 10, 31); err == nil && strings.EqualFold(n, name) {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}
