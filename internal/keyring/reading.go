package keyring

import "time"

// reading is the time by the store's clock and by this replica's at one instant.
type reading struct{ here, there time.Time }

// now returns the time by the store's clock when it is here by this replica's. What has passed since is
// measured by the monotonic clock, so that nobody signs too early or too late because a replica's
// clock is set.
func (r *reading) now(here time.Time) time.Time { return r.there.Add(here.Sub(r.here)) }

// next returns the reading that follows from an answer of the store, which told its time somewhere
// between asked and answered. r, which may be nil, is believed as far as the answer allows: one that
// took long says little.
func (r *reading) next(asked, answered, told time.Time) *reading {
	told = told.Round(0)
	latest := told.Add(answered.Sub(asked))
	if r == nil {
		return &reading{answered, told.Add(answered.Sub(asked) / 2)}
	}
	there := r.now(answered)
	if there.Before(told) {
		there = told
	}
	if there.After(latest) {
		there = latest
	}
	return &reading{answered, there}
}
