package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signet-id/signet/internal/errdefs"
)

// The bounds of a document: an alias may stand for much, many times over.
const (
	MaxSize  = 32 << 20 // bytes
	maxNodes = 2_000_000
	maxAlias = 10_000 // times that aliases are followed
	maxDepth = 50
)

// Fault is one thing that is wrong with a document.
type Fault struct {
	Line int // 0: of no line
	Text string
}

// Faults is an error that holds every fault of a document, in the order of their lines. It is an
// errdefs.ErrInvalid.
type Faults struct {
	Name string // of the file
	List []Fault
}

// Error returns a line for each fault.
func (f *Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cannot be applied:", f.Name)
	for _, x := range f.List {
		if x.Line > 0 {
			fmt.Fprintf(&b, "\n  line %d: %s", x.Line, x.Text)
		} else {
			fmt.Fprintf(&b, "\n  %s", x.Text)
		}
	}
	return b.String()
}

// Unwrap returns the kind.
func (f *Faults) Unwrap() error { return errdefs.ErrInvalid }

// Parse reads a document. name is that of its file, for faults; secrets are looked up in source.
// The error is *Faults with everything that is wrong.
func Parse(name string, b []byte, source Secrets) (*Document, error) {
	p := &parser{secrets: source}
	d := p.document(b)
	if len(p.faults) == 0 {
		p.faults = check(d)
	}
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, &Faults{Name: name, List: p.faults}
	}
	return d, nil
}

type parser struct {
	secrets Secrets
	faults  []Fault
	nodes   int
	aliases int
	refused bool
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	p.faults = append(p.faults, Fault{line, fmt.Sprintf(format, args...)})
}

func (p *parser) document(b []byte) *Document {
	d := &Document{things: map[string]*things{}}
	if len(b) > MaxSize {
		p.fault(nil, "it is larger than %d MiB", MaxSize>>20)
		return d
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		p.fault(nil, "it is empty: begin with version: %d", Version)
		return d
	} else if err != nil {
		p.fault(nil, "it is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return d
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		p.fault(nil, "it holds more than one YAML document: keep one")
		return d
	}
	root := p.node(doc.Content[0], 0)
	if root == nil {
		return d
	}
	versioned := false
	p.mapping(root, func(key string, k, v *yaml.Node) {
		switch key {
		case "version":
			versioned = true
			if v.Kind != yaml.ScalarNode || v.Value != fmt.Sprint(Version) {
				p.fault(v, "version: this signet reads version %d", Version)
			}
			return
		case "complete":
			if names, ok := p.strings(v); ok {
				p.complete(d, v, names)
			}
			return
		}
		for _, c := range format() {
			if c.name == key {
				d.things[key] = p.things(c.of, v, 1)
				return
			}
		}
		p.fault(k, "%s is nothing that can be declared%s", key, nearest(key, topLevel()))
	})
	if !versioned {
		p.fault(root, "say which version of the format this is: version: %d", Version)
	}
	return d
}

func topLevel() []string {
	out := []string{"version", "complete"}
	for _, c := range format() {
		out = append(out, c.name)
	}
	return out
}

func (p *parser) complete(d *Document, n *yaml.Node, names []string) {
	for _, name := range names {
		if name != tenants && name != resourceServers && name != clients && name != connectors {
			p.fault(n, "complete: %s cannot be complete; %s, %s, %s and %s can", name, tenants, resourceServers, clients, connectors)
		}
	}
	d.Complete = names
}

// node follows an alias, and refuses to go on when a document is larger than it looks.
func (p *parser) node(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		p.aliases++
	}
	p.nodes++
	if p.nodes <= maxNodes && p.aliases <= maxAlias && depth <= maxDepth {
		return n
	}
	if !p.refused {
		p.refused = true
		p.fault(n, "the document is too deep or too large")
	}
	p.nodes = maxNodes + 1 // nothing more is read
	return nil
}

// mapping calls f for each key of a mapping; one that is there twice is a fault.
func (p *parser) mapping(n *yaml.Node, f func(key string, k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "expected keys and values here")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		v := p.node(n.Content[i+1], 0)
		if v == nil {
			return
		}
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			p.fault(k, "expected a name here")
			continue
		}
		if line, twice := seen[k.Value]; twice {
			p.fault(k, "%s is there twice, first on line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		f(k.Value, k, v)
	}
}

func (p *parser) things(k *kind, n *yaml.Node, depth int) *things {
	out := &things{line: n.Line}
	if null(n) {
		return out // the list is given, and empty
	}
	if n.Kind != yaml.SequenceNode {
		p.fault(n, "expected a list of %ss here, each behind a dash", k.noun)
		return out
	}
	for _, item := range n.Content {
		if item = p.node(item, depth); item == nil {
			return out
		}
		if t := p.thing(k, item, depth+1); t != nil {
			out.add(t)
		}
	}
	return out
}

