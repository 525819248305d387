package ratelimit

import (
	"context"
	"encoding/hex"
	"time"
)

// Key is the keyed digest under which a counter is stored.
type Key [32]byte

// String is the key in hexadecimal, for logs.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Claim asks a [Store] to count one attempt on Key under Policy.
type Claim struct {
	Key    Key
	Policy Policy
}

// State is a counter after [Store.Take].
type State struct {
	Key Key
	// Taken says that the attempt was counted here.
	Taken bool
	// Failures is the count, this attempt included when Taken.
	Failures int
	// BlockedUntil is when the next attempt will be possible: after now when not Taken because
	// of this key; also when this attempt is the one that starts a pause.
	BlockedUntil time.Time
}

// Store keeps the counters of all replicas. A counter that does not exist, or whose window has
// passed and which is not blocked, has no failures.
type Store interface {
	// Take counts an attempt on every claimed key, unless one of them is blocked at now, and
	// returns one State for each claim in any order. A key is blocked while its BlockedUntil is
	// after now. Counting is atomic per key: of two concurrent calls the second sees the first
	// one's count and pause. It need not be atomic across keys: when a concurrent call blocks
	// one key midway, the others may come back Taken and the Limiter gives them back.
	//
	// Counting adds 1 to the failures (1 for a fresh counter), restarts the window of a fresh
	// or sliding one, and sets BlockedUntil to now plus Policy.Pause(failures).
	Take(ctx context.Context, claims []Claim, now time.Time) ([]State, error)

	// Settle forgets the counters of reset, and takes one failure back from each of refund
	// (never below none) and ends its pause: the attempt that is given back was allowed, so
	// any pause since then is its own.
	Settle(ctx context.Context, reset, refund []Key, now time.Time) error
}
