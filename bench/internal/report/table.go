package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is text in columns: the first is aligned left, the others right.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// plain writes the table with aligned columns. paint colours a padded cell, by row and column; it may be
// nil.
func (t *table) plain(w io.Writer, paint func(row, column int, text string) string) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(n int, row []string) {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += pad
			} else {
				cell = "  " + pad + cell
			}
			if paint != nil {
				cell = paint(n, i, cell)
			}
			b.WriteString(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(-1, t.head)
	for n, row := range t.rows {
		line(n, row)
	}
}

// markdown writes the table for a document.
func (t *table) markdown(w io.Writer) {
	line := func(cells []string) { fmt.Fprintln(w, "| "+strings.Join(cells, " | ")+" |") }
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
}

// number writes n with three digits at least, and thousands apart.
func number(n float64) string {
	switch {
	case n == 0:
		return "–"
	case n < 9.995:
		return fmt.Sprintf("%.2f", n)
	case n < 99.95:
		return fmt.Sprintf("%.1f", n)
	}
	return count(int(math.Round(n)))
}

// count writes n with its thousands apart.
func count(n int) string {
	text := strconv.Itoa(n)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// millis writes microseconds as milliseconds.
func millis(us float64) string { return number(us/1000) + " ms" }

// mebibytes writes bytes.
func mebibytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/(1<<20)) }

// share writes a ratio.
func share(r float64) string {
	if r == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}
