package clientgen

import (
	"fmt"
	"regexp"
	"strings"
)

// method writes the method of one operation, its parameters, and the iterator of a list.
func (g *generator) method(b *strings.Builder, o operation) error {
	m := methodOf(o)
	if err := m.parameters(g, b); err != nil {
		return err
	}
	if err := m.request(g); err != nil {
		return err
	}
	if err := m.answer(g); err != nil {
		return err
	}
	m.write(b)
	if m.item != "" {
		m.writeIterator(b)
	}
	return nil
}

// method is one method while it is put together.
type method struct {
	operation
	name      string
	arguments []string // "tenant string"
	pathNames []string // of the path's parameters, in order
	query     bool     // there is a params argument
	sent      string   // the expression of what is sent; "" for nothing
	stream    string   // the media type of a body that is no JSON; "" for JSON
	result    string   // Go type of what is answered; "" for nothing
	item      string   // Go type of a list's entries; "" for no list
	raw       bool     // the answer is no JSON
	tagged    bool     // the answer carries an entity tag
}

func methodOf(o operation) *method { return &method{operation: o, name: exported(o.ID)} }

func (m *method) parameters(g *generator, b *strings.Builder) error {
	var fields strings.Builder
	for _, name := range pathParameter().FindAllStringSubmatch(m.path, -1) {
		m.arguments = append(m.arguments, unexported(name[1])+" string")
		m.pathNames = append(m.pathNames, unexported(name[1]))
	}
	for _, p := range m.Parameters {
		switch {
		case p.In == "path":
			if t, err := p.Schema.name(); err != nil || t != "string" {
				return fmt.Errorf("the path parameter %s is no string", p.Name)
			}
		case p.In == "query":
			if err := queryField(&fields, p); err != nil {
				return err
			}
			m.query = true
		case p.In == "header" && (p.Name == "If-Match" || p.Name == "Idempotency-Key" || p.Name == "If-None-Match"): // Options
		default:
			return fmt.Errorf("the parameter %s in %s: teach clientgen how Go passes it", p.Name, p.In)
		}
	}
	if m.query {
		fmt.Fprintf(b, "\n// %sParams narrows %s; the zero value asks for everything.\ntype %sParams struct {\n%s}\n", m.name, m.name, m.name, fields.String())
		m.writeQuery(b)
		m.arguments = append(m.arguments, "params "+m.name+"Params")
	}
	return nil
}

func pathParameter() *regexp.Regexp { return regexp.MustCompile(`\{([a-z_]+)\}`) }

// queryField writes the field of a query parameter. Its zero value leaves the parameter out.
func queryField(b *strings.Builder, p parameter) error {
	typ, err := queryType(p)
	if err != nil {
		return err
	}
	about := sentence(p.Description)
	if p.Schema != nil {
		about += oneOf(p.Schema.Enum)
	}
	comment(b, "\t", about)
	fmt.Fprintf(b, "\t%s %s\n", exported(p.Name), typ)
	return nil
}

func queryType(p parameter) (string, error) {
	name, err := p.Schema.name()
	switch {
	case err != nil:
		return "", err
	case name == "string" && p.Schema.Format == "date-time":
		return "time.Time", nil
	case name == "string":
		return "string", nil
	case name == "integer":
		return "int", nil
	case name == "boolean":
		return "*bool", nil
	case name == "array":
		if item, err := p.Schema.Items.name(); err == nil && item == "string" {
			return "[]string", nil
		}
	}
	return "", fmt.Errorf("the query parameter %s: teach clientgen how Go passes it", p.Name)
}

func (m *method) writeQuery(b *strings.Builder) {
	fmt.Fprintf(b, "\nfunc (p %sParams) query() url.Values {\nq := query{}\n", m.name)
	for _, p := range m.Parameters {
		if p.In != "query" {
			continue
		}
		typ, _ := queryType(p) // found without error by queryField
		set := map[string]string{"string": "text", "int": "number", "*bool": "truth", "time.Time": "instant", "[]string": "list"}[typ]
		if typ == "[]string" && (p.Explode == nil || *p.Explode) {
			set = "each"
		}
		fmt.Fprintf(b, "q.%s(%q, p.%s)\n", set, p.Name, exported(p.Name))
	}
	b.WriteString("return url.Values(q)\n}\n")
}

func (m *method) request(g *generator) error {
	if m.Body == nil {
		return nil
	}
	s, other, err := jsonOf(m.Body.Content)
	if err != nil {
		return err
	}
	if other != "" {
		m.stream, m.sent = other, "body"
		m.arguments = append(m.arguments, "body io.Reader")
		return nil
	}
	typ, err := g.goType(s, use{sent: true, patch: m.operation.method == "PATCH", by: m.name})
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	m.sent = "body"
	m.arguments = append(m.arguments, "body "+typ)
	return nil
}

