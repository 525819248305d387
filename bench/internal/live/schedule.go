package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// Lifetime is that of every token of a live run: the least that the server's settings allow.
const Lifetime = time.Minute

// outage is how long a replica signs on when it cannot load the keys: Removal is that much more than its
// bound, in which the signer lag is already.
const outage = 9 * time.Second

// Hasty returns a schedule with a period of seconds. Everything is as small as whole seconds allow, and
// the lead exactly at its bound.
func Hasty() keys.Schedule {
	s := keys.Schedule{
		MaxAge: time.Second, StaleIfError: time.Second,
		Propagation: time.Second, Refetch: time.Second, SignerLag: time.Second, Leeway: time.Second,
		MaxLifetime: Lifetime, Caches: 1, Period: 6 * time.Second,
	}
	s.Lead, s.Removal = s.MinLead(), s.MinRemoval()+outage
	return s
}

// Calm returns the schedule of the drill: no rotation comes in its way, as it hardly ever would in
// production, and the headers let verifiers keep keys for maxAge.
func Calm(maxAge time.Duration) keys.Schedule {
	s := Hasty()
	s.MaxAge, s.Period = maxAge, time.Hour
	s.Lead = s.MinLead()
	return s
}

// Settings are those of a server with that schedule, as environment variables.
func Settings(s keys.Schedule, algorithms []keys.Algorithm) []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, string(a))
	}
	out := []string{
		"SIGNET_TOKENS_ACCESS_TTL=" + s.MaxLifetime.String(), "SIGNET_TOKENS_ID_TTL=" + s.MaxLifetime.String(),
		"SIGNET_KEYS_ALGORITHMS=" + strings.Join(names, ","), fmt.Sprintf("SIGNET_KEYS_CACHES=%d", s.Caches),
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"PERIOD", s.Period}, {"LEAD", s.Lead}, {"REMOVAL", s.Removal}, {"JWKS_MAX_AGE", s.MaxAge},
		{"JWKS_STALE_WHILE_REVALIDATE", s.StaleWhileRevalidate}, {"JWKS_STALE_IF_ERROR", s.StaleIfError},
		{"PROPAGATION", s.Propagation}, {"REFETCH", s.Refetch}, {"SIGNER_LAG", s.SignerLag}, {"LEEWAY", s.Leeway}, {"FLOOR", s.Floor},
	} {
		out = append(out, "SIGNET_KEYS_"+d.name+"="+d.value.String())
	}
	return out
}
