package ui

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func stylesheet(t *testing.T) string {
	t.Helper()
	css, err := staticFiles.ReadFile("static/signet.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(css)
}

var colour = regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6});`)

// schemes reads the custom properties of the light scheme and, on top of them, the dark one.
func schemes(t *testing.T) map[string]map[string]string {
	css := stylesheet(t)
	start := strings.Index(css, "@media screen and (prefers-color-scheme: dark)")
	end := strings.Index(css, "@media (prefers-contrast: more)")
	if start < 0 || end < start {
		t.Fatal("the style sheet lost its dark scheme")
	}
	light, dark := map[string]string{}, map[string]string{}
	for _, m := range colour.FindAllStringSubmatch(css[:start], -1) {
		light[m[1]] = m[2]
	}
	for _, m := range colour.FindAllStringSubmatch(css[start:end], -1) {
		dark[m[1]] = m[2]
	}
	for name := range light {
		if dark[name] == "" {
			t.Errorf("--%s has no dark counterpart", name)
		}
	}
	return map[string]map[string]string{"light": light, "dark": dark}
}

// contrast is the ratio of WCAG 2.2 §1.4.3.
func contrast(t *testing.T, a, b string) float64 {
	luminance := func(hex string) float64 {
		if len(hex) != 7 {
			t.Fatalf("%q is no #rrggbb colour", hex)
		}
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(v) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestColoursHaveEnoughContrastInBothSchemes(t *testing.T) {
	t.Parallel()
	if got := contrast(t, "#000000", "#ffffff"); math.Abs(got-21) > 0.01 {
		t.Fatalf("black on white is %.2f", got)
	}
	const text, shape = 4.5, 3 // AA: text (§1.4.3); borders of fields and focus rings (§1.4.11)
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"ink", "page", text}, {"ink", "surface", text}, {"ink", "raised", text}, {"ink", "info-wash", text},
		{"muted", "page", text}, {"muted", "surface", text}, {"muted", "raised", text},
		{"accent", "surface", text}, {"accent", "page", text}, {"accent", "raised", text}, {"accent", "info-wash", text},
		{"bad", "surface", text}, {"bad", "bad-wash", text},
		{"good", "surface", text}, {"good", "good-wash", text},
		{"action-ink", "action", text}, {"action-ink", "action-hover", text},
		{"edge", "surface", shape}, {"action", "surface", shape}, {"accent", "bad-wash", shape},
	}
	for scheme, colours := range schemes(t) {
		for _, p := range pairs {
			if got := contrast(t, colours[p.front], colours[p.back]); got < p.least {
				t.Errorf("%s: --%s on --%s is %.2f, needs %.1f", scheme, p.front, p.back, got, p.least)
			}
		}
	}
}

func TestTheStyleSheetIsSelfContainedAndWorksInBothDirections(t *testing.T) {
	t.Parallel()
	css := stylesheet(t)
	for what, pattern := range map[string]string{
		"an external reference":            `url\(|@import|@font-face`,
		"a physical side":                  `(margin|padding|border)-(left|right|top|bottom)|[\s;{](left|right):|text-align:\s*(left|right)|float:`,
		"a physical size":                  `[\s;{](min-|max-)?(width|height):`,
		"a priority that nothing can undo": `!important`,
		"an outline taken away for good":   `outline:\s*0`,
	} {
		if found := regexp.MustCompile(pattern).FindString(css); found != "" {
			t.Errorf("%s: %q", what, found)
		}
	}
	for _, query := range []string{"prefers-reduced-motion: reduce", "forced-colors: active", "prefers-contrast: more", "print", ":focus-visible"} {
		if !strings.Contains(css, query) {
			t.Errorf("nothing for %s", query)
		}
	}
	used := regexp.MustCompile(`var\(--([a-z0-9-]+)\)`)
	for _, m := range used.FindAllStringSubmatch(css, -1) {
		if !strings.Contains(css, "--"+m[1]+":") {
			t.Errorf("--%s is used and never set", m[1])
		}
	}
}

func TestEveryClassInATemplateHasAStyle(t *testing.T) {
	t.Parallel()
	css := stylesheet(t)
	for _, s := range states() {
		page, _ := rendered(t, s.page)
		for _, n := range parse(t, page).nodes {
			for _, class := range strings.Fields(attr(n, "class")) {
				if !strings.Contains(css, "."+class) {
					t.Errorf("%s: .%s is in no rule", s.name, class)
				}
			}
		}
	}
}
