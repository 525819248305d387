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
	// refetchPause is the least time between two fetches that unknown key ids cause: a caller
	// who invents key ids must not turn this service against the issuer.
	refetchPause = 10 * time.Second
	minKeyAge    = time.Minute
	maxKeyAge    = 24 * time.Hour
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
// which it keeps as long as the issuer's Cache-Control allows. Build it with NewVerifier; it is
// safe for concurrent use.
type Verifier struct {
	issuer, audience string
	client           *http.Client
	now              func() time.Time

	mu        sync.Mutex // held during a fetch too: the others wait for its result
	keys      jose.JSONWebKeySet
	freshTill time.Time
	triedAt   time.Time
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

// key returns the public key with that id, from memory whenever possible.
func (v *Verifier) key(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	found := v.find(kid)
	stale := !now.Before(v.freshTill)
	if (stale || found == nil) && now.Sub(v.triedAt) >= refetchPause {
		v.triedAt = now
		// Not the request's context: whoever waits behind this request needs the keys too.
		err := v.fetch(context.WithoutCancel(ctx))
		if found = v.find(kid); err != nil && found == nil {
			v.triedAt = time.Time{} // a failure teaches nothing about the key id
			return jose.JSONWebKey{}, fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	if found == nil {
		return jose.JSONWebKey{}, errors.New("the token was signed with a key that the issuer does not publish")
	}
	return *found, nil
}

func (v *Verifier) find(kid string) *jose.JSONWebKey {
	for _, k := range v.keys.Keys {
		if kid != "" && k.KeyID == kid && k.Use == "sig" && k.IsPublic() {
			return &k
		}
	}
	return nil
}

// fetch asks the discovery document where the keys are (RFC 8414 §3) and reads them.
func (v *Verifier) fetch(ctx context.Context) error {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if _, err := v.get(ctx, v.issuer+"/.well-known/openid-configuration", &metadata); err != nil {
		return err
	}
	if metadata.Issuer != v.issuer { // RFC 8414 §3.3
		return fmt.Errorf("the discovery document is that of %q", metadata.Issuer)
	}
	var keys jose.JSONWebKeySet
	header, err := v.get(ctx, metadata.JWKSURI, &keys)
	if err != nil {
		return err
	}
	v.keys = keys
	v.freshTill = v.now().Add(maxAge(header))
	return nil
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

// maxAge reads how long a document may be kept (RFC 9111 §5.2.2.1), within bounds.
func maxAge(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.ParseUint(value, 10, 31); err == nil && strings.EqualFold(name, "max-age") {
			return min(max(time.Duration(seconds)*time.Second, minKeyAge), maxKeyAge)
		}
	}
	return minKeyAge
}
