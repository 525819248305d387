package keys_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

// The simulation: random schedules, and in the life of each an issuer, caches and verifiers in simulated
// time, which is counted by the database's clock. The seed and the number of a run make all of it again.
//
// The issuer is a ring that the planner of this package changes, and nobody else: Schedule.Begin, Step,
// Rotate, Revoke and Align. The rotator acts at once, some time later, or D later; now and then no rotator is
// there for up to two periods and what was announced goes on. A transaction takes its time. Each replica
// hears of a version within D of its decision and publishes by a clock that is off; it signs as the ring
// was up to L ago, or will be up to L hence, and one that the database is out of reach for goes on as
// long as Schedule.Lease. Tokens live up to T; for those that live longer the expiry is stored before they
// are signed. S is what verifiers tolerate and how much the clocks of the verifier, of the replica that signs
// and of the one that no longer publishes are off, taken together.
//
// Before a verifier stand N-1 layers of caches that drop Age, so that age counts anew at each (RFC 9111
// §4.2.3), some from the request and some from the arrival. They serve what is stale while they ask (RFC 5861
// §3) and when they cannot (§4); some let the second begin when the first is over. Caches that tell Age
// may stand between them: what whole seconds round off is a part of R. Every fetch takes up to R, all the
// caches together, and fails beyond. Verifiers ask when a token comes, ahead of time, or, ignoring
// headers, every F. Each link can be down.
//
// A failure is a token that is good by the verifier's clock when the verifier has its document at hand,
// whose kid is not in it. Nobody asks for a kid that is not known: the promise is stronger than that.
// Exempt are tokens of a stolen key and, until it was published for Lead, those of a key that an
// emergency let sign early.
//
// Choices are random, or probably the worst, or the worst at every step (trial.worst); the last kind is
// what finds a failure 1 µs below a bound.
var (
	simulationRuns = flag.Int("simulation.runs", 2000/slowdown, "schedules that the simulation tries")
	simulationSeed = flag.Uint64("simulation.seed", 1, "seed of the simulation")
)

// duration returns a random duration of whatever order of magnitude from least to most, in units of least.
func duration(rng *rand.Rand, least, most time.Duration) time.Duration {
	order := 4 * least
	for order < most && rng.IntN(6) > 0 {
		order *= 4
	}
	return max(least, upTo(rng, min(order, most)).Truncate(least))
}

// some returns such a duration, or 0.
func some(rng *rand.Rand, least, most time.Duration) time.Duration {
	if rng.IntN(3) == 0 {
		return 0
	}
	return duration(rng, least, most)
}

const day = 24 * time.Hour

// anySchedule returns a random schedule at its bounds.
func anySchedule(rng *rand.Rand) keys.Schedule {
	const ms, most = time.Millisecond, 10 * time.Minute
	s := keys.Schedule{
		MaxAge:               duration(rng, time.Second, 2*day),
		StaleWhileRevalidate: some(rng, time.Second, day),
		StaleIfError:         some(rng, time.Second, 14*day),
		Propagation:          duration(rng, ms, most),
		Refetch:              duration(rng, ms, most),
		SignerLag:            duration(rng, ms, most),
		Leeway:               duration(rng, ms, most),
		MaxLifetime:          duration(rng, ms, 30*day),
		Floor:                some(rng, ms, 30*day),
		Caches:               1 + rng.IntN(4),
	}
	atBounds(&s)
	return s
}

func atBounds(s *keys.Schedule) {
	s.Lead, s.Removal = s.MinLead(), s.MinRemoval()
	s.Period = s.Lead
}

