package clientgen

import (
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// header is the beginning of the source; what the rest makes use of is imported.
func header(source string) string {
	var b strings.Builder
	b.WriteString("// Code generated from docs/openapi/admin.json by internal/adminapi/gen. DO NOT EDIT.\n\npackage adminclient\n\nimport (\n\"context\"\n")
	for _, i := range []struct{ path, use string }{
		{"io", "io.Read"}, {"iter", "iter.Seq"}, {"net/http", "http.Method"}, {"net/url", "url.Values"}, {"time", "time.Time"},
	} {
		if strings.Contains(source, i.use) {
			fmt.Fprintf(&b, "%q\n", i.path)
		}
	}
	b.WriteString(")\n")
	return b.String()
}

// Generate returns the source of the client: a type for each schema that an operation uses, and a
// method of Client for each operation. prefix is what the document's paths are below of.
func Generate(openapi []byte, prefix string) ([]byte, error) {
	doc, err := parse(openapi)
	if err != nil {
		return nil, err
	}
	operations, err := doc.operations()
	if err != nil {
		return nil, err
	}
	g := &generator{doc: doc, used: map[string]use{}}
	var methods strings.Builder
	for _, o := range operations {
		o.path = prefix + o.path
		if err := g.method(&methods, o); err != nil {
			return nil, fmt.Errorf("operation %s: %w", o.ID, err)
		}
	}
	types, err := g.types()
	if err != nil {
		return nil, err
	}
	source := methods.String() + types
	source = header(source) + source
	formatted, err := format.Source([]byte(source))
	if err != nil {
		return nil, fmt.Errorf("the generated source: %w\n%s", err, source)
	}
	return formatted, nil
}

// types writes the schemas that were noted, until no new ones turn up.
func (g *generator) types() (string, error) {
	written := map[string]string{}
	for len(g.todo) > 0 {
		name := g.todo[0]
		g.todo = g.todo[1:]
		var b strings.Builder
		if err := g.structType(&b, name); err != nil {
			return "", fmt.Errorf("schema %s: %w", name, err)
		}
		written[name] = b.String()
	}
	names := make([]string, 0, len(written))
	taken := map[string]string{}
	for name := range written {
		if other, ok := taken[typeName(name)]; ok {
			return "", fmt.Errorf("the schemas %s and %s have one Go name", name, other)
		}
		taken[typeName(name)] = name
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(written[name])
	}
	return b.String(), nil
}

func (g *generator) structType(b *strings.Builder, name string) error {
	s, u := g.doc.Components.Schemas[name], g.used[name]
	kind, err := s.name()
	if err != nil {
		return err
	}
	b.WriteString("\n")
	switch {
	case s.Description != "":
		comment(b, "", typeName(name)+": "+sentence(s.Description))
	case u.sent:
		comment(b, "", typeName(name)+" is sent by "+u.by+".")
	default:
		comment(b, "", typeName(name)+" is in the answer of "+u.by+".")
	}
	if kind != "object" || len(s.Properties) == 0 {
		typ, err := g.goType(&schema{Type: s.Type, Format: s.Format, Items: s.Items, AdditionalProperties: s.AdditionalProperties}, u)
		fmt.Fprintf(b, "type %s %s\n", typeName(name), typ)
		return err
	}
	fmt.Fprintf(b, "type %s struct {\n", typeName(name))
	for _, property := range propertyOrder(s.Properties) {
		if property == "$schema" {
			continue
		}
		typ, options, err := g.fieldType(s, property, u)
		if err != nil {
			return err
		}
		p := s.Properties[property]
		comment(b, "\t", sentence(p.Description)+oneOf(p.Enum))
		fmt.Fprintf(b, "\t%s %s `json:\"%s%s\"`\n", exported(property), typ, property, options)
	}
	b.WriteString("}\n")
	return nil
}

func oneOf(values []any) string {
	if len(values) == 0 {
		return ""
	}
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%q", v)
	}
	return " One of " + strings.Join(words, ", ") + "."
}

func (s *schema) decode(b []byte) error { return json.Unmarshal(b, s) }
