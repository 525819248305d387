package password

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// The defaults are OWASP's first recommendation for argon2id after the 46 MiB one.
const (
	DefaultMemory      = 19 * 1024 // KiB
	DefaultTime        = 2
	DefaultParallelism = 1
)

// queuePerSlot is how many callers may wait for each one that hashes: at about 20 ms a hash
// the last in a full queue waits a few hundred milliseconds, which a person does not notice.
const queuePerSlot = 16

// floors are the equivalent parameter pairs of OWASP's password storage recommendation for
// argon2id at one lane: a configuration must reach both numbers of at least one pair.
var floors = [...]struct{ memory, time uint32 }{
	{46 * 1024, 1}, {19 * 1024, 2}, {12 * 1024, 3}, {9 * 1024, 4}, {7 * 1024, 5},
}

// Config is what a [Hasher] is built from. The zero value of each field means its default.
type Config struct {
	// Memory is argon2id's memory cost in KiB. Default 19456.
	Memory uint32
	// Time is argon2id's number of passes. Default 2.
	Time uint32
	// Parallelism is argon2id's number of lanes. Default 1.
	Parallelism uint8
	// Concurrency is how many hashes of the configured memory run at once; a costlier
	// imported hash takes several places. Memory in use stays below Concurrency × Memory,
	// or that of a single imported hash when it alone is larger (at most 256 MiB).
	// Default 2 × GOMAXPROCS.
	Concurrency int
	// MaxQueue is how many callers may wait for a place; further ones are refused with
	// errdefs.ErrUnavailable at once. Default 16 × Concurrency.
	MaxQueue int
	// Observer receives measurements. Optional.
	Observer Observer
	// Now is the clock for Observer's durations. Required with Waited or Hashed.
	Now func() time.Time
}

// Observer holds the hooks through which metrics are gathered. Each may be nil; each must be
// quick and safe for concurrent use.
type Observer struct {
	// Waited reports how long a caller stood in the queue (zero when a place was free).
	Waited func(time.Duration)
	// Hashed reports the time one computation took, by algorithm ("argon2id", "bcrypt", …).
	Hashed func(algorithm string, took time.Duration)
	// Refused reports a caller turned away because the queue was full.
	Refused func()
}

func (c Config) withDefaults() Config {
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.Time == 0 {
		c.Time = DefaultTime
	}
	if c.Parallelism == 0 {
		c.Parallelism = DefaultParallelism
	}
	if c.Concurrency == 0 {
		c.Concurrency = 2 * runtime.GOMAXPROCS(0)
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = queuePerSlot * c.Concurrency
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	if !c.aboveFloor() {
		faults = append(faults, fmt.Errorf(
			"argon2id with %d KiB and %d passes is too weak: use at least 19456 KiB with 2 passes or 47104 KiB with 1",
			c.Memory, c.Time))
	}
	if err := checkArgon2Cost(c.Memory, c.Time, uint32(c.Parallelism)); err != nil {
		faults = append(faults, err)
	}
	if c.Concurrency < 1 {
		faults = append(faults, fmt.Errorf("concurrency is %d: use 1 or more", c.Concurrency))
	}
	if c.MaxQueue < 0 {
		faults = append(faults, fmt.Errorf("queue length is %d: use 0 for the default, or more", c.MaxQueue))
	}
	if (c.Observer.Waited != nil || c.Observer.Hashed != nil) && c.Now == nil {
		faults = append(faults, errors.New("an observer of durations needs Now"))
	}
	return errors.Join(faults...)
}

func (c Config) aboveFloor() bool {
	for _, f := range floors {
		if c.Memory >= f.memory && c.Time >= f.time {
			return true
		}
	}
	return false
}
