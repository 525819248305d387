package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// Kind is what a counter counts by.
type Kind string

// The kinds of counters.
const (
	Account Kind = "account"
	Address Kind = "address"
	Device  Kind = "device"
)

// Attempt is one attempt to sign in.
type Attempt struct {
	// Account is the name that was entered, or the account's stable identifier in a later step
	// (a second factor). Case, width and surrounding space do not matter. Required.
	Account string
	// Address is the client's, as established from trusted proxies. IPv6 addresses count by
	// their /64, since a subscriber commands all of it. Required.
	Address netip.Addr
	// Device identifies a browser that signed in to this very account before, as proven by a
	// cookie that the caller has verified; empty otherwise. It is bound to Account here, so a
	// device known to one account is nobody to another.
	Device string
}

// Decision says whether an attempt may go on.
type Decision struct {
	// Allowed attempts have been counted as a failure, until Succeeded or Withdrawn.
	Allowed bool
	// RetryAfter is how long to wait when not Allowed; above zero then. Round it up to show it.
	RetryAfter time.Duration
	// By is the kind of counter that refused, the one with the longest wait.
	By Kind
	// Exhausted says that the counter that refused has reached its Limit: show the way to
	// reset the password, and tell the operator.
	Exhausted bool
}

// Config is what a [Limiter] is built from.
type Config struct {
	// Secret keys the digests; at least 32 bytes, the same on every replica. A change forgets
	// all counters.
	Secret secret.Text
	// Policies; the zero value of each means its default.
	Policies Policies
	// Store keeps the counters.
	Store Store
}

// Limiter decides about attempts. Safe for concurrent use when its Store is.
type Limiter struct {
	secret   []byte
	policies Policies
	store    Store
}

// New checks cfg and builds a Limiter. The error lists every fault of the policies.
func New(cfg Config) (*Limiter, error) {
	if len(cfg.Secret.Reveal()) < sha256.Size || cfg.Store == nil {
		return nil, fmt.Errorf("throttling: a store and a secret of %d bytes or more are needed: %w", sha256.Size, errdefs.ErrInvalid)
	}
	policies := cfg.Policies.withDefaults()
	if err := policies.validate(); err != nil {
		return nil, err
	}
	return &Limiter{secret: []byte(cfg.Secret.Reveal()), policies: policies, store: cfg.Store}, nil
}

// Check counts a as a failed attempt and reports whether it may go on. Call it before looking
// at the password, then Succeeded if it was right; Withdrawn if it was never tested; nothing
// if it was wrong. An error of the store is returned as it is: refuse the sign-in, as it could
// not go on without the database either. An attempt without account or address is
// errdefs.ErrInvalid.
func (l *Limiter) Check(ctx context.Context, a Attempt, now time.Time) (Decision, error) {
	if err := a.validate(); err != nil {
		return Decision{}, err
	}
	return l.take(ctx, l.counters(a), now)
}

// take counts on every one of counters, or on none.
func (l *Limiter) take(ctx context.Context, counters []counter, now time.Time) (Decision, error) {
	claims := make([]Claim, len(counters))
	byKey := make(map[Key]counter, len(counters))
	for i, c := range counters {
		claims[i] = c.Claim
		byKey[c.Key] = c
	}
	states, err := l.store.Take(ctx, claims, now)
	if err != nil {
		return Decision{}, fmt.Errorf("throttling: %w", err)
	}
	decision := Decision{Allowed: len(states) == len(claims)}
	var taken []Key
	for _, s := range states {
		c, known := byKey[s.Key]
		if !known {
			return Decision{}, fmt.Errorf("throttling: the store answered for a key that was not asked for")
		}
		if s.Taken {
			taken = append(taken, s.Key)
			continue
		}
		decision.Allowed = false
		if wait := s.BlockedUntil.Sub(now); wait > decision.RetryAfter {
			decision.RetryAfter, decision.By = wait, c.kind
			decision.Exhausted = c.Policy.Limit > 0 && s.Failures >= c.Policy.Limit
		}
	}
	if decision.Allowed {
		return decision, nil
	}
	// A refused attempt must not count anywhere: otherwise one whose address is blocked could
	// still be used to block other people's accounts.
	if len(taken) > 0 {
		if err := l.store.Settle(ctx, nil, taken, now); err != nil {
			return Decision{}, fmt.Errorf("throttling: %w", err)
		}
	}
	if decision.RetryAfter <= 0 { // blocked by a concurrent attempt a moment ago
		decision.RetryAfter, decision.By = counters[0].Policy.Base, counters[0].kind
	}
	return decision, nil
}

