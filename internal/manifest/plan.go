package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// Action is what a step does to a thing.
type Action byte

// The actions, as a plan marks them.
const (
	Create Action = '+'
	Change Action = '~'
	Delete Action = '-'
)

// Step is one thing that has to be made, changed or deleted.
type Step struct {
	Action Action
	Noun   string   // "role"
	Path   []string // keys from the outermost thing to this one
	Fields []Difference

	desired, current *thing
	above            *thing // what the document declares of the thing that this one is below
	aboveNew         bool   // which is not there yet
	siblings         int    // how many things of the kind there are beside or with it
	kind             *kind
}

// Difference is one field that changes. Of a list, Added and Removed say how; of anything else,
// From and To are JSON.
type Difference struct {
	Field          string
	From, To       string
	Added, Removed []string

	list bool
	v    any
}

// Name returns the thing's noun and path, as in "role acme/clerk".
func (s Step) Name() string { return s.Noun + " " + strings.Join(s.Path, "/") }

// Plan is what has to be done for the server to be as a document says.
type Plan struct{ Steps []*Step }

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Count returns how many steps are of an action.
func (p *Plan) Count(a Action) (n int) {
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// Losses lists what the server has and would not have afterwards.
func (p *Plan) Losses() []string {
	var out []string
	for _, s := range p.Steps {
		if s.Action == Delete {
			out = append(out, s.Name())
			continue
		}
		for _, d := range s.Fields {
			for _, gone := range d.Removed {
				out = append(out, fmt.Sprintf("%s of %s: %s", d.Field, s.Name(), gone))
			}
		}
	}
	return out
}

// diff compares what a document declares with what there is. Both refusals that it can tell are
// faults: fields that cannot be changed any more.
func diff(desired, current *Document) (*Plan, error) {
	d := &differ{}
	for _, c := range format() {
		if want, declared := desired.things[c.name]; declared {
			d.collection(nil, nil, c, want, current.things[c.name], slices.Contains(desired.Complete, c.name))
		}
	}
	if len(d.faults) > 0 {
		return nil, &Faults{Name: "the document", List: d.faults}
	}
	return &Plan{Steps: d.steps}, nil
}

type differ struct {
	steps  []*Step
	faults []Fault
}

// collection compares the things of one list. Those that are not declared are deleted when the
// list is whole, which every list below a thing is.
func (d *differ) collection(path []string, above *thing, c *collection, want, have *things, whole bool) {
	siblings := 0
	if have != nil {
		siblings = len(have.list)
	}
	for _, w := range want.list {
		h := have.find(c.of, w.key)
		at := append(slices.Clone(path), w.key)
		step := &Step{Noun: c.of.noun, Path: at, desired: w, current: h, above: above, aboveNew: above != nil && have == nil, siblings: siblings, kind: c.of}
		switch {
		case h == nil:
			step.Action = Create
			d.steps = append(d.steps, step)
		default:
			step.Action, step.Fields = Change, d.fields(c.of, at, w, h)
			if len(step.Fields) > 0 {
				d.steps = append(d.steps, step)
			}
		}
		for _, below := range c.of.below {
			list, declared := w.below[below.name]
			if !declared {
				continue
			}
			var there *things
			if h != nil {
				there = h.below[below.name]
			}
			d.collection(at, w, below, list, there, true)
		}
	}
	if !whole || have == nil || c.of.kept {
		return
	}
	for _, h := range have.list {
		if want.find(c.of, h.key) == nil && !h.builtIn() {
			d.steps = append(d.steps, &Step{Action: Delete, Noun: c.of.noun, Path: append(slices.Clone(path), h.key), current: h, above: above, siblings: siblings, kind: c.of})
		}
	}
}

// fields compares what is declared of a thing with what it is.
func (d *differ) fields(k *kind, path []string, want, have *thing) []Difference {
	var out []Difference
	for _, f := range k.fields {
		w, declared := want.fields[f.name]
		if !declared || f.birth {
			continue
		}
		h := have.fields[f.name].v
		if h == nil {
			h = f.shape.zero()
		}
		if equal(w.v, h) {
			continue
		}
		if f.fixed {
			d.faults = append(d.faults, Fault{w.line, fmt.Sprintf("%s: the %s %s has %s and keeps it; delete it first, or leave the field out",
				f.name, k.noun, strings.Join(path, "/"), encode(h))})
			continue
		}
		x := Difference{Field: f.name, v: w.v}
		switch before, isList := h.([]string); {
		case isList && f.shape != list:
			x.list = true
			x.Added, x.Removed = without(w.v.([]string), before), without(before, w.v.([]string))
		case isList: // in an order that matters
			x.Removed = without(before, w.v.([]string))
			x.From, x.To = encode(h), encode(w.v)
		default:
			x.From, x.To = encode(h), encode(w.v)
		}
		out = append(out, x)
	}
	return out
}

// zero is what a field holds that the server does not mention.
func (s shape) zero() any {
	switch s {
	case truth:
		return false
	case number:
		return json.Number("0")
	case set, list, grants:
		return []string{}
	case object:
		return map[string]any{}
	case objects:
		return []any{}
	}
	return ""
}

func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
}

// equal compares two values as JSON, in which the members of objects have no order.
func equal(a, b any) bool { return encode(a) == encode(b) }

// encode writes a value as JSON in which equal numbers are the same text.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(canonical(v)); err != nil { // of what came out of YAML or JSON
		return fmt.Sprint(v)
	}
	return strings.TrimRight(b.String(), "\n")
}

// canonical reads numbers as the server does.
func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = canonical(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = canonical(x)
		}
		return out
	}
	return v
}

// builtIn reports whether the thing is part of every installation.
func (t *thing) builtIn() bool {
	switch t.kind.noun {
	case "resource server":
		return t.key == adminAudience
	case "client":
		return t.key == cliClient
	case "tenant":
		return t.key == ownTenant
	case "role template":
		return t.key == "admin" || t.key == "member"
	}
	return false
}

// LossError refuses to apply a plan that would lose something. It is an errdefs.ErrDenied.
type LossError struct{ Losses []string }

// Error lists what would be lost.
func (e *LossError) Error() string {
	return "nothing was changed, because this would be lost:\n  - " + strings.Join(e.Losses, "\n  - ")
}

// Unwrap returns the kind.
func (e *LossError) Unwrap() error { return errdefs.ErrDenied }
