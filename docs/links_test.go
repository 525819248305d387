// Package docs_test checks the documents: links lead somewhere, and the tests and files that
// they name exist.
package docs_test

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is where go.mod is.
const root = ".."

var (
	link     = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	heading  = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	code     = regexp.MustCompile("`[^`]*`")
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9]\\w*)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	metric   = regexp.MustCompile("[\"`](signet_[a-z_]+[a-z])[\"`{]")
	command  = regexp.MustCompile("(?m)(?:`|^)make ([a-z][a-z-]*)(?:`| [A-Z]+=| +#| &&|$)")
	target   = regexp.MustCompile(`(?m)^([a-z-]+):`)
	pathName = regexp.MustCompile("`((?:cmd|docs|internal|keys|migrations|pkg|scripts|test)/[\\w./-]+)`")
)

// document is one Markdown file: its links outside code, and the anchors of its headings.
type document struct {
	name    string // slash-separated, relative to the root
	text    string
	links   []string
	anchors map[string]bool
}

func parse(name, text string) document {
	d := document{name: name, text: text, anchors: map[string]bool{}}
	seen := map[string]int{}
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			a := anchor(m[1])
			if n := seen[a]; n > 0 {
				d.anchors[fmt.Sprintf("%s-%d", a, n)] = true
			} else {
				d.anchors[a] = true
			}
			seen[a]++
		}
		// Links may be named by code; links inside code are text.
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, "code"), -1) {
			d.links = append(d.links, m[1])
		}
	}
	return d
}

// anchor is how GitHub names a heading: lower case, punctuation dropped, blanks as hyphens.
func anchor(text string) string {
	text = link.ReplaceAllStringFunc(text, func(s string) string { return s[strings.Index(s, "[")+1 : strings.Index(s, "]")] })
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.ReplaceAll(text, "`", ""))
}

// faults says which relative links of the documents lead nowhere.
func faults(files fs.FS, docs []document) (out []string) {
	byName := map[string]document{}
	for _, d := range docs {
		byName[d.name] = d
	}
	for _, d := range docs {
		for _, raw := range d.links {
			u, err := url.Parse(raw)
			switch {
			case err != nil:
				out = append(out, fmt.Sprintf("%s: %s is not a link", d.name, raw))
				continue
			case u.IsAbs():
				continue
			}
			target := d.name
			if u.Path != "" {
				target = path.Join(path.Dir(d.name), u.Path)
			}
			if _, err := fs.Stat(files, target); err != nil {
				out = append(out, fmt.Sprintf("%s: %s: there is no %s", d.name, raw, target))
				continue
			}
			if to, known := byName[target]; u.Fragment != "" && (!known || !to.anchors[u.Fragment]) {
				out = append(out, fmt.Sprintf("%s: %s: %s has no such heading", d.name, raw, target))
			}
		}
	}
	return out
}

// walk calls f with every file of the project whose name ends in suffix.
func walk(t *testing.T, suffix string, f func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && p != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules" || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(p, suffix) {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		f(filepath.ToSlash(rel), string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func documents(t *testing.T) []document {
	t.Helper()
	var docs []document
	walk(t, ".md", func(name, text string) { docs = append(docs, parse(name, text)) })
	if len(docs) < 10 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, f := range faults(os.DirFS(root), documents(t)) {
		t.Error(f)
	}
}

