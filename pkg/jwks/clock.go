package jwks

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// elapsed returns the time from one reading of the clock to a later one: the greater of what the
// monotonic and the wall clock say. The first stands still while most machines sleep, the second
// can be set back; neither may prolong the life of a key. It is negative only if the clock has no
// monotonic reading and was set back.
func elapsed(from, now time.Time) time.Duration {
	return max(now.Sub(from), now.Round(0).Sub(from.Round(0)))
}

// passed reports whether d went by. A clock that was set back says nothing about that, so then
// it did: for what is asked again, too early does less harm than never.
func passed(from, now time.Time, d time.Duration) bool {
	e := elapsed(from, now)
	return e >= d || e < 0
}

// spread returns d times a random factor of at least from and less than to.
func spread(d time.Duration, from, to float64) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	unit := float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
	return time.Duration(float64(d) * (from + unit*(to-from)))
}
