package measure

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// newSleeper returns a sleep that is right to some microseconds, for the goroutine that calls
// it, and a function that ends its use. Go's own timers may be a millisecond late while the
// process waits for the network.
func newSleeper() (sleep func(time.Duration), done func()) {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // at worst sleeps stay 50 µs late
	sleep = func(d time.Duration) {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil) // interrupted, it returns early, and the caller looks at the clock
	}
	return sleep, runtime.UnlockOSThread
}
