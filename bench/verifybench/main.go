// Command verifybench compares pkg/verify with a bare check of the signature, with go-oidc,
// golang-jwt and lestrrat-go/jwx: tokens never seen and tokens seen again, one goroutine and all
// processors, ES256, RS256 and EdDSA. Everybody gets the same tokens, has to refuse the same bad
// ones where its interface can, and has to hand out the same claims.
//
// Only ratios within one run say something: the bare check of the same round is the measure.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/bench/internal/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := compare(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "verifybench:", err)
		os.Exit(1)
	}
}

var errBroken = errors.New("a promise is broken; see the end of the table")

// compare does everything that the command does.
func compare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("verifybench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	algorithms := flags.String("algorithms", "ES256,RS256,EdDSA", "algorithms to compare, with commas between")
	rounds := flags.Int("rounds", 11, "how often each contender is measured")
	tokens := flags.Int("tokens", 2000, "tokens first seen, in each round")
	budget := flags.Duration("budget", 50*time.Millisecond, "time for tokens seen again, in each round")
	jsonFile := flags.String("json", "", "also write the results to this file, as JSON")
	markdown := flags.Bool("markdown", false, "print Markdown")
	strict := flags.Bool("strict", false, "fail when a promise is broken")
	source := flags.String("source", ".", "directory of the checkout, whose commit is named")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *tokens < 1 || *budget <= 0 || flags.NArg() > 0 {
		return errors.New("-rounds, -tokens and -budget must be positive, and there are no arguments")
	}
	algs, err := parseAlgorithms(strings.Split(*algorithms, ","))
	if err != nil {
		return err
	}
	r := report{
		When: time.Now().UTC().Truncate(time.Second), Machine: rig.Look(ctx, *source), Unchecked: map[string][]string{},
		Settings: settings{Algorithms: algs, Rounds: *rounds, Tokens: *tokens, Budget: *budget, Goroutines: goroutines()},
	}
	all := contenders()
	for _, alg := range algs {
		i, err := newIssuer(ctx, alg)
		if err != nil {
			return err
		}
		for _, c := range all {
			passed, err := unchecked(ctx, c, i)
			if err != nil {
				i.Close()
				return err
			}
			for _, p := range passed {
				if !slices.Contains(r.Unchecked[c.Name], p) {
					r.Unchecked[c.Name] = append(r.Unchecked[c.Name], p)
				}
			}
		}
		i.Close()
		results, err := run(ctx, r.Settings, alg, all, func(done, of int, doing string) {
			_, _ = fmt.Fprintf(stderr, "\r%s: %s, round %d of %d   ", alg, doing, done+1, of)
		})
		_, _ = fmt.Fprint(stderr, "\r\033[K")
		if err != nil {
			return err
		}
		r.Results = append(r.Results, results...)
	}
	r.judge()
	r.write(stdout, *markdown)
	if *jsonFile != "" {
		body, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*jsonFile, append(body, '\n'), 0o644); err != nil {
			return err
		}
	}
	if *strict && !r.kept() {
		return errBroken
	}
	return nil
}

// goroutines are those of the rows: one, and as many as there are processors.
func goroutines() []int {
	if n := runtime.GOMAXPROCS(0); n > 1 {
		return []int{1, n}
	}
	return []int{1}
}