func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	walk(t, "_test.go", func(_, text string) {
		for _, m := range testFunc.FindAllStringSubmatch(text, -1) {
			tests[m[1]] = true
		}
	})
	named := 0
	for _, d := range documents(t) {
		for _, m := range testName.FindAllStringSubmatch(d.text, -1) {
			named++
			if !tests[m[1]] {
				t.Errorf("%s names %s, which does not exist", d.name, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no document names a test: the pattern is wrong")
	}
}

func TestEveryMakeCommandThatADocumentNamesExists(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	named := map[string]bool{}
	for _, d := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(d.text, -1) {
			named[m[1]] = true
			if !targets[m[1]] {
				t.Errorf("%s names make %s, which the Makefile does not have", d.name, m[1])
			}
		}
	}
	if !named["run"] || !named["test"] {
		t.Errorf("the documents name %v: the pattern is wrong", named)
	}
}

func TestEveryFileThatADocumentNamesExists(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for _, m := range pathName.FindAllStringSubmatch(d.text, -1) {
			name := strings.TrimSuffix(strings.TrimSuffix(m[1], "/..."), "/…")
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				t.Errorf("%s names %s, which does not exist", d.name, name)
			}
		}
	}
}

func TestTheOperatorsGuideListsEveryMetricAndNoOther(t *testing.T) {
	t.Parallel()
	inCode, inGuide := map[string]bool{}, map[string]bool{}
	walk(t, ".go", func(name, text string) {
		if strings.HasPrefix(name, "internal/telemetry/") && !strings.HasSuffix(name, "_test.go") {
			for _, m := range metric.FindAllStringSubmatch(text, -1) {
				inCode[m[1]] = true
			}
		}
	})
	guide, err := os.ReadFile("operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metric.FindAllStringSubmatch(string(guide), -1) {
		inGuide[m[1]] = true
	}
	if len(inCode) == 0 {
		t.Error("no metric found in internal/telemetry: the pattern is wrong")
	}
	for name := range inCode {
		if !inGuide[name] {
			t.Errorf("operations.md lacks %s", name)
		}
	}
	for name := range inGuide {
		if !inCode[name] {
			t.Errorf("operations.md lists %s, which is not in internal/telemetry", name)
		}
	}
}

func TestTheGuideToPartnersExplainsEveryReasonAndNoOther(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile(filepath.Join(root, "internal/connector/failure.go"))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("guides/partners.md")
	if err != nil {
		t.Fatal(err)
	}
	inCode, inGuide := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`Reason += "(\w+)"`).FindAllStringSubmatch(string(code), -1) {
		inCode[m[1]] = true
	}
	_, table, _ := strings.Cut(string(guide), "\n| reason |")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(first, -1) {
			inGuide[m[1]] = true
		}
	}
	if len(inCode) == 0 {
		t.Error("no reason found in internal/connector: the pattern is wrong")
	}
	if !maps.Equal(inCode, inGuide) {
		t.Errorf("the guide explains %v, and there are %v", slices.Sorted(maps.Keys(inGuide)), slices.Sorted(maps.Keys(inCode)))
	}
}

func TestTheLinkCheckNoticesWhatLeadsNowhere(t *testing.T) {
	t.Parallel()
	other := parse("docs/b.md", "# Two `words`, here\n\n## Same\n\n## Same\n")
	for text, want := range map[string]int{
		"[a](docs/b.md)":                        0,
		"[a](docs/b.md#two-words-here)":         0,
		"[a](docs/b.md#same-1)":                 0,
		"[a](https://elsewhere.example/x#y)":    0,
		"[`a`](docs/b.md \"title\")":            0,
		"# Here\n\n[a](#here)":                  0,
		"```\n[a](nowhere.md)\n```":             0,
		"`[a](nowhere.md)`":                     0,
		"[a](nowhere.md)":                       1,
		"![a](docs/none.svg)":                   1,
		"[a](docs/b.md#no-such)":                1,
		"[a](docs/b.md#same-2)":                 1,
		"[a](#here)":                            1,
		"[a](nowhere.md) and [b](nowhere.md#x)": 2,
	} {
		files := mapFS{"README.md": true, "docs/b.md": true}
		if got := faults(files, []document{parse("README.md", text), other}); len(got) != want {
			t.Errorf("%q: %q, want %d faults", text, got, want)
		}
	}
}

// mapFS is a file system of empty files.
type mapFS map[string]bool

func (m mapFS) Open(name string) (fs.File, error) {
	if !m[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return os.Open(os.DevNull)
}