// anyLife returns what may happen to an issuer.
func anyLife(rng *rand.Rand, s keys.Schedule) life {
	l := life{end: s.Period*time.Duration(2+rng.IntN(4)) + 2*s.Removal, pace: pace(rng.IntN(3))}
	times := func(n int) (at []instant) {
		from := instant(0)
		for range rng.IntN(n + 1) {
			from += upTo(rng, l.end/2)
			at = append(at, from)
		}
		return at
	}
	if rng.IntN(2) == 0 {
		for _, from := range times(2) {
			l.outages = append(l.outages, span{from, from + upTo(rng, 2*s.Period)})
		}
	}
	if rng.IntN(2) == 0 {
		l.rotations = times(3)
	}
	if rng.IntN(3) == 0 {
		l.thefts = times(2)
	}
	l.long = times(4)
	return l
}

// settings lets the issuer start again with other headers and lifetimes. Lead and Removal must be enough for
// both: documents with the old headers and tokens of the old lifetime are still about.
func settings(rng *rand.Rand, s *keys.Schedule, l *life) {
	to := anySchedule(rng)
	to.Propagation, to.Refetch, to.SignerLag, to.Leeway, to.Caches, to.Floor = s.Propagation, s.Refetch, s.SignerLag, s.Leeway, s.Caches, s.Floor
	lead, removal := max(s.MinLead(), to.MinLead()), max(s.MinRemoval(), to.MinRemoval())
	s.Lead, s.Removal, s.Period = lead, removal, lead
	to.Lead, to.Removal, to.Period = lead, removal, lead+upTo(rng, lead).Truncate(time.Microsecond)
	l.to, l.change = to, max(1, upTo(rng, 3*lead))
}

// run tries one schedule.
func run(rng *rand.Rand, s keys.Schedule, l life, worst func() float64, trials int, count *tally) *issuer {
	i := live(rng, s, l)
	count.schedules++
	for step, n := range i.steps {
		if count.steps == nil {
			count.steps = map[keys.Step]int{}
		}
		count.steps[step] += n
	}
	for range trials {
		w := worst()
		k := i.key(rng.IntN(len(i.ring())))
		if since(k.ActivatedAt) > 0 && since(k.ActivatedAt) < i.life.end {
			newTrial(rng, i, w, count).activation(k)
		}
		if since(k.RemovedAt) > 0 && k.CompromisedAt.IsZero() && !k.RetiredAt.IsZero() {
			newTrial(rng, i, w, count).removal(k)
		}
		if len(i.long) > 0 {
			l := i.long[rng.IntN(len(i.long))]
			newTrial(rng, i, w, count).judge(l.key, l.signed, l.expiry, since(i.key(l.key).RemovedAt))
		}
		if w < 1 {
			newTrial(rng, i, w, count).anything(upTo(rng, i.life.end))
		}
	}
	return i
}

func TestNoVerifierThatHonoursTheHeadersFailsAtTheBounds(t *testing.T) {
	t.Parallel()
	count := &tally{}
	began := time.Now()
	for n := range *simulationRuns {
		rng := rand.New(rand.NewPCG(*simulationSeed, uint64(n)))
		s := anySchedule(rng)
		if err := s.Validate(); err != nil {
			t.Fatalf("run %d: %v", n, err)
		}
		worst := func() float64 { return []float64{0, 0.3, 0.8, 1}[rng.IntN(4)] }
		l := anyLife(rng, s)
		if rng.IntN(4) == 0 {
			settings(rng, &s, &l)
			to := l
			l = anyLife(rng, s)
			l.to, l.change = to.to, to.change
		}
		i := run(rng, s, l, worst, 8, count)
		if len(i.faults) > 0 || len(count.failures) > 0 {
			for _, f := range i.faults {
				t.Error(f)
			}
			for _, f := range count.failures {
				t.Error(f)
			}
			t.Fatalf("run %d of seed %d: %+v\n%+v", n, *simulationSeed, i.life, i.ring())
		}
	}
	t.Logf("%v; in %v", count, time.Since(began))
}

