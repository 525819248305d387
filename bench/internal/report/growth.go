package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/rig"
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

// Met reports whether neither grew beyond the limit.
func (r GrowthRow) Met() bool { return max(r.Cost(), r.CPUCost()) <= GrowthLimit }

func (g Growth) table() table {
	t := table{head: []string{
		"scenario", "per second", "with much", "p99", "with much", "CPU µs", "with much", "PG µs", "with much", "cost", "CPU cost", "limit",
	}}
	for _, r := range g.Rows {
		mark := "missed"
		if r.Met() {
			mark = "met"
		}
		t.add(r.Title, number(r.Small.Rate), number(r.Large.Rate), millis(r.Small.P99), millis(r.Large.P99),
			number(r.Small.CPU), number(r.Large.CPU), number(r.Small.Database), number(r.Large.Database),
			share(r.Cost()), share(r.CPUCost()), fmt.Sprintf("%.1f %s", GrowthLimit, mark))
	}
	return t
}

// Text writes the growth for a person.
func (g Growth) Text(w io.Writer, colour bool) {
	fmt.Fprintln(w)
	t := g.table()
	t.plain(w, verdicts(colour, len(t.head)-1, func(row int) (bool, bool) { return true, g.Rows[row].Met() }))
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
