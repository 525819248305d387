package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// columns are the head of the main table.
func columns() []string {
	return []string{"scenario", "per second", "p50", "p99", "CPU µs", "busy", "memory", "ceiling", "CPU µs", "ratio", "by CPU", "target"}
}

func (r Report) scenarios() table {
	t := table{head: columns()}
	for _, s := range r.Scenarios {
		ceiling, ceilingCPU, target := "–", "–", "–"
		if s.Ceiling != nil {
			ceiling, ceilingCPU, target = number(s.Ceiling.Rate), number(s.Ceiling.CPU), s.verdict()
		}
		t.add(s.Title, number(s.Rate), millis(s.P50), millis(s.P99), number(s.CPU), fmt.Sprintf("%.0f%%", 100*s.Busy), mebibytes(s.Peak),
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
	last := len(t.head) - 1
	t.plain(w, func(row, column int, text string) string {
		switch {
		case !colour:
			return text
		case row < 0:
			return "\x1b[1m" + text + "\x1b[0m"
		case column != last || r.Scenarios[row].Ceiling == nil:
			return text
		case r.Scenarios[row].Met():
			return "\x1b[32m" + text + "\x1b[0m"
		}
		return "\x1b[31m" + text + "\x1b[0m"
	})
	fmt.Fprintln(w)
	for _, line := range r.notes() {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, r.shape())
}

// notes are the figures that have no row of their own.
func (r Report) notes() []string {
	out := []string{fmt.Sprintf("start to first answer %.0f ms · memory idle %s, at its highest %s",
		r.Server.StartupMillis, mebibytes(r.Server.IdleBytes), mebibytes(r.Server.PeakBytes))}
	for _, s := range r.Scenarios {
		if s.HalfLoad != nil {
			out = append(out, fmt.Sprintf("%s at half load (%s per second): p50 %s, p99 %s",
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
	m := r.Machine
	pinned := "the server on a core of its own, PostgreSQL and the load on the others"
	if !r.Settings.Pinned {
		pinned = "nothing pinned to cores"
	}
	return fmt.Sprintf("%s, %d cores, %s, %s %s, %s, PostgreSQL %s (%s); %d connections, %s; %d users, %d families, %d tenants; commit %s, %s",
		m.CPU, m.Cores, mebibytes(m.Memory), m.OS, m.Kernel, m.Go, r.PostgreSQL.Version, strings.Join(r.PostgreSQL.Settings, " "),
		r.Settings.Connections, pinned, r.Settings.Data.Users, r.Settings.Data.Families, r.Settings.Data.Tenants,
		m.Commit, r.Date.UTC().Format("2006-01-02"))
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
}

// JSON writes everything.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
