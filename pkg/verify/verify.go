package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

// Verifier judges the access tokens that one issuer made for one audience. Build it with New; it
// is safe for concurrent use.
type Verifier struct {
	c     Config
	set   keySet // nil when the KeySource is none
	cache *cache // nil when nothing is remembered
}

// keySet is what a *jwks.Set can do besides finding keys; so can a KeySource that embeds one.
type keySet interface {
	Health() jwks.Health
	Ready(ctx context.Context) error
	Refresh(ctx context.Context) error
}

// New returns the verifier that c describes. It never waits for the network: the first tokens wait
// for the keys, or call Ready. Fetching keys ends with ctx. The error names everything that is
// wrong with c.
func New(ctx context.Context, c Config) (*Verifier, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	c.Algorithms = slices.Clone(c.Algorithms)
	v := &Verifier{c: c}
	if c.Keys == nil {
		set, err := jwks.New(ctx, jwks.Config{URL: c.JWKSURL, Client: c.Client, CacheFile: c.CacheFile, Now: c.Now, Log: c.Log})
		if err != nil {
			return nil, err
		}
		v.c.Keys = set
	}
	v.set, _ = v.c.Keys.(keySet)
	if c.CacheSize > 0 {
		v.cache = newCache(c.CacheSize)
	}
	return v, nil
}

// Verify checks everything that the package documentation lists and returns what the token says.
// The claims are shared by all who present the token: do not change them.
//
// The error wraps exactly one of this package's reasons. When errors.Is(err, ErrInvalidToken), the
// token is no good: answer 401. Otherwise it could not be judged (ErrUnavailable,
// ErrRevocationStale): answer 503. The text is for logs, never for the caller outside.
//
// It waits for the network only when no keys were ever loaded or the kid is unknown, and not after
// ctx ends (ErrUnavailable).
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if len(token) > MaxTokenSize {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxTokenSize)
	}
	now := v.c.Now()
	var input string
	var id digest
	if v.cache != nil {
		input, id = split(token)
		if e := v.cache.get(input, id); e != nil && v.stillGood(e) {
			return v.admit(e.claims, now)
		}
	}
	c, k, err := v.authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	now = v.c.Now() // the keys may have taken a while
	if c, err = v.admit(c, now); err != nil {
		return nil, err
	}
	if v.cache != nil {
		v.cache.put(id, &entry{strings.Clone(input), c, k, c.Expiry.Add(v.c.Leeway)}, now)
	}
	return c, nil
}

// stillGood reports whether the key that signed a remembered token is still the issuer's.
func (v *Verifier) stillGood(e *entry) bool {
	k, ok := v.c.Keys.Lookup(e.key.ID)
	return ok && sameKey(k, e.key)
}

// authenticate checks all that does not depend on the time.
func (v *Verifier) authenticate(ctx context.Context, token string) (*Claims, keys.Key, error) {
	if strings.Count(token, ".") == 4 { // RFC 7516 §3.1
		return nil, keys.Key{}, fmt.Errorf("%w: five segments, as JWE has", ErrNested)
	}
	u, err := keys.Parse(token)
	switch {
	case err != nil:
		return nil, keys.Key{}, translate(err)
	case nests(u.ContentType):
		return nil, keys.Key{}, fmt.Errorf("%w: cty is %.64q", ErrNested, u.ContentType)
	case !u.IsType("at+jwt"): // RFC 9068 §2.1, §4
		return nil, keys.Key{}, fmt.Errorf("%w: typ is %.64q, not at+jwt", ErrType, u.Type)
	case !slices.Contains(v.c.Algorithms, u.Algorithm):
		return nil, keys.Key{}, fmt.Errorf("%w: %s", ErrAlgorithm, u.Algorithm)
	}
	k, err := v.key(ctx, u.KeyID)
	if err != nil {
		return nil, keys.Key{}, err
	}
	payload, err := u.Verify(k)
	if err != nil {
		return nil, keys.Key{}, translate(err)
	}
	c, err := parseClaims(string(payload))
	if err != nil {
		return nil, keys.Key{}, err
	}
	if c.Issuer != v.c.Issuer {
		return nil, keys.Key{}, fmt.Errorf("%w: iss is %.128q, not %q", ErrIssuer, c.Issuer, v.c.Issuer)
	}
	if !slices.Contains(c.Audience, v.c.Audience) {
		return nil, keys.Key{}, fmt.Errorf("%w: aud is %.256q, without %q", ErrAudience, strings.Join(c.Audience, " "), v.c.Audience)
	}
	return c, k, nil
}

