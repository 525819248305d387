package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm"
)

// maxDepth bounds how deep templates and values nest.
const maxDepth = 10

// ErrOversized says that the value of a claim is larger than MaxValue.
var ErrOversized = fmt.Errorf("the value is larger than %d bytes", MaxValue)

// errNoJSON says that an expression yielded what JSON cannot say.
var errNoJSON = errors.New("the value cannot be written as JSON")

// A node is a part of a template that has been read.
type node interface {
	// write appends the value for what names says. Whatever it appends is valid JSON.
	write(dst []byte, names map[string]any) ([]byte, error)
	// least is the least that write can append, in bytes.
	least() int
}

type (
	literal []byte // JSON
	whole   struct{ *vm.Program }
	mixed   []part // text with expressions in it
	array   []node
	record  struct {
		keys   []literal
		values []node
	}
	part struct {
		text string
		expr *vm.Program // nil: text
	}
)

// parseTemplate reads a template. The error is for the person who wrote it.
func parseTemplate(raw json.RawMessage) (node, error) {
	if len(raw) == 0 {
		return nil, errors.New("is missing")
	}
	if len(raw) > MaxTemplate {
		return nil, fmt.Errorf("is a template of more than %d bytes", MaxTemplate)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	n, err := parseNode(d, 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("is not one JSON value")
		}
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

func parseNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nests deeper than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, errors.New("is not JSON")
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return parseObject(d, depth)
		}
		out := array{}
		for d.More() {
			n, err := parseNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
		return out, closing(d)
	case string:
		return parseText(t)
	case json.Number:
		return literal(t), nil
	case bool:
		return literal(fmt.Sprint(t)), nil
	}
	return literal("null"), nil
}

func parseObject(d *json.Decoder, depth int) (node, error) {
	out := record{}
	var names []string
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errors.New("is not JSON")
		}
		name, ok := token.(string)
		if !ok || slices.Contains(names, name) {
			return nil, errors.New("has an object with a name twice")
		}
		if strings.Contains(name, "${") {
			return nil, errors.New("has an expression in a name; names are as they are written")
		}
		n, err := parseNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		out.keys = append(out.keys, quote(name))
		out.values = append(out.values, n)
	}
	return out, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("is not JSON")
	}
	return nil
}

// parseText reads a string of a template: a text, an expression, or both.
func parseText(s string) (node, error) {
	var parts mixed
	plain := ""
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			plain, s = plain+s, ""
			break
		}
		if i > 0 && s[i-1] == '$' { // $${ is ${ itself
			plain, s = plain+s[:i-1]+"${", s[i+2:]
			continue
		}
		source, rest, ok := cutExpression(s[i+2:])
		if !ok {
			return nil, errors.New("has ${ without its }")
		}
		p, err := compile(source)
		if err != nil {
			return nil, err
		}
		if plain += s[:i]; plain != "" {
			parts, plain = append(parts, part{text: plain}), ""
		}
		parts, s = append(parts, part{expr: p}), rest
	}
	if plain != "" {
		parts = append(parts, part{text: plain})
	}
	switch {
	case len(parts) == 0:
		return quote(""), nil
	case len(parts) == 1 && parts[0].expr == nil:
		return quote(parts[0].text), nil
	case len(parts) == 1:
		return whole{parts[0].expr}, nil
	}
	return parts, nil
}

// cutExpression returns what precedes the } that closes an expression: braces and quotes within
// it count.
func cutExpression(s string) (source, rest string, ok bool) {
	open, quoted := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted != 0:
			if c == '\\' && quoted != '`' {
				i++
			} else if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quoted = c
		case c == '{':
			open++
		case c == '}' && open > 0:
			open--
		case c == '}':
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

func (l literal) least() int { return len(l) }
func (l literal) write(dst []byte, _ map[string]any) ([]byte, error) {
	return grown(append(dst, l...))
}

func (w whole) least() int { return 1 }
func (w whole) write(dst []byte, names map[string]any) ([]byte, error) {
	v, err := run(w.Program, names)
	if err != nil {
		return dst, err
	}
	return writeValue(dst, reflect.ValueOf(v), 0)
}

func (m mixed) least() int {
	n := 2
	for _, p := range m {
		n += len(p.text)
	}
	return min(n, len("null"))
}

// A text of which a part is null is null: half a text could mean something else.
func (m mixed) write(dst []byte, names map[string]any) ([]byte, error) {
	var b strings.Builder
	for _, p := range m {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := run(p.expr, names)
		if err != nil {
			return dst, err
		}
		if v == nil {
			return grown(append(dst, "null"...))
		}
		s, err := asText(v)
		if err != nil {
			return dst, err
		}
		b.WriteString(s.(string))
	}
	return grown(append(dst, quote(b.String())...))
}

func (a array) least() int {
	n := 2 + max(0, len(a)-1)
	for _, e := range a {
		n += e.least()
	}
	return n
}

func (a array) write(dst []byte, names map[string]any) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, e := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.write(dst, names); err != nil {
			return dst, err
		}
	}
	return grown(append(dst, ']'))
}

func (o record) least() int {
	n := 2 + max(0, len(o.keys)-1)
	for i, k := range o.keys {
		n += len(k) + 1 + o.values[i].least()
	}
	return n
}

func (o record) write(dst []byte, names map[string]any) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, k := range o.keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, k...), ':')
		if dst, err = o.values[i].write(dst, names); err != nil {
			return dst, err
		}
	}
	return grown(append(dst, '}'))
}

// grown stops a value that has become too large. The nodes of a template each begin at its
// start, so that dst is the value so far.
func grown(dst []byte) ([]byte, error) {
	if len(dst) > MaxValue {
		return dst, ErrOversized
	}
	return dst, nil
}

// writeValue appends what an expression yielded. It stops when it has become too large, since
// the same list can be in a value many times over.
func writeValue(dst []byte, v reflect.Value, depth int) (_ []byte, err error) {
	if v.IsValid() && v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return grown(append(dst, "null"...))
	}
	if depth > maxDepth {
		return dst, errNoJSON
	}
	switch v.Kind() {
	case reflect.String:
		if v.Len() > MaxValue {
			return dst, ErrOversized
		}
		return grown(append(dst, quote(v.String())...))
	case reflect.Bool, reflect.Int, reflect.Int64:
		return grown(fmt.Append(dst, v.Interface()))
	case reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, errNoJSON
		}
		b, err := json.Marshal(f)
		if err != nil {
			return dst, errNoJSON
		}
		return grown(append(dst, b...))
	case reflect.Slice:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = writeValue(dst, v.Index(i), depth+1); err != nil {
				return dst, err
			}
		}
		return grown(append(dst, ']'))
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return dst, errNoJSON
		}
		dst = append(dst, '{')
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, quote(k.String())...), ':')
			if dst, err = writeValue(dst, v.MapIndex(k), depth+1); err != nil {
				return dst, err
			}
		}
		return grown(append(dst, '}'))
	}
	return dst, errNoJSON
}

// quote writes a JSON string as it is, without what HTML would need.
func quote(s string) literal {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return literal(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
