package verify_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/verify"
)

func TestATokenSeenAgainIsNotVerifiedAgain(t *testing.T) {
	t.Parallel()
	token := mint(t, pairs()[keys.ES256], nil)
	for size, same := range map[int]bool{0: true, 16: true, -1: false} {
		v := build(t, func(c *verify.Config) { c.CacheSize = size })
		first, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		again, err := v.Verify(t.Context(), token)
		if err != nil || (first == again) != same {
			t.Errorf("with CacheSize %d the same claims: %v, %v", size, first == again, err)
		}
	}
}

// An ES256 signature has a twin. It verifies, as the standard has it, and gains nothing: neither
// the claims nor what is known about the jti depend on the bytes.
func TestAMalleatedSignatureDodgesNothing(t *testing.T) {
	t.Parallel()
	revoked := false
	v := build(t, func(c *verify.Config) {
		c.Revocation = revocations(func(c *verify.Claims, _ time.Time) error {
			if revoked && c.ID == "jti_1" {
				return fmt.Errorf("jti %s: %w", c.ID, verify.ErrRevoked)
			}
			return nil
		})
	})
	token := mint(t, pairs()[keys.ES256], nil)
	other := twin(t, token)
	if other == token || twin(t, other) != token {
		t.Fatal("the twin is none")
	}
	c, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Verify(t.Context(), other)
	if err != nil || d.ID != c.ID || string(d.Raw()) != string(c.Raw()) {
		t.Fatalf("the twin says %+v, %v", d, err)
	}
	revoked = true
	for _, token := range []string{token, other, twin(t, mint(t, pairs()[keys.ES256], nil))} {
		_, err := v.Verify(t.Context(), token)
		refused(t, err, verify.ErrRevoked)
	}
	if _, err := v.Verify(t.Context(), mint(t, pairs()[keys.ES256], map[string]any{"jti": "jti_2"})); err != nil {
		t.Errorf("another token: %v", err)
	}
}

func TestRevocationIsAskedOnEveryCall(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	var answer error
	var calls int
	v := build(t, func(c *verify.Config) {
		c.Revocation = revocations(func(c *verify.Claims, now time.Time) error {
			if calls++; c.ID != "jti_1" || !now.Equal(t0) {
				t.Errorf("asked about %q at %v", c.ID, now)
			}
			return answer
		})
	})
	token := mint(t, pairs()[keys.ES256], nil)
	for i, step := range []struct{ answer, want error }{
		{nil, nil}, {verify.ErrRevoked, verify.ErrRevoked}, {nil, nil},
		{verify.ErrRevocationStale, verify.ErrRevocationStale},
		{fmt.Errorf("too old: %w", verify.ErrRevocationStale), verify.ErrRevocationStale},
		{odd, verify.ErrRevocationStale}, {nil, nil},
	} {
		answer = step.answer
		_, err := v.Verify(t.Context(), token)
		refused(t, err, step.want)
		if !errors.Is(err, step.answer) {
			t.Errorf("%v lost its cause %v", err, step.answer)
		}
		if calls != i+1 {
			t.Fatalf("asked %d times in %d calls", calls, i+1)
		}
	}
	// Nobody is asked about a token that is refused anyhow, nor is a revoked one remembered.
	if _, err := v.Verify(t.Context(), token+"x"); err == nil || calls != 7 {
		t.Errorf("asked %d times, %v", calls, err)
	}
}

