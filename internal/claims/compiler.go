package claims

import (
	"encoding/json"

	"github.com/maypok86/otter/v2"
)

// compiledTemplates is how many templates are kept compiled, some ten kilobytes each.
const compiledTemplates = 2000

// Compiler compiles each template once, however many clients it is for: what a resource server
// declares is for all that may ask for tokens for it, and clients are read again now and then. It
// is safe for concurrent use; a nil one keeps nothing.
type Compiler struct{ kept *otter.Cache[string, node] }

// NewCompiler returns an empty Compiler.
func NewCompiler() *Compiler {
	return &Compiler{otter.Must(&otter.Options[string, node]{
		MaximumSize: compiledTemplates,
		Executor:    func(upkeep func()) { upkeep() }, // on the caller, who waits for nothing: a goroutine costs more
	})}
}

// template is parseTemplate. The result is shared and never changes.
func (c *Compiler) template(raw json.RawMessage) (node, error) {
	if c == nil {
		return parseTemplate(raw)
	}
	if n, ok := c.kept.GetIfPresent(string(raw)); ok {
		return n, nil
	}
	n, err := parseTemplate(raw)
	if err == nil {
		c.kept.Set(string(raw), n)
	}
	return n, err
}
