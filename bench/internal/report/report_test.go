package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/rig"
)

func example() Report {
	return Report{
		Date:       time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		Machine:    rig.Machine{CPU: "A CPU", Cores: 2, Memory: 24 << 30, OS: "linux/amd64", Kernel: "6.1", Go: "go1.26", Commit: "abc"},
		PostgreSQL: PostgreSQL{Version: "15.1", Settings: []string{"a=b"}},
		Settings:   Settings{Connections: 32, Seconds: 5, Rounds: 2, Pinned: true, Data: fill.Size{Users: 1000, Families: 20_000, Tenants: 10}},
		Server:     Server{StartupMillis: 21, IdleBytes: 22 << 20, PeakBytes: 36 << 20, PasswordHashMillis: 21.6, HashPeakBytes: 125 << 20},
		Scenarios: []Scenario{
			{Name: "cc", Title: "client credentials", Figures: Figures{Rate: 8791, P50: 1990, P99: 36200, CPU: 87, Database: 3, Busy: 0.76}, Peak: 32 << 20,
				Ceiling: &Figures{Rate: 10_000, CPU: 54.4}, Needs: "1 signature", Target: 0.6, HalfLoad: &Figures{Rate: 4396, P50: 210, P99: 5070}},
			{Name: "jwks", Title: "JWKS", Figures: Figures{Rate: 31_838, P50: 810, P99: 5720, CPU: 26.4, Busy: 0.84}, Peak: 32 << 20,
				Ceiling: &Figures{Rate: 77_119, CPU: 11}, Needs: "bytes", Target: 0.6},
			{Name: "sign_in", Title: "sign-in", Figures: Figures{Rate: 38, P50: 204_000, P99: 296_000, CPU: 25_263, Busy: 0.96}, Peak: 125 << 20, Password: true},
		},
	}
}

func TestTheTableIsAlignedAndSaysWhatWasReached(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	example().Text(&b, false)
	want := strings.Join([]string{
		"",
		"scenario            per second      p50      p99  CPU µs  PG µs  busy  memory  ceiling  CPU µs  ratio  by CPU      target",
		"client credentials       8,791  1.99 ms  36.2 ms    87.0   3.00   76%   32 MB   10,000    54.4   0.88    0.63     0.6 met",
		"JWKS                    31,838  0.81 ms  5.72 ms    26.4      –   84%   32 MB   77,119    11.0   0.41    0.42  0.6 missed",
		"sign-in                   38.0   204 ms   296 ms  25,263      –   96%  125 MB        –       –      –       –           –",
		"",
		"start to first answer 21 ms · memory idle 22 MB (goal: under 60 MB), at its highest 36 MB (goal: under 150 MB)",
		"client credentials at half load (4,396 per second): p50 0.21 ms, p99 5.07 ms (goal: under 5 ms)",
		"sign-in: one password hash takes 21.6 ms; less the hash, 3,663 µs of CPU per sign-in; memory at its highest 125 MB",
		"ceiling of client credentials: net/http, 1 signature",
		"ceiling of JWKS: net/http, bytes",
		"",
		"A CPU, 2 cores, 24576 MB, linux/amd64 6.1, go1.26, PostgreSQL 15.1 (a=b); 32 connections, the server on a core of its own, PostgreSQL and the load on the others; 5 s each in 2 rounds; 1,000 users, 20,000 families, 10 tenants; commit abc, 2026-11-21",
		"",
	}, "\n")
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestColoursTellMetFromMissedAndChangeNothingElse(t *testing.T) {
	t.Parallel()
	var plain, coloured bytes.Buffer
	example().Text(&plain, false)
	example().Text(&coloured, true)
	text := coloured.String()
	if !strings.Contains(text, "\x1b[32m     0.6 met\x1b[0m") || !strings.Contains(text, "\x1b[31m  0.6 missed\x1b[0m") {
		t.Errorf("%q", text)
	}
	for _, code := range []string{"\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[0m"} {
		text = strings.ReplaceAll(text, code, "")
	}
	if text != plain.String() {
		t.Errorf("without its colours:\n%s", text)
	}
}

func TestMarkdownAndJSONHoldTheSame(t *testing.T) {
	t.Parallel()
	var md, js bytes.Buffer
	example().Markdown(&md)
	if err := example().JSON(&js); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(md.String(), "| scenario | per second |") ||
		!strings.Contains(md.String(), "| JWKS | 31,838 | 0.81 ms | 5.72 ms | 26.4 | – | 84% | 32 MB | 77,119 | 11.0 | 0.41 | 0.42 | 0.6 missed |") {
		t.Error(md.String())
	}
	var back Report
	if err := json.Unmarshal(js.Bytes(), &back); err != nil || len(back.Scenarios) != 3 || back.Scenarios[0].HalfLoad.P99 != 5070 ||
		back.Scenarios[0].Rate != 8791 || back.Scenarios[1].Ceiling.Rate != 77_119 {
		t.Errorf("%v\n%s", err, js.String())
	}
}

func TestGrowthCountsWhatAnOperationCosts(t *testing.T) {
	t.Parallel()
	row := func(rate, cpu, database float64) GrowthRow {
		return GrowthRow{Title: "refresh", Small: Figures{Rate: 1000, CPU: 100, Database: 100}, Large: Figures{Rate: rate, CPU: cpu, Database: database}}
	}
	for name, c := range map[string]struct {
		row GrowthRow
		met bool
	}{
		"the same":                     {row(1000, 100, 100), true},
		"just within":                  {row(1000/1.19, 110, 125), true},
		"slower":                       {row(800, 100, 100), false},
		"as fast, with a busier store": {row(1000, 100, 150), false},
		"cheaper":                      {row(1500, 90, 90), true},
	} {
		if got := (Growth{Limit: GrowthLimit}).met(c.row); got != c.met {
			t.Errorf("%s: cost %.2f, by CPU %.2f, met %v", name, c.row.Cost(), c.row.CPUCost(), got)
		}
	}
	pages := GrowthRow{Small: Figures{Rate: 1000, P99: 100}, Large: Figures{Rate: 100, P99: 199}} // slower, and no page much later
	for p99, met := range map[float64]bool{199: true, 201: false} {
		pages.Large.P99 = p99
		if got := (Growth{Limit: PageLimit, P99: true}).met(pages); got != met {
			t.Errorf("a p99 of %v for one of 100: met %v", p99, got)
		}
	}
	g := Growth{Limit: GrowthLimit, Much: "with much", Date: time.Now(), Rows: []GrowthRow{row(800, 100, 100)}, Sizes: []Sized{{Data: fill.Size{Users: 1_000_000, Families: 10_000_000, Tenants: 10_000}}}}
	var b bytes.Buffer
	g.Text(&b, false)
	if !strings.Contains(b.String(), "1.2 missed") || !strings.Contains(b.String(), "1,000,000 users, 10,000,000 families, 10,000 tenants") {
		t.Error(b.String())
	}
}

func TestNumbersAreReadable(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{
		0: "–", 0.318: "0.32", 9.99: "9.99", 9.996: "10.0", 54.44: "54.4", 99.94: "99.9", 99.96: "100", 999.6: "1,000", 1234567: "1,234,567",
	} {
		if got := number(n); got != want {
			t.Errorf("%v is written %q, want %q", n, got, want)
		}
	}
}
