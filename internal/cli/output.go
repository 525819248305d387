package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/signet-id/signet/pkg/adminclient"
)

// batch is how many rows a table looks at to choose its widths: a list of any length is printed
// as it arrives.
const batch = 200

// column is one column of a table.
type column[T any] struct {
	title string
	value func(T) string
}

// list prints a list as a table or as a JSON array of the API's objects.
func list[T any](c *CLI, items iter.Seq2[T, error], columns ...column[T]) error {
	if c.format == "json" {
		return listJSON(c.Stdout, items)
	}
	titles := make([]string, len(columns))
	for i, col := range columns {
		titles[i] = col.title
	}
	rows := [][]string{titles}
	t := table{w: c.Stdout, bold: c.Colour}
	n := 0
	for item, err := range items {
		if err != nil {
			return err
		}
		row := make([]string, len(columns))
		for i, col := range columns {
			row[i] = clean(col.value(item))
		}
		n++
		if rows = append(rows, row); len(rows) == batch {
			if err := t.write(rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	if n == 0 {
		fmt.Fprintln(c.Stderr, "There are none.")
		return nil
	}
	return t.write(rows)
}

func listJSON[T any](w io.Writer, items iter.Seq2[T, error]) error {
	separator := "["
	for item, err := range items {
		if err != nil {
			return err
		}
		b, err := encode(item, "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n  %s", separator, b); err != nil {
			return err
		}
		separator = ","
	}
	if separator == "[" {
		_, err := fmt.Fprintln(w, "[]")
		return err
	}
	_, err := fmt.Fprintln(w, "\n]")
	return err
}

// encode returns v as JSON in which URLs stay readable.
func encode(v any, prefix string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	err := e.Encode(v)
	return strings.TrimRight(b.String(), "\n"), err
}

// field is a line of what is shown of one thing.
type field struct{ name, value string }

// show prints one thing: its fields, or the API's object as JSON. Empty fields are left out.
func (c *CLI) show(v any, fields ...field) error {
	if c.format == "json" {
		b, err := encode(v, "")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.Stdout, b)
		return err
	}
	var rows [][]string
	for _, f := range fields {
		name := f.name
		for line := range strings.SplitSeq(f.value, "\n") {
			if line != "" {
				rows = append(rows, []string{name, clean(line)})
				name = ""
			}
		}
	}
	return (&table{w: c.Stdout}).write(rows)
}

// sizes says how large tokens get by what was edited, where that is more than they may hold.
func sizes(forecast []adminclient.TokenForecast) string {
	var lines []string
	for _, f := range forecast {
		if f.OverBudget {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("too large (%d bytes), and leave permissions or declared claims out; audience %s", f.Bytes, or(f.Audience, "any"))))
		}
	}
	return strings.Join(lines, "\n")
}

// say prints a sentence about what was done, unless a program is reading.
func (c *CLI) say(format string, args ...any) {
	if c.format != "json" {
		fmt.Fprintln(c.Stdout, clean(fmt.Sprintf(format, args...)))
	}
}

// table prints rows in columns of the width of the first ones.
type table struct {
	w      io.Writer
	bold   bool
	widths []int
}

func (t *table) write(rows [][]string) error {
	first := t.widths == nil
	if first {
		for _, row := range rows {
			for i, cell := range row {
				if i == len(t.widths) {
					t.widths = append(t.widths, 0)
				}
				t.widths[i] = max(t.widths[i], columns(cell))
			}
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", max(0, t.widths[i]-columns(cell))+2))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if t.bold && first && n == 0 {
			line = bold(line)
		}
		if _, err := fmt.Fprintln(t.w, line); err != nil {
			return err
		}
	}
	return nil
}

func bold(s string) string { return "\x1b[1m" + s + "\x1b[0m" }

// columns returns how many columns of a terminal the text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		default:
			n++
			if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
				n++
			}
		}
	}
	return n
}

// clean replaces what a terminal would obey instead of show: names are chosen by others.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '\ufffd'
		}
		return r
	}, s)
}

// when writes a time as people compare it; "" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func words(list []string) string { return strings.Join(list, " ") }

func lines(list []string) string { return strings.Join(list, "\n") }

// state says whether a thing is disabled.
func state(disabledAt time.Time) string {
	if disabledAt.IsZero() {
		return ""
	}
	return "disabled"
}
