package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/signet-id/signet/bench/internal/rig"
)

// columns are the head of the main table.
func columns() []string {
	return []string{"scenario", "per second", "p50", "p99", "CPU µs", "PG µs", "busy", "memory", "ceiling", "CPU µs", "ratio", "by CPU", "target"}
}

func (r Report) scenarios() table {
	t := table{head: columns()}
	for _, s := range r.Scenarios {
		ceiling, ceilingCPU, target := "–", "–", "–"
		if s.Ceiling != nil {
			ceiling, ceilingCPU, target = number(s.Ceiling.Rate), number(s.Ceiling.CPU), s.verdict()
		}
		t.add(s.Title, number(s.Rate), millis(s.P50), millis(s.P99), number(s.CPU), number(s.Database), fmt.Sprintf("%.0f%%", 100*s.Busy), mebibytes(s.Peak),
			ceiling, ceilingCPU, share(s.Ratio()), share(s.CPURatio()), target)
	}
	return t
}

func (s Scenario) verdict() string {
	mark := "missed"
	if s.Met() {
		mark = "met"
	}
	return fmt.Sprintf("%.1f %s", s.Target, mark)
}

// Text writes the report for a person; with colour, targets that were met are green and others
// red.
func (r Report) Text(w io.Writer, colour bool) {
	fmt.Fprintln(w)
	t := r.scenarios()
	t.plain(w, verdicts(colour, len(t.head)-1, func(row int) (bool, bool) {
		return r.Scenarios[row].Ceiling != nil, r.Scenarios[row].Met()
	}))
	fmt.Fprintln(w)
	for _, line := range r.notes() {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, r.shape())
	if r.Rotation != nil {
		r.Rotation.Text(w, colour)
	}
}

// verdicts paints the head and the column of verdicts; verdict says whether a row has one, and
// whether it is good.
func verdicts(colour bool, last int, verdict func(row int) (has, good bool)) func(row, column int, text string) string {
	const bold, green, red, plain = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
	if !colour {
		return nil
	}
	return func(row, column int, text string) string {
		if row < 0 {
			return bold + text + plain
		}
		if column != last {
			return text
		}
		switch has, good := verdict(row); {
		case !has:
			return text
		case good:
			return green + text + plain
		}
		return red + text + plain
	}
}

// notes are the figures that have no row of their own.
func (r Report) notes() []string {
	out := []string{fmt.Sprintf("start to first answer %.0f ms · memory idle %s (goal: under 60 MB), at its highest %s (goal: under 150 MB)",
		r.Server.StartupMillis, mebibytes(r.Server.IdleBytes), mebibytes(r.Server.PeakBytes))}
	for _, s := range r.Scenarios {
		if s.HalfLoad != nil {
			out = append(out, fmt.Sprintf("%s at half load (%s per second): p50 %s, p99 %s (goal: under 5 ms)",
				s.Title, number(s.HalfLoad.Rate), millis(s.HalfLoad.P50), millis(s.HalfLoad.P99)))
		}
		if s.Password {
			out = append(out, fmt.Sprintf("%s: one password hash takes %s; less the hash, %s µs of CPU per sign-in; memory at its highest %s",
				s.Title, millis(1000*r.Server.PasswordHashMillis), number(max(0, s.CPU-1000*r.Server.PasswordHashMillis)), mebibytes(r.Server.HashPeakBytes)))
		}
	}
	for _, s := range r.Scenarios {
		if s.Ceiling != nil {
			out = append(out, fmt.Sprintf("ceiling of %s: net/http, %s", s.Title, s.Needs))
		}
	}
	return out
}

// shape says where and how it was measured, in one paragraph.
func (r Report) shape() string {
	d := r.Settings.Data
	return fmt.Sprintf("%s; %s users, %s families, %s tenants; commit %s, %s", shape(r.Machine, r.PostgreSQL, r.Settings),
		count(d.Users), count(d.Families), count(d.Tenants), r.Machine.Commit, r.Date.UTC().Format("2006-01-02"))
}

func shape(m rig.Machine, p PostgreSQL, s Settings) string {
	pinned := "the server on a core of its own, PostgreSQL and the load on the others"
	if !s.Pinned {
		pinned = "nothing pinned to cores"
	}
	return fmt.Sprintf("%s, %d cores, %s, %s %s, %s, PostgreSQL %s (%s); %d connections, %s; %.0f s each in %d rounds",
		m.CPU, m.Cores, mebibytes(m.Memory), m.OS, m.Kernel, m.Go, p.Version, strings.Join(p.Settings, " "),
		s.Connections, pinned, s.Seconds, s.Rounds)
}

// Markdown writes the tables for docs/performance.md.
func (r Report) Markdown(w io.Writer) {
	t := r.scenarios()
	t.markdown(w)
	fmt.Fprintln(w)
	for _, line := range r.notes() {
		fmt.Fprintln(w, "- "+line)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, r.shape())
	if r.Rotation != nil {
		fmt.Fprintln(w)
		r.Rotation.Markdown(w)
	}
}

// JSON writes everything.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
