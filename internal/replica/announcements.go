// Package replica is what a replica needs to answer from memory what other replicas may
// change: how recently it was sure to have heard of every change, and a cache that forgets
// reliably.
//
// It does not know what is announced, nor how: the database's channels are package postgres,
// who is told of what is package app.
package replica

import (
	"sync/atomic"
	"time"
)

// Freshness is how old a replica's knowledge may be before it asks the store: a change is heeded
// everywhere within that time, also while announcements are lost.
const Freshness = time.Second

// Announcements knows whether changes that others make are heard of. The zero value has heard of
// nothing.
type Announcements struct {
	// known is the time up to which nothing is missing, in Unix nanoseconds; 0 is never.
	known atomic.Int64
}

// Confirm says that every change made before at has been heeded.
func (a *Announcements) Confirm(at time.Time) { a.known.Store(at.UnixNano()) }

// Lost says that announcements no longer arrive: nothing is current until the next Confirm.
func (a *Announcements) Lost() { a.known.Store(0) }

// Current reports whether nothing is missing that was announced more than Freshness before now.
// It is not when the clock was set back, until the next Confirm.
func (a *Announcements) Current(now time.Time) bool {
	age := now.UnixNano() - a.known.Load()
	return age >= 0 && age <= int64(Freshness)
}
