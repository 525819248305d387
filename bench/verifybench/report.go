package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/keys"
)

// report is everything that a run found out.
type report struct {
	When     time.Time   `json:"when"`
	Machine  rig.Machine `json:"machine"`
	Settings settings    `json:"settings"`
	// Unchecked says what each contender accepted although no service may, as tried in this run.
	Unchecked map[string][]string `json:"unchecked"`
	Results   []result            `json:"results"`
	Verdicts  []verdict           `json:"verdicts"`
}

// verdict compares a figure with what Signet promises of pkg/verify.
type verdict struct {
	Promise string  `json:"promise"`
	Found   float64 `json:"found"`
	Limit   float64 `json:"limit"`
	Kept    bool    `json:"kept"`
}

const ours = "Signet pkg/verify"

func (r report) row(alg keys.Algorithm, load string, goroutines int, contender string) (result, bool) {
	i := slices.IndexFunc(r.Results, func(x result) bool {
		return x.Algorithm == alg && x.Load == load && x.Goroutines == goroutines && x.Contender == contender
	})
	if i < 0 {
		return result{}, false
	}
	return r.Results[i], true
}

// judge fills in the verdicts, which are about ES256 and one goroutine.
func (r *report) judge() {
	first, ok := r.row(keys.ES256, firstSeen, 1, ours)
	again, ok2 := r.row(keys.ES256, seenAgain, 1, ours)
	static, ok3 := r.row(keys.ES256, firstSeen, 1, "go-oidc, static keys")
	remote, ok4 := r.row(keys.ES256, firstSeen, 1, "go-oidc, remote keys")
	if !ok || !ok2 || !ok3 || !ok4 {
		return
	}
	add := func(promise string, found, limit float64, strictly bool) {
		r.Verdicts = append(r.Verdicts, verdict{promise, found, limit, found < limit || !strictly && found == limit})
	}
	add("a token never seen, ES256: at most 1.3 times the bare check (median of ratios of processor time)", first.Ratio.Median, 1.3, false)
	add("a token never seen, ES256: fewer allocations than go-oidc", first.AllocsPerOp, min(static.AllocsPerOp, remote.AllocsPerOp), true)
	add("a token seen again: under 1000 ns of processor time (median)", again.CPUPerOp.Median, 1000, true)
}

func (r report) kept() bool {
	return !slices.ContainsFunc(r.Verdicts, func(v verdict) bool { return !v.Kept })
}

// write prints the report for a terminal, or as Markdown.
func (r report) write(w io.Writer, markdown bool) {
	heading, code := "", ""
	if markdown {
		heading, code = "### ", "`"
	}
	_, _ = fmt.Fprintf(w, "%s, %d cores, %.1f GiB, %s, kernel %s, %s, commit %s%s%s\n", or(r.Machine.CPU, "unknown CPU"), r.Machine.Cores,
		float64(r.Machine.Memory)/(1<<30), r.Machine.OS, or(r.Machine.Kernel, "?"), r.Machine.Go, code, or(r.Machine.Commit, "?"), code)
	_, _ = fmt.Fprintf(w, "%d rounds, contenders take turns; %d tokens first seen, %d tokens seen again for %s. Median [min … max].\n"+
		"ns/op is time passed divided by tokens; times bare compares processor time in the same round.\n",
		r.Settings.Rounds, r.Settings.Tokens, fewTokens, r.Settings.Budget)
	for _, alg := range r.Settings.Algorithms {
		for _, goroutines := range r.Settings.Goroutines {
			for _, load := range []string{firstSeen, seenAgain} {
				_, _ = fmt.Fprintf(w, "\n%s%s, %s, %s\n\n", heading, alg, load, plural(goroutines, "goroutine"))
				r.table(w, markdown, alg, load, goroutines)
			}
		}
	}
	_, _ = fmt.Fprintf(w, "\n%sWhat each accepts although no service may, as tried in this run\n\n", heading)
	var rows [][]string
	for _, c := range contenders() {
		what := strings.Join(r.Unchecked[c.Name], "; ")
		rows = append(rows, []string{c.Name, or(what, "nothing")})
	}
	grid(w, markdown, []string{"", "accepted"}, rows)
	if len(r.Verdicts) > 0 {
		_, _ = fmt.Fprintf(w, "\n%sPromises\n\n", heading)
		rows = nil
		for _, v := range r.Verdicts {
			rows = append(rows, []string{v.Promise, fmt.Sprintf("%.2f", v.Found), fmt.Sprintf("%.2f", v.Limit), map[bool]string{true: "kept", false: "BROKEN"}[v.Kept]})
		}
		grid(w, markdown, []string{"", "found", "limit", ""}, rows)
	}
}

func (r report) table(w io.Writer, markdown bool, alg keys.Algorithm, load string, goroutines int) {
	var rows [][]string
	for _, x := range r.Results {
		if x.Algorithm == alg && x.Load == load && x.Goroutines == goroutines {
			rows = append(rows, []string{x.Contender,
				fmt.Sprintf("%.0f [%.0f … %.0f]", x.NanosPerOp.Median, x.NanosPerOp.Min, x.NanosPerOp.Max),
				fmt.Sprintf("%.0f", x.CPUPerOp.Median),
				fmt.Sprintf("%.2f [%.2f … %.2f]", x.Ratio.Median, x.Ratio.Min, x.Ratio.Max),
				fmt.Sprintf("%.1f", x.AllocsPerOp), fmt.Sprintf("%.0f", x.BytesPerOp)})
		}
	}
	grid(w, markdown, []string{"", "ns/op", "CPU ns/op", "times bare", "allocs/op", "B/op"}, rows)
}

// grid aligns columns for a terminal, or separates them as Markdown asks.
func grid(w io.Writer, markdown bool, head []string, rows [][]string) {
	if markdown {
		line := func(cells []string) { _, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
		line(head)
		line(slices.Repeat([]string{"---"}, len(head)))
		for _, row := range rows {
			line(row)
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		_, _ = fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
