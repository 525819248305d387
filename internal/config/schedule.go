package config

import (
	"errors"
	"time"

	"github.com/signet-id/signet/keys"
)

// Schedule returns the schedule by which keys rotate. Every token lives at most as long as the
// longest lifetime that is configured; what lives longer, because its client says so, is recorded.
func (c Config) Schedule() keys.Schedule {
	k, longest := c.Keys, max(c.Tokens.AccessTTL, c.Tokens.IDTTL)
	removal := k.Removal
	if removal == 0 {
		removal = longest + time.Hour
	}
	return keys.Schedule{
		MaxAge:               k.MaxAge,
		StaleWhileRevalidate: k.StaleWhileRevalidate,
		StaleIfError:         k.StaleIfError,
		Propagation:          k.Propagation,
		Refetch:              k.Refetch,
		SignerLag:            k.SignerLag,
		Leeway:               k.Leeway,
		MaxLifetime:          longest,
		Floor:                k.Floor,
		Caches:               k.Caches,
		Lead:                 k.Lead,
		Removal:              removal,
		Period:               k.Period,
	}
}

// scheduleSettings are the settings by the fields of a schedule that they fill.
var scheduleSettings = map[string]string{
	"MaxAge":               "keys.jwks_max_age",
	"StaleWhileRevalidate": "keys.jwks_stale_while_revalidate",
	"StaleIfError":         "keys.jwks_stale_if_error",
	"Propagation":          "keys.propagation",
	"Refetch":              "keys.refetch",
	"SignerLag":            "keys.signer_lag",
	"Leeway":               "keys.leeway",
	"MaxLifetime":          "tokens.access_ttl",
	"Floor":                "keys.floor",
	"Caches":               "keys.caches",
	"Lead":                 "keys.lead",
	"Removal":              "keys.removal",
	"Period":               "keys.period",
}

func validateSchedule(c Config, f *faults) {
	const longest = 1000 * day // their sums fit
	for _, d := range []struct {
		path  string
		value time.Duration
	}{
		{"keys.period", c.Keys.Period}, {"keys.lead", c.Keys.Lead}, {"keys.removal", c.Keys.Removal}, {"keys.floor", c.Keys.Floor},
		{"keys.jwks_max_age", c.Keys.MaxAge}, {"keys.jwks_stale_while_revalidate", c.Keys.StaleWhileRevalidate},
		{"keys.jwks_stale_if_error", c.Keys.StaleIfError}, {"keys.propagation", c.Keys.Propagation},
		{"keys.refetch", c.Keys.Refetch}, {"keys.signer_lag", c.Keys.SignerLag}, {"keys.leeway", c.Keys.Leeway},
	} {
		if d.value < -longest || d.value > longest {
			f.add(d.path, "%s is out of range: write at most %s", format(d.value), format(longest))
			return
		}
	}
	if c.Keys.Caches > 10 {
		f.add("keys.caches", "%d is out of range: write at most 10", c.Keys.Caches)
		return
	}
	// Replicas ask the database twice in each of them, and no more than ten times a second.
	const least = 200 * time.Millisecond
	f.require("keys.propagation", c.Keys.Propagation >= least, "%s is shorter than replicas need: write at least %s", format(c.Keys.Propagation), format(least))
	f.require("keys.signer_lag", c.Keys.SignerLag >= least, "%s is shorter than replicas need: write at least %s", format(c.Keys.SignerLag), format(least))
	err := c.Schedule().Validate()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if bound, ok := errors.AsType[*keys.BoundError](err); ok {
				f.add(scheduleSettings[bound.Field], "%s", bound.Text)
			}
		}
	}
}
