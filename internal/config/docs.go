package config

import (
	"fmt"
	"io"
	"strings"
)

//go:generate sh -c "go run ../../cmd/signet config docs > ../../docs/configuration.md"

const docsHead = `# Configuration

Generated from internal/config by ` + "`signet config docs`" + `; do not edit.

Settings come from a YAML file (` + "`signet serve --config signet.yaml`, or `SIGNET_CONFIG`" + `), from the
environment, or from both; the environment wins. An unknown key or an unknown ` + "`SIGNET_…`" + ` variable is
refused, and all faults are reported at once: ` + "`signet config check`" + ` prints them, or the effective
configuration with secrets redacted. Durations are written as numbers with units (` + "`90s`, `15m`, `24h`" + `);
lists as YAML lists, or comma-separated in the environment. An empty value counts as unset.

Every setting marked *secret* can be read from a file instead: append ` + "`_file`" + ` to its path, or
` + "`_FILE`" + ` to its variable. Line breaks at the end of the file are ignored.
`

// WriteDocs writes docs/configuration.md: every setting, its variable, default and meaning.
func WriteDocs(w io.Writer) error {
	var b strings.Builder
	b.WriteString(docsHead)
	sections, settings := schema(new(Config))
	for i, sec := range sections {
		if sec.path == "" {
			b.WriteString("\n## (top level)\n\n")
		} else {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", sec.path, sec.doc)
		}
		b.WriteString("| setting | environment | default | meaning |\n| --- | --- | --- | --- |\n")
		for _, s := range settings {
			if s.section == i {
				b.WriteString(s.row())
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s setting) row() string {
	env := code(s.env())
	if s.alias != "" {
		env += " or " + code(s.alias)
	}
	doc := s.doc
	if s.example != "" {
		doc += " Example: " + code(s.example)
	}
	if s.secret() {
		doc = "*Secret.* " + doc
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", code(s.path), env, code(s.def), strings.ReplaceAll(doc, "|", `\|`))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// WriteEffective writes c as a YAML file that would yield it, secrets redacted.
func (c Config) WriteEffective(w io.Writer) error {
	var b strings.Builder
	sections, settings := schema(&c)
	for i, sec := range sections {
		indent := ""
		if sec.path != "" {
			fmt.Fprintf(&b, "%s:\n", sec.path)
			indent = "  "
		}
		for _, s := range settings {
			if s.section != i {
				continue
			}
			key := strings.TrimPrefix(s.path, sec.prefix())
			b.WriteString(strings.TrimRight(fmt.Sprintf("%s%s: %s", indent, key, quote(s)), " ") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quote renders a value so that YAML reads it back as the same text.
func quote(s setting) string {
	v := s.show()
	switch {
	case s.list():
		if v == "" {
			return "[]"
		}
		parts := strings.Split(v, ",")
		for i := range parts {
			parts[i] = fmt.Sprintf("%q", parts[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case v != "" && (strings.ContainsAny(v, ": #[]{}\"'&*!|>%@`") || strings.HasPrefix(v, "-")):
		return fmt.Sprintf("%q", v)
	}
	return v
}
