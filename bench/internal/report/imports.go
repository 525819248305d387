package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/signet-id/signet/bench/internal/rig"
)

// ImportTarget is how many rows a second an import has to reach.
const ImportTarget = 5000

// FlatLimit is how much more memory the importing process may hold, at its highest, for a file of
// ten times the rows. It is above 1 because a longer run meets more moments of the collector.
const FlatLimit = 1.25

// Imports is the import of two files, one with a tenth of the rows of the other.
type Imports struct {
	Date       time.Time   `json:"date"`
	Machine    rig.Machine `json:"machine"`
	PostgreSQL PostgreSQL  `json:"postgresql"`
	Settings   Settings    `json:"settings"`
	Format     string      `json:"format"`
	Files      []Import    `json:"files"`
}

// Import is one of them.
type Import struct {
	Rows       int     `json:"rows"`
	Bytes      int64   `json:"file_bytes"`
	Seconds    float64 `json:"seconds"`         // of the whole process, from its start to its end
	CopySecond float64 `json:"copy_per_second"` // rows, of a bare COPY into an unlogged table
	ClientPeak int64   `json:"client_peak_bytes"`
	ServerIdle int64   `json:"server_before_bytes"`
	ServerPeak int64   `json:"server_peak_bytes"`
}

// Rate is rows a second.
func (i Import) Rate() float64 {
	if i.Seconds == 0 {
		return 0
	}
	return float64(i.Rows) / i.Seconds
}

func (r Imports) table() table {
	t := table{head: []string{"rows", "file", "seconds", "rows/s", "bare COPY", "ratio", "client peak", "server before", "server peak"}}
	for _, f := range r.Files {
		ratio := 0.0
		if f.CopySecond > 0 {
			ratio = f.Rate() / f.CopySecond
		}
		t.add(number(float64(f.Rows)), mebibytes(f.Bytes), fmt.Sprintf("%.2f", f.Seconds), number(f.Rate()), number(f.CopySecond),
			fmt.Sprintf("%.3f", ratio), mebibytes(f.ClientPeak), mebibytes(f.ServerIdle), mebibytes(f.ServerPeak))
	}
	return t
}

// Flat is the peak of the importing process with the larger file as a multiple of that with the
// smaller one.
func (r Imports) Flat() float64 {
	if len(r.Files) < 2 || r.Files[0].ClientPeak == 0 {
		return 0
	}
	return float64(r.Files[len(r.Files)-1].ClientPeak) / float64(r.Files[0].ClientPeak)
}

// Verdict says whether both aims were reached.
func (r Imports) Verdict() string {
	if len(r.Files) == 0 {
		return ""
	}
	mark := func(met bool) string {
		if met {
			return "met"
		}
		return "missed"
	}
	rate := r.Files[len(r.Files)-1].Rate()
	return fmt.Sprintf("at least %d rows/s: %s (%.0f); memory of the importing process with ten times the rows at most %.2f times: %s (%.2f)",
		ImportTarget, mark(rate >= ImportTarget), rate, FlatLimit, mark(r.Flat() <= FlatLimit), r.Flat())
}

// Text writes it for a person.
func (r Imports) Text(w io.Writer) {
	fmt.Fprintln(w)
	t := r.table()
	t.plain(w, nil)
	fmt.Fprintf(w, "\n%s\n", r.Verdict())
}

// Markdown writes it for a document.
func (r Imports) Markdown(w io.Writer) {
	t := r.table()
	t.markdown(w)
	fmt.Fprintf(w, "\n%s\n", r.Verdict())
}

// JSON writes everything.
func (r Imports) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
