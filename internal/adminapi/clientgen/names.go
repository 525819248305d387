package clientgen

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// exported returns the Go name of a name such as "list-tenants", "next_cursor" or "TenantList".
func exported(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		if upper, ok := initialism(word); ok {
			b.WriteString(upper)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// typeName is exported for schemas. The package has its own Client, which is what calls.
func typeName(schema string) string {
	if name := exported(schema); name != "Client" {
		return name
	}
	return "ClientRegistration"
}

// unexported is exported for parameters of functions.
func unexported(name string) string {
	w := words(name)
	out := strings.ToLower(w[0]) + exported(strings.Join(w[1:], "-"))
	switch out {
	case "type", "range", "func", "map", "default", "package", "ctx", "body", "params", "opts", "c", "err":
		return out + "_"
	}
	return out
}

func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func initialism(word string) (string, bool) {
	switch w := strings.ToLower(word); w {
	case "id", "url", "uri", "api", "pkce", "jwt", "ip", "csv", "http", "json", "acr", "amr", "ok", "kid":
		return strings.ToUpper(w), true
	case "ids", "urls", "uris", "apis":
		return strings.ToUpper(w[:len(w)-1]) + "s", true
	}
	return "", false
}

// propertyOrder returns the names of properties as people look for them: what a thing is called
// first, its history last.
func propertyOrder(properties map[string]*schema) []string {
	rank := func(name string) int {
		switch name {
		case "id", "slug", "audience", "email", "name", "description":
			return slices.Index([]string{"id", "slug", "audience", "email", "name", "description"}, name) - 10
		case "created_at", "updated_at", "version":
			return slices.Index([]string{"created_at", "updated_at", "version"}, name) + 10
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(properties), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

// sentence returns text as the continuation of a Go comment: "Name text".
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ":") {
		text += "."
	}
	return text
}

// comment writes text as a comment of lines that fit, each behind the indentation.
func comment(b *strings.Builder, indent, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(indent + "//\n")
		}
		line := indent + "//"
		for word := range strings.FieldsSeq(paragraph) {
			if len(line)+1+len(word) > 100 {
				b.WriteString(line + "\n")
				line = indent + "//"
			}
			line += " " + word
		}
		if line != indent+"//" {
			b.WriteString(line + "\n")
		}
	}
}
