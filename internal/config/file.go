package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile flattens a YAML file into a layer. It walks the nodes itself, rather than decode
// into Config, so that every fault carries its line and the path of its key.
func readFile(name string, settings []setting, f *faults) layer {
	if name == "" {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		f.add("", "cannot read the configuration file: %v", err)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file sets nothing
			f.add("", "%s is not YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		return nil
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		f.add("", "%s holds more than one YAML document: keep one", name)
	}
	r := fileReader{name: filepath.Base(name), known: names(settings), out: layer{}, faults: f}
	r.mapping("", doc.Content[0])
	return r.out
}

type fileReader struct {
	name   string
	known  map[string]kind
	out    layer
	faults *faults
}

func (r *fileReader) fault(n *yaml.Node, format string, args ...any) {
	r.faults.list = append(r.faults.list, Fault{Origin: r.origin(n), Text: fmt.Sprintf(format, args...)})
}

func (r *fileReader) origin(n *yaml.Node) string {
	return fmt.Sprintf("line %d of %s", n.Line, r.name)
}

// mapping reads the keys of one section; prefix is "" or ends in a dot.
func (r *fileReader) mapping(prefix string, n *yaml.Node) {
	n = follow(n)
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n, "expected keys and values here, such as %q", "log: {level: info}")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		path := prefix + key.Value
		if line, dup := seen[path]; dup {
			r.fault(key, "%s is set twice, first on line %d: remove one", path, line)
			continue
		}
		seen[path] = key.Line
		switch r.known[path] {
		case kindSection:
			r.mapping(path+".", value)
		case kindScalar:
			r.scalar(path, value)
		case kindList:
			r.list(path, value)
		default:
			r.fault(key, "unknown key %q%s", path, suggest(path, r.known))
		}
	}
}

func (r *fileReader) scalar(path string, n *yaml.Node) {
	if n = follow(n); empty(n) {
		return
	}
	if n.Kind != yaml.ScalarNode {
		r.fault(n, "%s takes a single value", path)
		return
	}
	r.out[path] = raw{strings.TrimSpace(n.Value), r.origin(n)}
}

func (r *fileReader) list(path string, n *yaml.Node) {
	if n = follow(n); empty(n) {
		return
	}
	parts := []string{n.Value}
	if n.Kind == yaml.SequenceNode {
		parts = parts[:0]
		for _, item := range n.Content {
			if item = follow(item); item.Kind != yaml.ScalarNode {
				r.fault(item, "%s takes a list of single values", path)
				return
			}
			parts = append(parts, item.Value)
		}
	} else if n.Kind != yaml.ScalarNode {
		r.fault(n, "%s takes a list", path)
		return
	} else {
		parts = strings.Split(n.Value, ",")
	}
	r.out[path] = raw{joinList(parts), r.origin(n)}
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "")
}
