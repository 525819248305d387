package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/rig"
)

// UpstreamLimit is how many times a sign-in through a provider may cost what one with a password
// does, the provider excluded.
const UpstreamLimit = 1.5

// PageLimit is how many times the p99 of a page may take with much data what it takes with little,
// and WeightLimit how many times a token may cost for a person with much what it costs for one with
// little.
const (
	PageLimit   = 2.0
	WeightLimit = 1.5
)

// GrowthLimit is how many times an operation may cost with much data what it costs with little.
const GrowthLimit = 1.2

// Growth is the same scenarios on two sizes of data.
type Growth struct {
	Date       time.Time   `json:"date"`
	Machine    rig.Machine `json:"machine"`
	PostgreSQL PostgreSQL  `json:"postgresql"`
	Settings   Settings    `json:"settings"`
	Sizes      []Sized     `json:"sizes"` // little, much
	Rows       []GrowthRow `json:"scenarios"`
	// Limit is how much more may be taken, by p99 where P99 says so, else by time and by processor time.
	Limit float64 `json:"limit"`
	P99   bool    `json:"p99"`
	Much  string  `json:"much"` // what the right-hand figures are with, as a column's head
}

// Sized is a database.
type Sized struct {
	Data          fill.Size `json:"data"`
	DatabaseBytes int64     `json:"database_bytes"`
	LoadSeconds   float64   `json:"load_seconds"`
}

// GrowthRow is one scenario on both.
type GrowthRow struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Small Figures `json:"small"`
	Large Figures `json:"large"`
}

// Cost is how many times the operation takes with much data what it takes with little: by time
// at full load, which holds everything.
func (r GrowthRow) Cost() float64 {
	if r.Large.Rate == 0 {
		return 0
	}
	return r.Small.Rate / r.Large.Rate
}

// CPUCost is the same by processor time of server and database together.
func (r GrowthRow) CPUCost() float64 {
	small := r.Small.CPU + r.Small.Database
	if small == 0 {
		return 0
	}
	return (r.Large.CPU + r.Large.Database) / small
}

// P99Cost is how many times the p99 takes with much data what it takes with little.
func (r GrowthRow) P99Cost() float64 {
	if r.Small.P99 == 0 {
		return 0
	}
	return r.Large.P99 / r.Small.P99
}

// met reports whether the row stays within the limit.
func (g Growth) met(r GrowthRow) bool {
	if g.P99 {
		return r.P99Cost() <= g.Limit
	}
	return max(r.Cost(), r.CPUCost()) <= g.Limit
}

func (g Growth) table() table {
	t := table{head: []string{
		"scenario", "per second", g.Much, "p99", g.Much, "CPU µs", g.Much, "PG µs", g.Much, "cost", "CPU cost", "p99 cost", "limit",
	}}
	for _, r := range g.Rows {
		mark := "missed"
		if g.met(r) {
			mark = "met"
		}
		t.add(r.Title, number(r.Small.Rate), number(r.Large.Rate), millis(r.Small.P99), millis(r.Large.P99),
			number(r.Small.CPU), number(r.Large.CPU), number(r.Small.Database), number(r.Large.Database),
			share(r.Cost()), share(r.CPUCost()), share(r.P99Cost()), fmt.Sprintf("%.1f %s", g.Limit, mark))
	}
	return t
}

// Text writes the growth for a person.
func (g Growth) Text(w io.Writer, colour bool) {
	fmt.Fprintln(w)
	t := g.table()
	t.plain(w, verdicts(colour, len(t.head)-1, func(row int) (bool, bool) { return true, g.met(g.Rows[row]) }))
	fmt.Fprintln(w)
	for _, line := range g.notes() {
		fmt.Fprintln(w, line)
	}
}

func (g Growth) notes() []string {
	var out []string
	for _, s := range g.Sizes {
		out = append(out, fmt.Sprintf("%s users, %s families, %s tenants: %s on disk, ready after %.0f s",
			count(s.Data.Users), count(s.Data.Families), count(s.Data.Tenants), mebibytes(s.DatabaseBytes), s.LoadSeconds))
	}
	return append(out, fmt.Sprintf("%s; commit %s, %s", shape(g.Machine, g.PostgreSQL, g.Settings), g.Machine.Commit, g.Date.UTC().Format("2006-01-02")))
}

// Markdown writes the growth for docs/performance.md.
func (g Growth) Markdown(w io.Writer) {
	t := g.table()
	t.markdown(w)
	fmt.Fprintln(w)
	for _, line := range g.notes() {
		fmt.Fprintln(w, "- "+line)
	}
}

// JSON writes everything.
func (g Growth) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(g)
}
