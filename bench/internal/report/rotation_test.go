package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func rotated() Rotation {
	return Rotation{
		Date: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Machine: example().Machine, PostgreSQL: example().PostgreSQL,
		Seconds: 131, Replicas: 3, Schedule: "a new key every 6s", Headers: "public, max-age=1", Wanted: 20,
		Rings:  []RotationRing{{Algorithm: "ES256", Rotations: 21, Overlap: 41}, {Algorithm: "RS256", Rotations: 20}},
		Issued: 15_000, Unissued: map[string]int{"refused": 200, "status 503": 31}, Events: []string{"20.1 s: PostgreSQL stopped"}, Retries: 7,
		Libraries: []RotationLibrary{
			{Name: "pkg/verify", Version: "of this checkout", Ours: true, Checks: 44_000, Slowest: 12.5, Whole: 50, Same: 100},
			{Name: "other", Version: "1.2", Checks: 44_000, Refused: 1200, Slowest: 5000, Whole: 4, Examples: []string{"1s after its issue: no such key"}},
		},
		Drill: &Drill{
			Schedule: "a new key every hour", Headers: "public, max-age=10", Bound: 65, Answered: 0.02,
			Signed: []float64{0.1, 0.2, 0}, Published: []float64{0.1, 0.1, 0.3},
			Libraries: []DrillLibrary{
				{Name: "pkg/verify", Ours: true, Refused: 8.13, Limit: 12, Checks: 400, Defaults: "264 s"},
				{Name: "other", Checks: 400, Wrong: 3, Defaults: "never"},
			},
		},
	}
}

func TestTheRotationSaysWhatEachLibraryRefused(t *testing.T) {
	t.Parallel()
	var text, markdown, raw bytes.Buffer
	r := rotated()
	r.Text(&text, false)
	r.Markdown(&markdown)
	if err := r.JSON(&raw); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pkg/verify  of this checkout  44,000                    0   12.5 ms",
		"other                    1.2  44,000                1,200  5,000 ms",
		"keys changed in 131 s: ES256 21 times (two keys in use at once for 41.0 ms at most), RS256 20 times (never two keys in use at once)",
		"15,000 tokens of 3 replicas; 231 requests for one got none",
		"20.1 s: PostgreSQL stopped",
		"other refused a token 1s after its issue: no such key",
		"the replicas signed with the next key after 0.10 s, 0.20 s, never",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{
		"| pkg/verify | of this checkout | 44,000 | 0 | 12.5 ms | 50 | 100 |",
		"| pkg/verify | 8.1 s | 0 of 400 | 264 s |",
		"| other | more than 65 s | 3 of 400 | never |",
		"- a new key every 6s; `Cache-Control: public, max-age=1`",
	} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, markdown.String())
		}
	}
	var back Rotation
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil || back.Libraries[1].Refused != 1200 || back.Drill.Libraries[0].Refused != 8.13 {
		t.Errorf("%+v, %v", back, err)
	}
	whole := example()
	whole.Rotation = &r
	text.Reset()
	whole.Text(&text, false)
	if !strings.Contains(text.String(), "15,000 tokens of 3 replicas") {
		t.Errorf("the whole run lacks the rotation:\n%s", text.String())
	}
}

func TestTheRotationFailsForWhatIsOurs(t *testing.T) {
	t.Parallel()
	good := rotated()
	if faults := good.Faults(); len(faults) != 0 {
		t.Errorf("nothing is wrong: %q", faults)
	}
	for want, spoil := range map[string]func(*Rotation){
		"the keys changed 19 times and not 20":                func(r *Rotation) { r.Rings[1].Rotations = 19 },
		"the keys changed 0 times and not 20":                 func(r *Rotation) { r.Rings = nil },
		"ES256: 2 tokens were signed with a key that":         func(r *Rotation) { r.Rings[0].Backward = 2 },
		"pkg/verify refused 1 of 44000 good tokens":           func(r *Rotation) { r.Libraries[0].Refused = 1 },
		"pkg/verify refused 0 of 0 good tokens":               func(r *Rotation) { r.Libraries[0].Checks = 0 },
		"pkg/verify refused 1 of 400 good tokens after":       func(r *Rotation) { r.Drill.Libraries[0].Wrong = 1 },
		"pkg/verify accepted the stolen key for more than 12": func(r *Rotation) { r.Drill.Libraries[0].Refused = 0 },
		"pkg/verify accepted the stolen key for more than 8 ": func(r *Rotation) { r.Drill.Libraries[0].Limit = 8 },
	} {
		r := rotated()
		r.Rings, r.Libraries = slices.Clone(r.Rings), slices.Clone(r.Libraries)
		spoil(&r)
		if faults := strings.Join(r.Faults(), "; "); !strings.Contains(faults, want) {
			t.Errorf("%q, want %q", faults, want)
		}
	}
}