// A bound that is not reached is too low by as little as a database can tell.
func TestJustBelowEveryBoundTheSimulationFindsAFailure(t *testing.T) {
	t.Parallel()
	const least = time.Microsecond
	percent := func(d time.Duration) time.Duration { return max(least, (d / 50).Truncate(least)) }
	rotated := func(s keys.Schedule, _ func(time.Duration) time.Duration) life { // the first successor signs as early as its lead allows
		return life{end: 4*s.MinLead() + 2*s.MinRemoval(), pace: slow, rotations: []instant{s.Lead + 2*s.Propagation}}
	}
	calm := func(s keys.Schedule, _ func(time.Duration) time.Duration) life {
		return life{end: 4*s.MinLead() + 2*s.MinRemoval(), pace: prompt}
	}
	for _, bound := range []struct {
		name string
		// lower puts a schedule that is at its bounds below one of them, by as much as by says of it.
		lower func(s *keys.Schedule, by func(time.Duration) time.Duration)
		life  func(s keys.Schedule, by func(time.Duration) time.Duration) life
	}{
		{"the lead, for caches that honour headers", func(s *keys.Schedule, by func(time.Duration) time.Duration) {
			s.Floor = 0
			atBounds(s)
			s.Lead -= by(s.Lead)
			s.Period = s.Lead
		}, rotated},
		{"the lead, for verifiers that ignore them", func(s *keys.Schedule, by func(time.Duration) time.Duration) {
			s.Floor = 2 * (s.MaxAge + s.StaleWhileRevalidate + s.StaleIfError)
			atBounds(s)
			s.Lead -= by(s.Lead)
			s.Period = s.Lead
		}, rotated},
		{"the removal", func(s *keys.Schedule, by func(time.Duration) time.Duration) {
			s.Removal -= by(s.Removal)
		}, calm},
		{"the watermark", func(*keys.Schedule, func(time.Duration) time.Duration) {
		}, func(s keys.Schedule, by func(time.Duration) time.Duration) life {
			l := calm(s, by)
			if by(time.Hour) > 0 { // the expiry is not stored
				l.beyond = by(s.MaxLifetime) + 2*time.Microsecond
			}
			for n := range 3 {
				l.long = append(l.long, s.Period*time.Duration(n+1)+s.SignerLag-time.Microsecond)
			}
			return l
		}},
		{"the period", func(s *keys.Schedule, by func(time.Duration) time.Duration) {
			s.Period -= by(s.Period)
		}, func(s keys.Schedule, _ func(time.Duration) time.Duration) life {
			return life{end: 4*s.MinLead() + 2*s.MinRemoval(), pace: slow}
		}},
	} {
		for name, by := range map[string]func(time.Duration) time.Duration{
			"at the bound": func(time.Duration) time.Duration { return 0 },
			"2 % below it": percent,
			"1 µs below":   func(time.Duration) time.Duration { return least },
		} {
			t.Run(bound.name+", "+name, func(t *testing.T) {
				t.Parallel()
				below := by(time.Hour) > 0
				count, found, began := &tally{}, 0, time.Now()
				for n := range max(1, *simulationRuns/30) {
					rng := rand.New(rand.NewPCG(*simulationSeed, uint64(n)))
					s := anySchedule(rng)
					bound.lower(&s, by)
					if err := s.Validate(); (err == nil) == (below && bound.name != "the watermark") {
						t.Fatalf("run %d: Validate says: %v", n, err)
					}
					before := count.refused
					i := run(rng, s, bound.life(s, by), func() float64 { return 1 }, 40, count)
					if bound.name == "the period" {
						i.checkPeriods()
					}
					if len(i.faults) > 0 || count.refused > before {
						found++
						if !below {
							t.Fatalf("run %d of seed %d: %v\n%v", n, *simulationSeed, i.faults, count.failures)
						}
					}
				}
				t.Logf("%v; failures with %d of the schedules; in %v", count, found, time.Since(began))
				if below && found < count.schedules*95/100 {
					t.Errorf("failures were found with %d of %d schedules only", found, count.schedules)
				}
			})
		}
	}
}
