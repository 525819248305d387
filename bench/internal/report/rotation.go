package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/signet-id/signet/bench/internal/rig"
)

// Rotation is a run in which the signing keys changed every few seconds.
type Rotation struct {
	Date       time.Time   `json:"date"`
	Machine    rig.Machine `json:"machine"`
	PostgreSQL PostgreSQL  `json:"postgresql"`
	Seconds    float64     `json:"seconds"`
	Replicas   int         `json:"replicas"`
	// Schedule says how fast the keys changed, Headers what the key set said of its caching.
	Schedule string         `json:"schedule"`
	Headers  string         `json:"headers"`
	Wanted   int            `json:"rotations_wanted"`
	Rings    []RotationRing `json:"rings"`
	Issued   int            `json:"tokens_issued"`
	Unissued map[string]int `json:"requests_without_token"` // by reason
	Events   []string       `json:"events"`
	// Retries is how often the balancer asked another replica for the keys.
	Retries   int               `json:"balancer_retries"`
	Libraries []RotationLibrary `json:"libraries"`
	Drill     *Drill            `json:"drill,omitempty"`
}

// RotationRing is what was seen of the keys of one algorithm.
type RotationRing struct {
	Algorithm string  `json:"algorithm"`
	Rotations int     `json:"rotations"`
	Overlap   float64 `json:"overlap_ms"` // at most, between the first token of a key and the last of the one before
	Backward  int     `json:"backward"`   // tokens of a key before that
}

// RotationLibrary is what became of the tokens that one library was shown.
type RotationLibrary struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Ours     bool     `json:"ours"`
	Checks   int      `json:"checks"`
	Refused  int      `json:"good_tokens_refused"`
	Late     int      `json:"expired_meanwhile"`
	Slowest  float64  `json:"slowest_ms"`
	Unknown  int64    `json:"keys_not_in_memory"` // ours only
	Whole    int      `json:"key_sets_fetched"`
	Same     int      `json:"key_sets_not_modified"`
	Failed   int      `json:"key_sets_failed"`
	Examples []string `json:"examples,omitempty"`
}

// Drill is what was done about a stolen key, and when it had its effect.
type Drill struct {
	Schedule  string         `json:"schedule"`
	Headers   string         `json:"headers"`
	Bound     float64        `json:"bound_seconds"`
	Answered  float64        `json:"revoked_after_seconds"`
	Signed    []float64      `json:"replicas_sign_with_next_after_seconds"`
	Published []float64      `json:"replicas_publish_without_it_after_seconds"`
	Libraries []DrillLibrary `json:"libraries"`
}

// DrillLibrary is when one library refused the stolen key.
type DrillLibrary struct {
	Name    string  `json:"name"`
	Ours    bool    `json:"ours"`
	Refused float64 `json:"refused_after_seconds"` // 0: not within the bound
	Limit   float64 `json:"limit_seconds"`         // of ours: what the headers and its settings allow
	// Checks and Wrong are good tokens of the new key, and how many of them were refused.
	Checks int `json:"checks"`
	Wrong  int `json:"good_tokens_refused"`
	// Defaults is when it refuses at the latest with the headers of an installation that changed no
	// setting: computed and not measured.
	Defaults string   `json:"with_default_headers"`
	Examples []string `json:"examples,omitempty"`
}

// Rotations is how often the keys of the algorithm changed for which they changed least.
func (r Rotation) Rotations() int {
	least := -1
	for _, ring := range r.Rings {
		if least < 0 || ring.Rotations < least {
			least = ring.Rotations
		}
	}
	return max(0, least)
}

// Faults says what must not happen and did; nothing when all is well.
func (r Rotation) Faults() (out []string) {
	if n := r.Rotations(); n < r.Wanted {
		out = append(out, fmt.Sprintf("the keys changed %d times and not %d", n, r.Wanted))
	}
	for _, ring := range r.Rings {
		if ring.Backward > 0 {
			out = append(out, fmt.Sprintf("%s: %d tokens were signed with a key that had long retired", ring.Algorithm, ring.Backward))
		}
	}
	for _, l := range r.Libraries {
		if l.Ours && (l.Refused > 0 || l.Checks == 0) {
			out = append(out, fmt.Sprintf("%s refused %d of %d good tokens", l.Name, l.Refused, l.Checks))
		}
	}
	if r.Drill == nil {
		return out
	}
	for _, l := range r.Drill.Libraries {
		if l.Ours && (l.Wrong > 0 || l.Checks == 0) {
			out = append(out, fmt.Sprintf("%s refused %d of %d good tokens after the theft", l.Name, l.Wrong, l.Checks))
		}
		if l.Ours && (l.Refused == 0 || l.Refused > l.Limit) {
			out = append(out, fmt.Sprintf("%s accepted the stolen key for more than %.0f s", l.Name, l.Limit))
		}
	}
	return out
}