func TestAWithdrawnKeyTakesItsTokensWithIt(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	source := publish(p)
	v := build(t, func(c *verify.Config) { c.Keys = source })
	token := mint(t, p, nil)
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	source.withdraw(p.ID)
	_, err = v.Verify(t.Context(), token)
	refused(t, err, verify.ErrUnknownKey)

	source.set(p.ID, p.Key)
	if again, err := v.Verify(t.Context(), token); err != nil || again != first {
		t.Errorf("published again: %v", err)
	}
	// The same key, parsed anew.
	jwk, err := keys.MarshalJWK(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := keys.ParseJWK(jwk)
	if err != nil {
		t.Fatal(err)
	}
	source.set(p.ID, copied)
	if again, err := v.Verify(t.Context(), token); err != nil || again != first {
		t.Errorf("the same key from another document: %v", err)
	}
	// Another key under the same kid.
	stranger, _, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	source.set(p.ID, stranger)
	_, err = v.Verify(t.Context(), token)
	refused(t, err, verify.ErrSignature)
	source.set(p.ID, keys.Key{ID: p.ID, Algorithm: keys.RS256, Public: p.Public})
	_, err = v.Verify(t.Context(), token)
	refused(t, err, verify.ErrAlgorithm)
	source.set(p.ID, pairs()[keys.EdDSA].Key)
	_, err = v.Verify(t.Context(), token)
	refused(t, err, verify.ErrAlgorithm)
}

func TestKeysThatCannotBeHadSayNothingAboutTheToken(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	token := mint(t, p, nil)
	for _, c := range []struct {
		name      string
		err, want error
	}{
		{"the source has no such key", verify.ErrUnknownKey, verify.ErrUnknownKey},
		{"a key set has no such key", fmt.Errorf("x: %w", jwks.ErrUnknownKey), verify.ErrUnknownKey},
		{"a key set has no keys", fmt.Errorf("x: %w", jwks.ErrUnavailable), verify.ErrUnavailable},
		{"the caller has gone", context.Canceled, verify.ErrUnavailable},
		{"the caller has no time", context.DeadlineExceeded, verify.ErrUnavailable},
		{"something else", errors.New("odd"), verify.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := publish(p)
			v := build(t, func(vc *verify.Config) { vc.Keys = source })
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			source.withdraw(p.ID)
			source.err = c.err
			_, err := v.Verify(t.Context(), token)
			refused(t, err, c.want)
			if !errors.Is(err, c.err) {
				t.Errorf("%v lost its cause", err)
			}
		})
	}
}

// A source that hands out a key unfit for its algorithm is at fault, not the token.
func TestAnUnusableKeyIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.ES256]
	source := publish(p)
	source.set(p.ID, keys.Key{ID: p.ID, Algorithm: keys.ES256, Public: pairs()[keys.RS256].Public})
	_, err := build(t, func(c *verify.Config) { c.Keys = source }).Verify(t.Context(), mint(t, p, nil))
	refused(t, err, verify.ErrUnavailable)
}

func TestKnownKeysWaitForNobody(t *testing.T) {
	t.Parallel()
	source := everyKey()
	v := build(t, func(c *verify.Config) { c.Keys = source })
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range pairs() {
		if _, err := v.Verify(done, mint(t, p, nil)); err != nil {
			t.Error(err)
		}
	}
	if source.asked != 0 {
		t.Errorf("Key was called %d times", source.asked)
	}
}

func TestNobodyIsAskedForAKeyWithoutAName(t *testing.T) {
	t.Parallel()
	source := everyKey()
	source.set("", pairs()[keys.EdDSA].Key)
	v := build(t, func(c *verify.Config) { c.Keys = source })
	for _, header := range []string{`{"alg":"EdDSA","typ":"at+jwt"}`, `{"alg":"EdDSA","kid":"","typ":"at+jwt"}`} {
		_, err := v.Verify(t.Context(), forge(t, header, payload(t, nil)))
		refused(t, err, verify.ErrUnknownKey)
	}
	if source.asked != 0 {
		t.Errorf("Key was called %d times", source.asked)
	}
}

// For the race detector: one verifier, many callers, few places in the cache, keys that change.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := pairs()[keys.EdDSA]
	source := everyKey()
	v := build(t, func(c *verify.Config) { c.Keys, c.CacheSize = source, 16 })
	tokens := make([]string, 64)
	for i := range tokens {
		tokens[i] = mint(t, p, map[string]any{"jti": fmt.Sprint(i)})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, token := range tokens {
				c, err := v.Verify(t.Context(), token)
				if err != nil && !errors.Is(err, verify.ErrUnknownKey) || err == nil && c.ID != fmt.Sprint(i) {
					t.Errorf("token %d: %+v, %v", i, c, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 100 {
			source.withdraw(p.ID)
			source.set(p.ID, p.Key)
		}
	})
	wg.Wait()
}
