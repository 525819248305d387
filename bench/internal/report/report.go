// Package report holds what was measured and writes it: as a table for a terminal, as JSON with
// everything, as a table in Markdown for docs/performance.md.
package report

import (
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/rig"
)

// Report is one run.
type Report struct {
	Date       time.Time   `json:"date"`
	Machine    rig.Machine `json:"machine"`
	PostgreSQL PostgreSQL  `json:"postgresql"`
	Settings   Settings    `json:"settings"`
	Server     Server      `json:"server"`
	Scenarios  []Scenario  `json:"scenarios"`
	Rotation   *Rotation   `json:"rotation,omitempty"`
}

// PostgreSQL is the database of the run.
type PostgreSQL struct {
	Version  string   `json:"version"`
	Settings []string `json:"settings"`
}

// Settings are what the run was asked for.
type Settings struct {
	Connections int       `json:"connections"`
	Seconds     float64   `json:"seconds"`
	Warmup      float64   `json:"warmup_seconds"`
	Rounds      int       `json:"rounds"`
	Pinned      bool      `json:"server_on_its_own_core"`
	Data        fill.Size `json:"data"`
}

// Server is what is said of the process rather than of a scenario.
type Server struct {
	StartupMillis      float64 `json:"startup_ms"`
	IdleBytes          int64   `json:"idle_bytes"`
	PeakBytes          int64   `json:"peak_bytes"`           // over all scenarios without passwords
	PasswordHashMillis float64 `json:"password_hash_ms"`     // one verification, alone
	HashPeakBytes      int64   `json:"peak_bytes_passwords"` // while passwords were checked
}

// Figures is a load and how it was borne.
type Figures struct {
	Rate       float64 `json:"per_second"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	CPU        float64 `json:"cpu_us_per_operation"` // of the server; 0 where the system does not say
	Database   float64 `json:"database_cpu_us_per_operation"`
	Busy       float64 `json:"busy"` // share of the core that the server used
	Operations int64   `json:"operations"`
	Seconds    float64 `json:"seconds"`
}

// Scenario is one scenario with its ceiling.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Figures
	Connections int      `json:"connections"`
	Resident    int64    `json:"resident_bytes"` // at the end
	Peak        int64    `json:"peak_bytes"`
	HalfLoad    *Figures `json:"half_load,omitempty"`
	Ceiling     *Figures `json:"ceiling,omitempty"`
	Needs       string   `json:"ceiling_does,omitempty"`
	Target      float64  `json:"target,omitempty"`
	Password    bool     `json:"password,omitempty"`
}

// Ratio is the rate as a share of the ceiling's; 0 without one.
func (s Scenario) Ratio() float64 {
	if s.Ceiling == nil || s.Ceiling.Rate == 0 {
		return 0
	}
	return s.Rate / s.Ceiling.Rate
}

// CPURatio is the ceiling's processor time per operation as a share of the server's. It says the
// same as Ratio when the server's core is the bottleneck, and more when the database is.
func (s Scenario) CPURatio() float64 {
	if s.Ceiling == nil || s.CPU == 0 {
		return 0
	}
	return s.Ceiling.CPU / s.CPU
}

// Met reports whether the target was reached.
func (s Scenario) Met() bool { return s.Ratio() >= s.Target }
