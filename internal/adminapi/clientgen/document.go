// Package clientgen writes pkg/adminclient/generated.go from the OpenAPI document of the
// administration.
//
// It knows as much of OpenAPI 3.1 as the administration uses: JSON bodies with named schemas,
// parameters in paths, queries and two headers, lists with cursors. Anything else is an error and
// no guess, so that whoever adds it to the API decides what it is in Go.
package clientgen

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is the part of an OpenAPI document that is read.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	ID          string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Description string              `json:"description"`
	Parameters  []parameter         `json:"parameters"`
	Body        *body               `json:"requestBody"`
	Responses   map[string]response `json:"responses"`

	method, path string
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Explode     *bool   `json:"explode"`
	Schema      *schema `json:"schema"`
}

type body struct {
	Content map[string]media `json:"content"`
}

type response struct {
	Content map[string]media           `json:"content"`
	Headers map[string]json.RawMessage `json:"headers"`
}

type media struct {
	Schema *schema `json:"schema"`
}

type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 types              `json:"type"`
	Format               string             `json:"format"`
	Description          string             `json:"description"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	AdditionalProperties json.RawMessage    `json:"additionalProperties"`
	Enum                 []any              `json:"enum"`
	Default              any                `json:"default"`
	ReadOnly             bool               `json:"readOnly"`
	Maximum              int                `json:"maximum"`
}

// types is the type keyword: one name or a list of them.
type types []string

func (t *types) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = types{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*t = many
	return nil
}

// name returns the one type that is not null, "" for any.
func (s *schema) name() (string, error) {
	named := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	switch len(named) {
	case 0:
		return "", nil
	case 1:
		return named[0], nil
	}
	return "", fmt.Errorf("a value of the types %v has no Go type", named)
}

func (s *schema) nullable() bool { return slices.Contains(s.Type, "null") }

func (s *schema) required(property string) bool { return slices.Contains(s.Required, property) }

// refName returns the name that a reference points at, "" for what is written out in place.
func (s *schema) refName() string { return strings.TrimPrefix(s.Ref, "#/components/schemas/") }

func parse(b []byte) (*document, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("the document: %w", err)
	}
	if len(d.Paths) == 0 {
		return nil, fmt.Errorf("the document has no paths")
	}
	return &d, nil
}

// operations returns all of them, in the order of their paths and then of what one does first.
func (d *document) operations() ([]operation, error) {
	order := []string{"get", "post", "put", "patch", "delete"}
	var out []operation
	ids := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, op := range d.Paths[path] {
			if !slices.Contains(order, method) {
				return nil, fmt.Errorf("%s %s: a method that clients cannot call", method, path)
			}
			if op.ID == "" {
				return nil, fmt.Errorf("%s %s: no operationId", method, path)
			}
			op.method, op.path = strings.ToUpper(method), path
			if other, taken := ids[op.ID]; taken {
				return nil, fmt.Errorf("%s %s: the operationId %s is that of %s too", method, path, op.ID, other)
			}
			ids[op.ID] = method + " " + path
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b operation) int {
		if c := strings.Compare(a.path, b.path); c != 0 {
			return c
		}
		return slices.Index(order, strings.ToLower(a.method)) - slices.Index(order, strings.ToLower(b.method))
	})
	return out, nil
}

// success returns the answer of an operation that worked.
func (o operation) success() (response, error) {
	var found []response
	for status, r := range o.Responses {
		if strings.HasPrefix(status, "2") {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return response{}, fmt.Errorf("%s: %d answers of success, want one", o.ID, len(found))
	}
	return found[0], nil
}

// jsonOf returns the schema of the one JSON content, or the other media type that there is
// instead. Both are empty when there is no content.
func jsonOf(content map[string]media) (s *schema, other string, err error) {
	if m, ok := content["application/json"]; ok && len(content) == 1 {
		return m.Schema, "", nil
	}
	if len(content) > 1 {
		return nil, "", fmt.Errorf("content of %d media types, want one", len(content))
	}
	for other = range content {
		return nil, other, nil
	}
	return nil, "", nil
}
