package clientgen

import (
	"fmt"
	"slices"
	"strings"
)

// generator collects what the operations make use of.
type generator struct {
	doc  *document
	used map[string]use
	todo []string
}

// use says where a schema appears: what is sent, whether leaving a field out means that it stays
// as it is, and the method that uses it first.
type use struct {
	sent, patch bool
	by          string
}

// noteUse records that a schema is used, and queues it.
func (g *generator) noteUse(name string, u use) {
	known, seen := g.used[name]
	merged := use{known.sent || u.sent, known.patch || u.patch, known.by}
	if !seen || u.sent && !known.sent {
		merged.by = u.by
	}
	if seen && merged == known {
		return
	}
	g.used[name] = merged
	if !slices.Contains(g.todo, name) {
		g.todo = append(g.todo, name)
	}
}

// listItem returns the name of the entries' schema when s is a page of a list: items and
// next_cursor and nothing else.
func (g *generator) listItem(s *schema) string {
	if n := s.refName(); n != "" {
		s = g.doc.Components.Schemas[n]
	}
	if s == nil {
		return ""
	}
	items, cursor := s.Properties["items"], s.Properties["next_cursor"]
	if items == nil || cursor == nil || items.Items == nil {
		return ""
	}
	for name := range s.Properties {
		if name != "items" && name != "next_cursor" && name != "$schema" {
			return ""
		}
	}
	return items.Items.refName()
}

// goType returns the Go type of a value.
func (g *generator) goType(s *schema, u use) (string, error) {
	if s == nil {
		return "any", nil
	}
	if name := s.refName(); name != "" {
		if g.doc.Components.Schemas[name] == nil {
			return "", fmt.Errorf("no schema %s", name)
		}
		g.noteUse(name, u)
		return typeName(name), nil
	}
	name, err := s.name()
	if err != nil {
		return "", err
	}
	switch name {
	case "":
		return "any", nil
	case "string":
		switch s.Format {
		case "date-time":
			return "time.Time", nil
		case "byte", "binary":
			return "[]byte", nil
		}
		return "string", nil
	case "integer":
		return "int64", nil
	case "number":
		return "float64", nil
	case "boolean":
		return "bool", nil
	case "array":
		item, err := g.goType(s.Items, u)
		return "[]" + item, err
	case "object":
		return g.mapType(s, u)
	}
	return "", fmt.Errorf("type %q", name)
}

// mapType returns the type of an object without a name: a map, when it has no properties.
func (g *generator) mapType(s *schema, u use) (string, error) {
	if len(s.Properties) > 0 {
		return "", fmt.Errorf("an object with properties needs a name: declare it as a type")
	}
	switch extra := string(s.AdditionalProperties); extra {
	case "", "true", "{}":
		return "map[string]any", nil
	case "false":
		return "struct{}", nil
	}
	var of schema
	if err := of.decode(s.AdditionalProperties); err != nil {
		return "", err
	}
	value, err := g.goType(&of, u)
	return "map[string]" + value, err
}

// fieldType returns the type and the JSON options of a property. What is absent and what is
// empty must be told apart where the API does: a pointer says so for single values, nil for lists.
func (g *generator) fieldType(owner *schema, name string, u use) (typ, options string, err error) {
	s := owner.Properties[name]
	typ, err = g.goType(s, u)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	single := !strings.HasPrefix(typ, "[]") && !strings.HasPrefix(typ, "map[") && typ != "any"
	object := s.refName() != ""
	optional := !owner.required(name)
	switch {
	case !optional && s.nullable() && single:
		return "*" + typ, "", nil
	case !optional && single:
		return typ, "", nil
	case !optional:
		if u.sent {
			return typ, ",omitzero", nil // a nil list would be sent as null
		}
		return typ, "", nil
	case single && (object || u.patch || s.nullable() || u.sent && s.Default != nil && s.Default != false && s.Default != ""):
		return "*" + typ, ",omitzero", nil
	}
	return typ, ",omitzero", nil
}