func (p *parser) thing(k *kind, n *yaml.Node, depth int) *thing {
	t := &thing{kind: k, line: n.Line, fields: map[string]value{}, below: map[string]*things{}}
	if k.noun == "secret" {
		return p.secret(t, n)
	}
	if n.Kind == yaml.ScalarNode && k.bare && !null(n) {
		t.key = n.Value
		return t
	}
	before := len(p.faults)
	p.mapping(n, func(key string, kn, v *yaml.Node) {
		if key == k.key {
			if t.key, _ = p.string(v); t.key == "" {
				p.fault(v, "%s: expected text", key)
			}
			return
		}
		for _, c := range k.below {
			if c.name == key {
				t.below[key] = p.things(c.of, v, depth)
				return
			}
		}
		f, known := k.field(key)
		switch {
		case !known:
			p.fault(kn, "%s is no field of a %s%s", key, k.noun, nearest(key, k.names()))
		case secretField(key):
			if s, ok := p.lookUp(v, key); ok {
				t.fields[key] = value{s, v.Line}
			}
		default:
			if parsed, ok := p.value(f, v, depth); ok {
				t.fields[key] = value{parsed, v.Line}
			} else {
				p.fault(v, "%s: expected %s", key, f.shape)
			}
		}
	})
	if t.key == "" && len(p.faults) == before {
		p.fault(n, "this %s has no %s", k.noun, k.key)
	}
	return t
}

func (k *kind) names() []string {
	out := []string{k.key}
	for _, f := range k.fields {
		out = append(out, f.name)
	}
	for _, c := range k.below {
		out = append(out, c.name)
	}
	return out
}

// String says what a person should write.
func (s shape) String() string {
	return map[shape]string{
		text: "text", truth: "true or false", number: "a whole number", set: "a list of texts", list: "a list of texts",
		grants: "permissions by audience, as in https://orders.example: [orders:read]", object: "names and values", objects: "a list of names and values",
	}[s]
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (p *parser) string(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!binary" {
		return "", false
	}
	return n.Value, true
}

func (p *parser) strings(n *yaml.Node) ([]string, bool) {
	out := []string{}
	if null(n) {
		return out, true
	}
	if n.Kind != yaml.SequenceNode {
		return nil, false
	}
	for _, item := range n.Content {
		if item = p.node(item, 0); item == nil {
			return nil, false
		}
		s, ok := p.string(item)
		if !ok {
			return nil, false
		}
		if slices.Contains(out, s) {
			p.fault(item, "%s is there twice", s)
		}
		out = append(out, s)
	}
	return out, true
}

// value reads a field of its shape.
func (p *parser) value(f field, n *yaml.Node, depth int) (any, bool) {
	switch f.shape {
	case text:
		return p.string(n)
	case truth:
		return n.Value == "true", n.Tag == "!!bool" && (n.Value == "true" || n.Value == "false")
	case number:
		_, ok := new(big.Int).SetString(n.Value, 10)
		return json.Number(n.Value), ok && n.Tag == "!!int"
	case set:
		s, ok := p.strings(n)
		slices.Sort(s)
		return s, ok
	case list:
		return p.strings(n)
	case grants:
		return p.grants(n)
	case object:
		v, ok := p.any(n, depth).(map[string]any)
		if null(n) {
			return map[string]any{}, true
		}
		return v, ok
	default:
		v, ok := p.any(n, depth).([]any)
		if null(n) {
			return []any{}, true
		}
		return v, ok
	}
}

// grants reads permissions by audience.
func (p *parser) grants(n *yaml.Node) (any, bool) {
	out := []string{}
	if null(n) {
		return out, true
	}
	if n.Kind != yaml.MappingNode {
		return nil, false
	}
	good := true
	p.mapping(n, func(audience string, _, v *yaml.Node) {
		slugs, ok := p.strings(v)
		good = good && ok
		for _, slug := range slugs {
			out = append(out, audience+" "+slug)
		}
	})
	slices.Sort(out)
	return out, good
}

// any reads what is JSON by another name.
func (p *parser) any(n *yaml.Node, depth int) any {
	if n = p.node(n, depth); n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		p.mapping(n, func(key string, _, v *yaml.Node) { out[key] = p.any(v, depth+1) })
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			out = append(out, p.any(item, depth+1))
		}
		return out
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			p.fault(n, "%s is no number of JSON: write it another way, or in quotes", n.Value)
		}
		return json.Number(n.Value)
	}
	return n.Value
}

// nearest names what was probably meant, as the end of a sentence.
func nearest(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(strings.NewReplacer("-", "_", " ", "_").Replace(name), k) || strings.TrimSuffix(k, "s") == strings.TrimSuffix(name, "s") {
			return ": did you mean " + k + "?"
		}
	}
	return "; known are " + strings.Join(known, ", ")
}
