//go:build !linux

package measure

import "time"

// newSleeper returns the best sleep that the system offers.
func newSleeper() (sleep func(time.Duration), done func()) { return time.Sleep, func() {} }
