package ui

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// document is a parsed page.
type document struct {
	root  *html.Node
	nodes []*html.Node
}

func parse(t *testing.T, page string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	d := document{root: root}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			d.nodes = append(d.nodes, n)
		}
	}
	return d
}

func (d document) all(tag string) []*html.Node {
	return slices.DeleteFunc(slices.Clone(d.nodes), func(n *html.Node) bool { return n.Data != tag })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// structureFaults lists what is wrong with a page for keyboards, screen readers and the
// content security policy. script is the only script it may hold.
func structureFaults(d document, script string) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	for _, tag := range []string{"h1", "main", "header", "footer", "title"} {
		if n := len(d.all(tag)); n != 1 {
			bad("%d <%s>", n, tag)
		} else if textOf(d.all(tag)[0]) == "" {
			bad("empty <%s>", tag)
		}
	}
	if root := d.all("html")[0]; attr(root, "lang") == "" || attr(root, "dir") == "" {
		bad("no lang or dir on <html>")
	}
	ids := map[string]int{}
	labelled := map[string]bool{}
	for _, n := range d.nodes {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		if n.Data == "label" && textOf(n) != "" {
			labelled[attr(n, "for")] = true
		}
	}
	for id, n := range ids {
		if n > 1 {
			bad("id %q %d times", id, n)
		}
	}
	for _, n := range d.nodes {
		for _, name := range []string{"for", "aria-describedby", "aria-labelledby"} {
			for _, id := range strings.Fields(attr(n, name)) {
				if ids[id] == 0 {
					bad("%s=%q points nowhere", name, id)
				}
			}
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				bad("attribute %s on <%s>", a.Key, n.Data)
			}
			if strings.Contains(a.Val, "ZgotmplZ") {
				bad("a refused value in %s of <%s>", a.Key, n.Data)
			}
		}
		switch n.Data {
		case "style", "iframe", "object", "embed", "base":
			bad("<%s>", n.Data)
		case "script":
			if script == "" || has(n, "src") || n.FirstChild == nil || n.FirstChild.Data != script {
				bad("a script that the policy does not know")
			}
		case "link":
			if !isPath(attr(n, "href")) {
				bad("<link> to %q", attr(n, "href"))
			}
		case "img":
			if !isPath(attr(n, "src")) || !has(n, "alt") {
				bad("<img> from %q", attr(n, "src"))
			}
		case "input":
			if attr(n, "type") == "hidden" || has(n, "hidden") {
				continue
			}
			if !labelled[attr(n, "id")] || attr(n, "autocomplete") == "" || attr(n, "name") == "" {
				bad("input %q lacks a label, a name or autocomplete", attr(n, "id"))
			}
		case "select":
			if !labelled[attr(n, "id")] || attr(n, "autocomplete") == "" || attr(n, "name") == "" {
				bad("select %q lacks a label, a name or autocomplete", attr(n, "id"))
			}
		case "form":
			if attr(n, "method") != "post" || attr(n, "action") == "" {
				bad("a form that does not post to a named action")
			}
		case "button":
			if attr(n, "type") != "submit" || textOf(n) == "" {
				bad("a button without type or name")
			}
		case "a":
			if textOf(n) == "" || attr(n, "href") == "" {
				bad("an empty link")
			}
			if attr(n, "target") == "_blank" && !strings.Contains(attr(n, "rel"), "noopener") {
				bad("a new tab with an opener")
			}
		case "svg":
			if attr(n, "aria-hidden") != "true" {
				bad("an icon read aloud")
			}
		}
	}
	return out
}

func rendered(t *testing.T, p Page) (string, *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := newRenderer(t).Render(w, 200, p); err != nil {
		t.Fatal(err)
	}
	return w.Body.String(), w
}

func TestEveryPageIsSoundForKeyboardScreenReaderAndPolicy(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			page, _ := rendered(t, s.page)
			script := ""
			if _, ok := s.page.(FormPost); ok {
				script = submitScript
			}
			d := parse(t, page)
			for _, fault := range structureFaults(d, script) {
				t.Error(fault)
			}
			if title := textOf(d.all("title")[0]); !strings.HasSuffix(title, " – Signet") {
				t.Errorf("title %q", title)
			}
			// A placeholder left over means that a template and the catalog disagree.
			if !strings.Contains(s.name, "hostile") && s.name != "form-post" && strings.ContainsAny(page, "{}") {
				t.Error("a placeholder was not filled in")
			}
		})
	}
}

func TestTheStructureCheckNoticesEachFault(t *testing.T) {
	t.Parallel()
	const sound = `<html lang="en" dir="ltr"><title>t</title><body><header>x</header><main><h1>x</h1>%s</main><footer>x</footer>`
	if got := structureFaults(parse(t, fmt.Sprintf(sound, "")), ""); len(got) != 0 {
		t.Fatalf("a sound page is called faulty: %v", got)
	}
	for _, broken := range []string{
		`<h1>two</h1>`, `<p style="color:red">x</p>`, `<p onclick="x()">x</p>`, `<style>p{}</style>`,
		`<script>alert(1)</script>`, `<script src="/x.js"></script>`, `<img src="https://x.test/a.png" alt="">`,
		`<link rel="stylesheet" href="//x.test/a.css">`, `<input id="a" name="a" autocomplete="off">`, `<select id="a" name="a" autocomplete="off"></select>`,
		`<form action="/x"></form>`, `<button>x</button>`, `<a href="/x"></a>`, `<p id="a"></p><p id="a"></p>`,
		`<p aria-describedby="gone">x</p>`, `<a target="_blank" href="/x">x</a>`, `<svg></svg>`,
		`<a href="#ZgotmplZ">x</a>`,
	} {
		if len(structureFaults(parse(t, fmt.Sprintf(sound, broken)), "")) == 0 {
			t.Errorf("not noticed: %s", broken)
		}
	}
}

func TestHostileNamesAreShownAndNeverObeyed(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		if !strings.HasSuffix(s.name, "-hostile") {
			continue
		}
		page, _ := rendered(t, s.page)
		d := parse(t, page)
		if len(d.all("script"))+len(d.all("img")) != 0 {
			t.Errorf("%s: a name became an element", s.name)
		}
		for _, a := range d.all("a") {
			if href := attr(a, "href"); strings.HasPrefix(href, "javascript:") || strings.HasPrefix(href, "data:") || strings.HasPrefix(href, "//") {
				t.Errorf("%s: a link to %s", s.name, href)
			}
		}
	}
	page, _ := rendered(t, Consent{Client: Client{Name: hostile}, Form: Form{Action: "/c", Hidden: []Hidden{{"h", hostile}}}})
	d := parse(t, page)
	if !strings.Contains(textOf(d.all("h1")[0]), strings.Join(strings.Fields(hostile), " ")) {
		t.Errorf("the name is not shown as typed: %s", textOf(d.all("h1")[0]))
	}
	for _, n := range d.all("input") {
		if attr(n, "name") == "h" && attr(n, "value") != hostile {
			t.Errorf("a hidden field changed on its way: %q", attr(n, "value"))
		}
	}
}

func TestNamesAreIsolatedFromTheWritingDirectionAroundThem(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		if !strings.HasSuffix(s.name, "-long") {
			continue
		}
		page, _ := rendered(t, s.page)
		for n := range parse(t, page).root.Descendants() {
			if n.Type != html.TextNode || !strings.Contains(n.Data, endless) {
				continue
			}
			if n.Parent.Data != "bdi" {
				t.Errorf("%s: a name stands in a bare <%s>", s.name, n.Parent.Data)
			}
		}
	}
}