// key finds the key of an untrusted kid. The entry in the cache must find it again, so the key
// goes by that kid.
func (v *Verifier) key(ctx context.Context, kid string) (keys.Key, error) {
	if kid == "" { // the issuer always names one; nobody is asked for it
		return keys.Key{}, fmt.Errorf("%w: the token names none", ErrUnknownKey)
	}
	k, ok := v.c.Keys.Lookup(kid)
	if !ok {
		var err error
		k, err = v.c.Keys.Key(ctx, kid)
		switch {
		case errors.Is(err, jwks.ErrUnknownKey):
			return keys.Key{}, fmt.Errorf("%w: %w", ErrUnknownKey, err)
		case errors.Is(err, ErrUnknownKey):
			return keys.Key{}, err
		case err != nil:
			return keys.Key{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	k.ID = kid
	return k, nil
}

// admit checks what can change from one call to the next.
func (v *Verifier) admit(c *Claims, now time.Time) (*Claims, error) {
	switch leeway := v.c.Leeway; {
	case !now.Before(c.Expiry.Add(leeway)):
		return nil, fmt.Errorf("%w: exp is %s, it is %s", ErrExpired, stamp(c.Expiry), stamp(now))
	case now.Before(c.NotBefore.Add(-leeway)):
		return nil, fmt.Errorf("%w: nbf is %s, it is %s", ErrNotYetValid, stamp(c.NotBefore), stamp(now))
	case now.Before(c.IssuedAt.Add(-leeway)):
		return nil, fmt.Errorf("%w: iat is %s, it is %s: compare the clocks", ErrNotYetValid, stamp(c.IssuedAt), stamp(now))
	}
	if v.c.Revocation != nil {
		if err := v.c.Revocation.Check(c, now); err != nil {
			if errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrRevocationStale) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", ErrRevocationStale, err)
		}
	}
	return c, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// nests reports whether a cty says that the payload is itself a token (RFC 7519 §5.2).
func nests(cty string) bool {
	const prefix = "application/"
	if len(cty) > len(prefix) && strings.EqualFold(cty[:len(prefix)], prefix) {
		cty = cty[len(prefix):]
	}
	return strings.EqualFold(cty, "JWT") || len(cty) > 4 && strings.EqualFold(cty[len(cty)-4:], "+jwt")
}

// translate turns the reasons of package keys into those of this one.
func translate(err error) error {
	reason := ErrMalformed
	switch {
	case errors.Is(err, keys.ErrSignature):
		reason = ErrSignature
	case errors.Is(err, keys.ErrAlgorithm):
		reason = ErrAlgorithm
	case errors.Is(err, keys.ErrKey):
		// A key that its own source should have passed over: nothing can be said of the token.
		reason = ErrUnavailable
	}
	return fmt.Errorf("%w: %w", reason, err)
}

// Health says whether there are keys to judge by. With a KeySource that neither is nor embeds a
// *jwks.Set it cannot tell and returns the zero Health.
func (v *Verifier) Health() jwks.Health {
	if v.set == nil {
		return jwks.Health{}
	}
	return v.set.Health()
}

// Ready waits until the first keys are there or ctx ends. It returns nil at once with a KeySource
// that neither is nor embeds a *jwks.Set.
func (v *Verifier) Ready(ctx context.Context) error {
	if v.set == nil {
		return nil
	}
	return v.set.Ready(ctx)
}

// Refresh fetches the keys now, for one who was told that they changed. It does nothing with a
// KeySource that neither is nor embeds a *jwks.Set.
func (v *Verifier) Refresh(ctx context.Context) error {
	if v.set == nil {
		return nil
	}
	return v.set.Refresh(ctx)
}
