package manifest

import (
	"fmt"
	"io"
	"strings"
)

// Print writes a plan for people: a line for each thing, one for each field that changes, and the
// sums. colour paints the marks; clean makes text harmless for a terminal.
func (p *Plan) Print(w io.Writer, colour bool, clean func(string) string) error {
	var b strings.Builder
	paint := func(a Action, line string) {
		code := map[Action]string{Create: "32", Change: "33", Delete: "31"}[a]
		if colour {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m\n", code, clean(line))
			return
		}
		b.WriteString(clean(line) + "\n")
	}
	for _, s := range p.Steps {
		paint(s.Action, string(s.Action)+" "+s.Name())
		for _, d := range s.Fields {
			if !d.list {
				paint(Change, fmt.Sprintf("    %s: %s → %s", d.Field, d.From, d.To))
				continue
			}
			for _, v := range d.Added {
				paint(Create, fmt.Sprintf("    %s: + %s", d.Field, v))
			}
			for _, v := range d.Removed {
				paint(Delete, fmt.Sprintf("    %s: - %s", d.Field, v))
			}
		}
	}
	if p.Empty() {
		b.WriteString("Nothing to do: everything is as the document says.\n")
	} else {
		fmt.Fprintf(&b, "%d to create, %d to change, %d to delete.\n", p.Count(Create), p.Count(Change), p.Count(Delete))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