// Succeeded ends an allowed attempt that signed the person in: the counters of account and
// device start afresh (SP 800-63B-4 §3.2.2), and the address gets this one attempt back. It
// gets no more, or one good account would wash away the guesses at others.
func (l *Limiter) Succeeded(ctx context.Context, a Attempt, now time.Time) error {
	if err := a.validate(); err != nil {
		return err
	}
	reset := []Key{l.accountKey(a)}
	var refund []Key
	if a.Device != "" {
		reset = append(reset, l.deviceKey(a))
	} else {
		refund = append(refund, l.addressKey(a))
	}
	return l.settle(ctx, reset, refund, now)
}

// Withdrawn ends an allowed attempt whose password was never tested (the hashing queue was
// full, a dependency failed): it does not count.
func (l *Limiter) Withdrawn(ctx context.Context, a Attempt, now time.Time) error {
	if err := a.validate(); err != nil {
		return err
	}
	var refund []Key
	for _, c := range l.counters(a) {
		refund = append(refund, c.Key)
	}
	return l.settle(ctx, nil, refund, now)
}

// Forgive opens an account again, as after a password reset that proved who the person is. The
// counters of known devices stay.
func (l *Limiter) Forgive(ctx context.Context, account string, now time.Time) error {
	if normalised(account) == "" {
		return fmt.Errorf("throttling: account is missing: %w", errdefs.ErrInvalid)
	}
	return l.settle(ctx, []Key{l.accountKey(Attempt{Account: account})}, nil, now)
}

func (l *Limiter) settle(ctx context.Context, reset, refund []Key, now time.Time) error {
	if err := l.store.Settle(ctx, reset, refund, now); err != nil {
		return fmt.Errorf("throttling: %w", err)
	}
	return nil
}

func (a Attempt) validate() error {
	if normalised(a.Account) == "" || !a.Address.IsValid() {
		return fmt.Errorf("throttling: account or address is missing: %w", errdefs.ErrInvalid)
	}
	return nil
}

type counter struct {
	Claim
	kind Kind
}

// counters are those that a counts on: a known device has only its own.
func (l *Limiter) counters(a Attempt) []counter {
	if a.Device != "" {
		return []counter{{Claim{l.deviceKey(a), l.policies.Device}, Device}}
	}
	return []counter{
		{Claim{l.accountKey(a), l.policies.Account}, Account},
		{Claim{l.addressKey(a), l.policies.Address}, Address},
	}
}

func (l *Limiter) accountKey(a Attempt) Key { return l.key(Account, normalised(a.Account)) }

func (l *Limiter) deviceKey(a Attempt) Key { return l.key(Device, normalised(a.Account), a.Device) }

func (l *Limiter) addressKey(a Attempt) Key {
	return l.key(Address, Network(a.Address))
}

// Network names what addresses are counted by: an IPv4 address itself, and the /64 of an IPv6 one.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		network, _ := a.Prefix(64) // fails only beyond 128 bits
		a = network.Addr()
	}
	return a.String()
}

// key is HMAC-SHA-256 over the kind and the values, each behind its length so that no two
// lists of values read the same.
func (l *Limiter) key(kind Kind, values ...string) Key {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte("signet ratelimit v1"))
	for _, v := range append([]string{string(kind)}, values...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(v))))
		mac.Write([]byte(v))
	}
	return Key(mac.Sum(nil))
}

func normalised(account string) string {
	return strings.ToLower(norm.NFKC.String(strings.TrimSpace(account)))
}
