package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/keys"
)

func TestEveryContenderIsMeasuredAndTheResultsAreWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	var out strings.Builder
	if err := compare(t.Context(), []string{"-rounds", "2", "-tokens", "3", "-budget", "1ms", "-markdown", "-json", file}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	if want := 3 * 2 * len(goroutines()) * len(contenders()); len(r.Results) != want {
		t.Errorf("%d results, want %d", len(r.Results), want)
	}
	for _, x := range r.Results {
		if x.NanosPerOp.Min <= 0 || x.NanosPerOp.Min > x.NanosPerOp.Median || x.NanosPerOp.Median > x.NanosPerOp.Max || x.CPUPerOp.Max <= 0 {
			t.Errorf("%s, %s, %s: %+v", x.Contender, x.Algorithm, x.Load, x)
		}
		if !strings.Contains(out.String(), "| "+x.Contender+" | ") {
			t.Errorf("the table lacks %s", x.Contender)
		}
	}
	if got := r.Unchecked[ours]; len(got) > 0 {
		t.Errorf("pkg/verify accepts %q", got)
	}
	if len(r.Verdicts) != 3 {
		t.Errorf("%d promises were judged, want 3", len(r.Verdicts))
	}
	if r.Machine.Cores == 0 || r.Machine.Go == "" {
		t.Errorf("the machine is not described: %+v", r.Machine)
	}
}

func TestAContenderThatChecksTooLittleDoesNotTakePart(t *testing.T) {
	t.Parallel()
	i, err := newIssuer(t.Context(), keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	good := identity{"usr_x", scope, tenant}
	for name, v := range map[string]verifier{
		"it accepts everything":       func(token) (identity, error) { return good, nil },
		"it accepts nothing":          func(token) (identity, error) { return identity{}, errors.New("no") },
		"it leaves claims to others":  func(token) (identity, error) { return identity{}, nil },
		"it decodes another's tenant": func(token) (identity, error) { return identity{"usr_x", scope, "globex"}, nil },
	} {
		c := contender{Name: name, New: func(context.Context, *issuer) (verifier, error) { return v, nil }}
		if _, err := unchecked(t.Context(), c, i); err == nil {
			t.Errorf("%s, and takes part", name)
		}
	}
	if _, err := unchecked(t.Context(), contender{Name: "bare", Bare: true, New: func(context.Context, *issuer) (verifier, error) {
		return func(token) (identity, error) { return identity{}, nil }, nil
	}}, i); err == nil {
		t.Error("a bare check that checks nothing takes part")
	}
}

func TestAPassVerifiesAsOftenAsItSaysAndReportsFailure(t *testing.T) {
	t.Parallel()
	tokens := make([]token, 5)
	for _, goroutines := range []int{1, 3} {
		calls := make(chan struct{}, 100)
		if _, err := pass(func(token) (identity, error) { calls <- struct{}{}; return identity{}, nil }, tokens, 17, goroutines); err != nil {
			t.Fatal(err)
		}
		if len(calls) != 17 {
			t.Errorf("%d goroutines verified %d times, want 17", goroutines, len(calls))
		}
	}
	if _, err := pass(func(token) (identity, error) { return identity{}, errBare }, tokens, 17, 2); !errors.Is(err, errBare) {
		t.Errorf("a failing verifier gave %v", err)
	}
}

func TestASpreadIsTheSmallestTheMiddleAndTheLargest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{2}, spread{2, 2, 2}},
		{[]float64{9, 1, 3}, spread{1, 3, 9}},
		{[]float64{4, 1, 2, 9}, spread{1, 3, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestABrokenPromiseIsSaidAndFailsAStrictRun(t *testing.T) {
	t.Parallel()
	row := func(load, contender string, ratio, cpu, allocs float64) result {
		return result{Algorithm: keys.ES256, Load: load, Goroutines: 1, Contender: contender,
			Ratio: spread{Median: ratio}, CPUPerOp: spread{Median: cpu}, AllocsPerOp: allocs}
	}
	for name, c := range map[string]struct {
		ratio, again, allocs float64
		kept                 bool
	}{
		"all are kept":          {1.3, 999, 9, true},
		"too slow at first":     {1.31, 999, 9, false},
		"too slow once seen":    {1.3, 1000, 9, false},
		"as many allocations":   {1.3, 999, 10, false},
		"more than one of them": {2, 2000, 20, false},
	} {
		r := report{Results: []result{
			row(firstSeen, ours, c.ratio, 0, c.allocs), row(seenAgain, ours, 0, c.again, 0), row(firstSeen, "go-oidc, static keys", 0, 0, 12), row(firstSeen, "go-oidc, remote keys", 0, 0, 10),
		}}
		r.judge()
		if r.kept() != c.kept {
			t.Errorf("%s: kept is %v", name, r.kept())
		}
		var out strings.Builder
		r.write(&out, false)
		if strings.Contains(out.String(), "BROKEN") == c.kept {
			t.Errorf("%s: the table says otherwise:\n%s", name, out.String())
		}
	}
}

func TestWhatTheCommandCannotDoIsSaid(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-algorithms", "HS256"}, {"-rounds", "0"}, {"-tokens", "0"}, {"-budget", "0s"}, {"more"}, {"-nonsense"}} {
		if err := compare(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	if err := compare(t.Context(), []string{"-help"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help gives %v", err)
	}
	if !slices.Contains(goroutines(), 1) {
		t.Error("one goroutine is not measured")
	}
}