func (r Rotation) libraries() table {
	t := table{head: []string{"verifier", "version", "checks", "good tokens refused", "slowest", "key sets fetched", "not modified"}}
	for _, l := range r.Libraries {
		t.add(l.Name, l.Version, count(l.Checks), count(l.Refused), millis(1000*l.Slowest), count(l.Whole), count(l.Same))
	}
	return t
}

func (d Drill) table() table {
	t := table{head: []string{"verifier", "refuses the stolen key after", "good tokens refused", "with default headers"}}
	for _, l := range d.Libraries {
		at := fmt.Sprintf("more than %.0f s", d.Bound)
		if l.Refused > 0 {
			at = fmt.Sprintf("%.1f s", l.Refused)
		}
		t.add(l.Name, at, fmt.Sprintf("%s of %s", count(l.Wrong), count(l.Checks)), l.Defaults)
	}
	return t
}

func (r Rotation) notes() []string {
	rings := make([]string, 0, len(r.Rings))
	for _, ring := range r.Rings {
		overlap := "never two keys in use at once"
		if ring.Overlap > 0 {
			overlap = fmt.Sprintf("two keys in use at once for %s at most", millis(1000*ring.Overlap))
		}
		rings = append(rings, fmt.Sprintf("%s %d times (%s)", ring.Algorithm, ring.Rotations, overlap))
	}
	unissued := 0
	for _, n := range r.Unissued {
		unissued += n
	}
	out := []string{
		fmt.Sprintf("keys changed in %.0f s: %s", r.Seconds, strings.Join(rings, ", ")),
		fmt.Sprintf("%s; `Cache-Control: %s`", r.Schedule, r.Headers),
		fmt.Sprintf("%s tokens of %d replicas; %s requests for one got none while their replica or the database was down; %s fetches of keys went on to another replica",
			count(r.Issued), r.Replicas, count(unissued), count(r.Retries)),
	}
	out = append(out, r.Events...)
	for _, l := range r.Libraries {
		if l.Ours {
			out = append(out, fmt.Sprintf("%s: %d times a key was not in memory and had to be waited for", l.Name, l.Unknown))
		}
	}
	return out
}

func (d Drill) notes() []string {
	return []string{
		fmt.Sprintf("%s; `Cache-Control: %s`", d.Schedule, d.Headers),
		fmt.Sprintf("the revocation was answered after %.2f s; the replicas signed with the next key after %s, and served a key set without the stolen one after %s",
			d.Answered, moments(d.Signed), moments(d.Published)),
	}
}

// moments writes times after the beginning; 0 is one that was not seen.
func moments(all []float64) string {
	out := make([]string, 0, len(all))
	for _, at := range all {
		if at == 0 {
			out = append(out, "never")
			continue
		}
		out = append(out, fmt.Sprintf("%.2f s", at))
	}
	return strings.Join(out, ", ")
}

func (r Rotation) shape() string {
	return fmt.Sprintf("%s, %d cores, %s, %s %s, %s, PostgreSQL %s; commit %s, %s", r.Machine.CPU, r.Machine.Cores, mebibytes(r.Machine.Memory),
		r.Machine.OS, r.Machine.Kernel, r.Machine.Go, r.PostgreSQL.Version, r.Machine.Commit, r.Date.UTC().Format("2006-01-02"))
}

// Text writes it for a person; with colour, zero refusals of ours are green and others red.
func (r Rotation) Text(w io.Writer, colour bool) {
	fmt.Fprintln(w)
	t := r.libraries()
	t.plain(w, verdicts(colour, 3, func(row int) (bool, bool) { return r.Libraries[row].Ours, r.Libraries[row].Refused == 0 }))
	fmt.Fprintln(w)
	for _, line := range r.notes() {
		fmt.Fprintln(w, line)
	}
	for _, l := range r.Libraries {
		for _, e := range l.Examples {
			fmt.Fprintf(w, "  %s refused a token %s\n", l.Name, e)
		}
	}
	if r.Drill != nil {
		fmt.Fprintln(w)
		t = r.Drill.table()
		t.plain(w, verdicts(colour, 1, func(row int) (bool, bool) { return r.Drill.Libraries[row].Ours, r.Drill.Libraries[row].Refused > 0 }))
		fmt.Fprintln(w)
		for _, line := range r.Drill.notes() {
			fmt.Fprintln(w, line)
		}
		for _, l := range r.Drill.Libraries {
			for _, e := range l.Examples {
				fmt.Fprintf(w, "  %s refused a token %s\n", l.Name, e)
			}
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.shape())
}

// Markdown writes it for docs/performance.md.
func (r Rotation) Markdown(w io.Writer) {
	t := r.libraries()
	t.markdown(w)
	fmt.Fprintln(w)
	for _, line := range r.notes() {
		fmt.Fprintln(w, "- "+line)
	}
	if r.Drill != nil {
		fmt.Fprintln(w)
		t = r.Drill.table()
		t.markdown(w)
		fmt.Fprintln(w)
		for _, line := range r.Drill.notes() {
			fmt.Fprintln(w, "- "+line)
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.shape())
}

// JSON writes everything.
func (r Rotation) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
