package ratelimit

import (
	"errors"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

// Policy says how one kind of counter slows attempts down: the first Free failures cost
// nothing, the one that reaches Free is followed by a pause of Base, each further one by twice
// the pause before, up to Max. From Limit failures on the pause is Rest.
type Policy struct {
	// Free is how many failures go unpunished, the last of them followed by Base. At least 1.
	Free int
	// Base is the first pause and Max the longest before Limit.
	Base, Max time.Duration
	// Limit is the number of failures after which the pause is Rest; 0 for none.
	Limit int
	// Rest is the pause from Limit on. [Never] disables the key until it is reset.
	Rest time.Duration
	// Window is the life of a counter: once it has passed, counting starts afresh. It starts
	// with the first failure or, if Sliding, with the last.
	Window time.Duration
	// Sliding counts Window from the last failure, so that only a quiet time forgets. A pause
	// that is longer than Window outlives it.
	Sliding bool
}

// Never is a [Policy.Rest] after which only [Limiter.Succeeded] and [Limiter.Forgive] open
// the key again. It is a century rather than the greatest duration, so that it can be added
// to a time and stored.
const Never = 100 * 365 * 24 * time.Hour

// Policies are those of each kind of counter. The zero value of each means its default.
type Policies struct {
	Account, Address, Device Policy
}

// DefaultPolicies slow guessing at one account to at most one in 15 minutes after the first
// ten, and to one a day from 100 consecutive failures on. SP 800-63B-4 §3.2.2 asks to disable
// the password there; one guess a day has the same effect on an attacker and lets the owner in
// from a new browser on a good day, but an operator who needs the letter sets Rest to [Never].
//
// An address gets 50 failures in 15 minutes, since an office or a carrier's gateway shares one.
// Successful attempts are given back and never count.
func DefaultPolicies() Policies {
	account := Policy{
		Free: 5, Base: 30 * time.Second, Max: 15 * time.Minute,
		Limit: 100, Rest: 24 * time.Hour, Window: 30 * 24 * time.Hour, Sliding: true,
	}
	return Policies{
		Account: account,
		Device:  account,
		Address: Policy{Free: 50, Base: time.Minute, Max: 15 * time.Minute, Window: 15 * time.Minute},
	}
}

func (p Policies) withDefaults() Policies {
	d := DefaultPolicies()
	for _, pair := range [][2]*Policy{{&p.Account, &d.Account}, {&p.Address, &d.Address}, {&p.Device, &d.Device}} {
		if *pair[0] == (Policy{}) {
			*pair[0] = *pair[1]
		}
	}
	return p
}

func (p Policy) validate() error {
	var faults []error
	if p.Free < 1 {
		faults = append(faults, fmt.Errorf("free failures are %d: use 1 or more", p.Free))
	}
	if p.Base < time.Second || p.Max < p.Base || p.Max > Never {
		faults = append(faults, fmt.Errorf("pauses grow from %v to %v: use 1s or more, growing", p.Base, p.Max))
	}
	if p.Window < p.Base || p.Window > Never {
		faults = append(faults, fmt.Errorf("window is %v: use the first pause or more", p.Window))
	}
	if p.Limit < 0 || (p.Limit > 0 && (p.Limit < p.Free || p.Rest < p.Max || p.Rest > Never)) {
		faults = append(faults, fmt.Errorf("limit is %d with a rest of %v: use 0, or no less than the free failures and the longest pause", p.Limit, p.Rest))
	}
	return errors.Join(faults...)
}

func (p Policies) validate() error {
	var faults []error
	for name, policy := range map[string]Policy{"account": p.Account, "address": p.Address, "device": p.Device} {
		if err := policy.validate(); err != nil {
			faults = append(faults, fmt.Errorf("throttling per %s: %w: %w", name, errdefs.ErrInvalid, err))
		}
	}
	return errors.Join(faults...)
}

// Pause is how long a key is blocked once failures have been counted on it. A [Store] that
// computes it elsewhere must agree with it.
func (p Policy) Pause(failures int) time.Duration {
	switch {
	case failures < p.Free:
		return 0
	case p.Limit > 0 && failures >= p.Limit:
		return p.Rest
	}
	pause := p.Base
	for range min(failures-p.Free, 62) {
		if pause *= 2; pause >= p.Max {
			return p.Max
		}
	}
	return pause
}
