package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-id/signet/keys"
)

// Kinds of load.
const (
	firstSeen = "first seen" // every token once, by a verifier that never saw it
	seenAgain = "seen again" // a few tokens over and over, each seen before
)

const fewTokens = 64 // what "seen again" goes round

// settings of a run.
type settings struct {
	Algorithms []keys.Algorithm `json:"algorithms"`
	Rounds     int              `json:"rounds"`
	Tokens     int              `json:"tokens"` // first seen, in each round and for each contender
	// Budget bounds a pass over tokens seen again, whose number follows from it.
	Budget     time.Duration `json:"budget_ns"`
	Goroutines []int         `json:"goroutines"` // one row for each
}

// spread of a figure over the rounds.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	s := slices.Sorted(slices.Values(values))
	median := s[len(s)/2]
	if len(s)%2 == 0 {
		median = (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return spread{Min: s[0], Median: median, Max: s[len(s)-1]}
}

// result is one row: a contender under one kind of load.
type result struct {
	Algorithm  keys.Algorithm `json:"algorithm"`
	Load       string         `json:"load"`
	Goroutines int            `json:"goroutines"`
	Contender  string         `json:"contender"`
	// NanosPerOp is wall-clock time divided by tokens: with several goroutines it says how many
	// tokens the machine gets through, not how long one takes.
	NanosPerOp spread `json:"ns_per_op"`
	// CPUPerOp is processor time of the whole process, the garbage collector's included: other
	// programs on the machine disturb it less.
	CPUPerOp spread `json:"cpu_ns_per_op"`
	// Ratio is that of processor time to the bare check's: same algorithm, load, goroutines and round.
	Ratio       spread  `json:"ratio_to_bare"`
	AllocsPerOp float64 `json:"allocs_per_op"` // median
	BytesPerOp  float64 `json:"bytes_per_op"`  // median
}

// measurement of one pass.
type measurement struct{ nanos, cpu, allocs, bytes float64 }

// pass has v verify n tokens, split between the goroutines; it goes round when there are fewer.
func pass(v verifier, tokens []token, n, goroutines int) (measurement, error) {
	var failure atomic.Pointer[error]
	var before, after runtime.MemStats
	var wg sync.WaitGroup
	start := make(chan struct{})
	for g := range goroutines {
		from, to := g*n/goroutines, (g+1)*n/goroutines
		wg.Go(func() {
			<-start
			at := from % len(tokens)
			for range to - from {
				_, err := v(tokens[at])
				if at++; at == len(tokens) {
					at = 0
				}
				if err != nil {
					failure.Store(&err)
					return
				}
			}
		})
	}
	runtime.GC() // everybody begins with the same heap
	runtime.ReadMemStats(&before)
	used, err := processorTime()
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	close(start)
	wg.Wait()
	elapsed := time.Since(began)
	usedThen, err := processorTime()
	if err != nil {
		return measurement{}, err
	}
	runtime.ReadMemStats(&after)
	if err := failure.Load(); err != nil {
		return measurement{}, *err
	}
	return measurement{
		nanos: float64(elapsed.Nanoseconds()) / float64(n), cpu: float64((usedThen - used).Nanoseconds()) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n), bytes: float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// processorTime is what this process has used so far, in all threads.
func processorTime() (time.Duration, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// run measures one algorithm under every load. Contenders take turns within a round, and each
// round begins with another, so that what disturbs the machine disturbs all of them.
func run(ctx context.Context, s settings, alg keys.Algorithm, all []contender, progress func(done, of int, doing string)) ([]result, error) {
	i, err := newIssuer(ctx, alg)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	progress(0, s.Rounds, "signing tokens")
	tokens, err := i.Tokens(s.Tokens, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	type cell struct {
		load       string
		goroutines int
	}
	var cells []cell
	for _, g := range s.Goroutines {
		cells = append(cells, cell{firstSeen, g}, cell{seenAgain, g})
	}
	taken := make([][][]measurement, len(cells)) // [cell][contender][round]
	for c := range cells {
		taken[c] = make([][]measurement, len(all))
	}
	for round := range s.Rounds {
		progress(round, s.Rounds, "measuring")
		for c, cell := range cells {
			for k := range all {
				who := (k + round) % len(all)
				m, err := one(ctx, all[who], i, cell.load, cell.goroutines, tokens, s.Budget)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", all[who].Name, alg, err)
				}
				taken[c][who] = append(taken[c][who], m)
			}
		}
	}
	var out []result
	for c, cell := range cells {
		bare := taken[c][slices.IndexFunc(all, func(x contender) bool { return x.Bare })]
		for who, contender := range all {
			var nanos, cpu, ratios, allocs, bytes []float64
			for round, m := range taken[c][who] {
				nanos, cpu = append(nanos, m.nanos), append(cpu, m.cpu)
				allocs, bytes = append(allocs, m.allocs), append(bytes, m.bytes)
				ratios = append(ratios, m.cpu/bare[round].cpu)
			}
			out = append(out, result{
				Algorithm: alg, Load: cell.load, Goroutines: cell.goroutines, Contender: contender.Name,
				NanosPerOp: spreadOf(nanos), CPUPerOp: spreadOf(cpu), Ratio: spreadOf(ratios), AllocsPerOp: spreadOf(allocs).Median, BytesPerOp: spreadOf(bytes).Median,
			})
		}
	}
	return out, nil
}

// one is one pass of one contender, with a verifier that is new.
func one(ctx context.Context, c contender, i *issuer, load string, goroutines int, tokens []token, budget time.Duration) (measurement, error) {
	ctx, end := context.WithCancel(ctx) // ends what the verifier does in the background
	defer end()
	v, err := c.New(ctx, i)
	if err != nil {
		return measurement{}, err
	}
	// Keys are fetched and read before the clock starts, with a token that is not measured.
	raw, err := i.Token(accessTokenType, -1, nil)
	if err != nil {
		return measurement{}, err
	}
	warm, err := dissect(raw, i.Algorithm)
	if err != nil {
		return measurement{}, err
	}
	if _, err := v(warm); err != nil {
		return measurement{}, err
	}
	if load == firstSeen {
		return pass(v, tokens, len(tokens), goroutines)
	}
	few := tokens[:min(fewTokens, len(tokens))]
	if _, err := pass(v, few, len(few), 1); err != nil { // seen for the first time
		return measurement{}, err
	}
	probe, err := pass(v, few, 10*len(few), goroutines)
	if err != nil {
		return measurement{}, err
	}
	return pass(v, few, max(len(few), int(float64(budget.Nanoseconds())/probe.nanos)), goroutines)
}