func (m *method) answer(g *generator) error {
	r, err := m.success()
	if err != nil {
		return err
	}
	s, other, err := jsonOf(r.Content)
	if err != nil {
		return err
	}
	switch {
	case other != "":
		m.raw, m.result = true, "io.ReadCloser"
		return nil
	case s == nil:
		return nil
	}
	_, m.tagged = r.Headers["ETag"]
	if item := g.listItem(s); item != "" {
		g.noteUse(item, use{by: m.name})
		m.item = typeName(item)
		m.result = "Page[" + m.item + "]"
		return nil
	}
	m.result, err = g.goType(s, use{by: m.name})
	return err
}

func (m *method) write(b *strings.Builder) {
	b.WriteString("\n")
	about := sentence(m.Summary)
	if d := sentence(m.Description); d != "" && d != about {
		about += "\n\n" + d
	}
	comment(b, "", m.name+": "+about)
	results := "error"
	switch {
	case m.tagged:
		results = "(value " + m.result + ", etag string, err error)"
	case m.result != "":
		results = "(value " + m.result + ", err error)"
	}
	arguments := append([]string{"ctx context.Context"}, m.arguments...)
	fmt.Fprintf(b, "func (c *Client) %s(%s, opts ...Option) %s {\n", m.name, strings.Join(arguments, ", "), results)
	call := fmt.Sprintf("call{method: http.Method%s, path: %s", constant(m.operation.method), m.pathExpression())
	if m.query {
		call += ", query: params.query()"
	}
	switch {
	case m.stream != "":
		call += fmt.Sprintf(", stream: body, media: %q", m.stream)
	case m.sent != "":
		call += ", body: body"
	}
	call += ", opts: opts}"
	switch {
	case m.raw:
		fmt.Fprintf(b, "return c.open(ctx, %s)\n", call)
	case m.tagged:
		fmt.Fprintf(b, "etag, err = c.do(ctx, %s, &value)\nreturn value, etag, err\n", call)
	case m.result != "":
		fmt.Fprintf(b, "_, err = c.do(ctx, %s, &value)\nreturn value, err\n", call)
	default:
		fmt.Fprintf(b, "_, err := c.do(ctx, %s, nil)\nreturn err\n", call)
	}
	b.WriteString("}\n")
}

// constant returns the name of a method as the constants of net/http spell it.
func constant(name string) string { return name[:1] + strings.ToLower(name[1:]) }

// pathExpression returns the Go expression of the path, with every parameter escaped.
func (m *method) pathExpression() string {
	if len(m.pathNames) == 0 {
		return fmt.Sprintf("%q", m.path)
	}
	literals := pathParameter().Split(m.path, -1)
	var parts []string
	for i, name := range m.pathNames {
		parts = append(parts, fmt.Sprintf("%q", literals[i]), "segment("+name+")")
	}
	if last := literals[len(literals)-1]; last != "" {
		parts = append(parts, fmt.Sprintf("%q", last))
	}
	return strings.Join(parts, " + ")
}

// writeIterator writes AllThings beside ListThings.
func (m *method) writeIterator(b *strings.Builder) {
	rest, ok := strings.CutPrefix(m.name, "List")
	if !ok || !m.query {
		return
	}
	forwarded := make([]string, 0, len(m.arguments))
	for _, a := range m.arguments {
		forwarded = append(forwarded, strings.Fields(a)[0])
	}
	fmt.Fprintf(b, `
// All%[1]s goes through all pages of %[2]s. It ends after the first error, which it yields.
func (c *Client) All%[1]s(ctx context.Context, %[3]s, opts ...Option) iter.Seq2[%[4]s, error] {
	return pages(func(cursor string) (Page[%[4]s], error) {
		if cursor != "" {
			params.Cursor = cursor
		}
		%[5]s%[6]s
	})
}
`, rest, m.name, strings.Join(m.arguments, ", "), m.item, m.largest(), m.forward(forwarded))
}

// largest has an iterator ask for the largest pages, unless its caller says otherwise.
func (m *method) largest() string {
	for _, p := range m.Parameters {
		if p.Name == "limit" && p.Schema != nil && p.Schema.Maximum > 0 {
			return fmt.Sprintf("if params.Limit == 0 {\nparams.Limit = %d\n}\n", p.Schema.Maximum)
		}
	}
	return ""
}

func (m *method) forward(arguments []string) string {
	call := fmt.Sprintf("c.%s(ctx, %s, opts...)", m.name, strings.Join(arguments, ", "))
	if m.tagged {
		return "page, _, err := " + call + "\nreturn page, err"
	}
	return "return " + call
}
