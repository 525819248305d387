package manifest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signet-id/signet/pkg/adminclient"
)

// Export returns everything that the caller sees as a document that Parse reads. Secrets and
// passwords are not in it, which the server itself does not know.
func Export(ctx context.Context, api *adminclient.Client) ([]byte, error) {
	d, err := newRemote(api).read(ctx, nil)
	if err != nil {
		return nil, err
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	put(root, "version", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(Version)})
	for _, c := range format() {
		put(root, c.name, d.things[c.name].yaml(c.of))
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

func put(mapping *yaml.Node, key string, v *yaml.Node) {
	mapping.Content = append(mapping.Content, scalar(key), v)
}

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func (t *things) yaml(k *kind) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode}
	var sorted []*thing
	if t != nil {
		sorted = slices.SortedFunc(slices.Values(t.list), func(a, b *thing) int { return strings.Compare(a.key, b.key) })
	}
	for _, x := range sorted {
		if x.builtIn() && (k.noun == "resource server" || k.noun == "client") {
			continue
		}
		out.Content = append(out.Content, x.yaml())
	}
	if len(out.Content) == 0 {
		out.Style = yaml.FlowStyle
	}
	return out
}

func (t *thing) yaml() *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	put(out, t.kind.key, scalar(t.key))
	for _, f := range t.kind.fields {
		v, has := t.fields[f.name]
		if !has || f.birth || !f.said && equal(v.v, f.shape.zero()) {
			continue
		}
		put(out, f.name, f.shape.yaml(v.v))
	}
	for _, below := range t.kind.below {
		if below.name != secrets {
			put(out, below.name, t.below[below.name].yaml(below.of))
		}
	}
	return out
}

func (s shape) yaml(v any) *yaml.Node {
	if s != grants {
		return plain(v)
	}
	out := &yaml.Node{Kind: yaml.MappingNode}
	last := ""
	for _, g := range v.([]string) { // sorted
		audience, slug, _ := strings.Cut(g, " ")
		if audience != last || len(out.Content) == 0 {
			put(out, audience, &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle})
			last = audience
		}
		list := out.Content[len(out.Content)-1]
		list.Content = append(list.Content, scalar(slug))
	}
	return out
}

// plain writes what is JSON by another name. Members of objects are sorted.
func plain(v any) *yaml.Node {
	switch v := v.(type) {
	case string:
		return scalar(v)
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}
	case []string:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		short := 0
		for _, s := range v {
			out.Content = append(out.Content, scalar(s))
			short += len(s) + 2
		}
		if short < 80 {
			out.Style = yaml.FlowStyle
		}
		return out
	case []any:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, x := range v {
			out.Content = append(out.Content, plain(x))
		}
		return out
	case map[string]any:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Compare(a, b) }) {
			put(out, k, plain(v[k]))
		}
		return out
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}
