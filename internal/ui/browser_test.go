package ui

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/test/browsertest"
)

// gallery makes TestGallery write pictures: go test -run TestGallery -gallery=DIR ./internal/ui
// With -gallery-only=consent,error only states whose names start so.
var (
	gallery     = flag.String("gallery", "", "directory for screenshots of every page and state")
	galleryOnly = flag.String("gallery-only", "", "comma-separated prefixes of state names")
)

// misfits lists, in the page itself, what sticks out of the window or is too small to hit.
const misfits = `(() => {
  const out = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) out.push('page is ' + document.documentElement.scrollWidth + ' wide in ' + width);
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.unseen, [hidden], [type=hidden], script') || e.closest('details:not([open]) > :not(summary)')) continue;
    const r = e.getBoundingClientRect();
    if (r.left < -0.5 || r.right > width + 0.5) out.push(e.tagName + '.' + e.className + ' spans ' + r.left + '..' + r.right);
    if (e.matches('button, input, summary, a:not(li a:not(.choice))') && (r.height < 43.5 || r.width < 43.5))
      out.push(e.tagName + ' "' + e.textContent + '" is ' + r.width + 'x' + r.height);
  }
  if (getComputedStyle(document.querySelector('main')).display !== 'grid') out.push('the style sheet did not load');
  return out.join('; ');
})()`

// openGallery opens a tab, and a server with all states as paths.
func openGallery(t *testing.T) (tab *browsertest.Tab, url string) {
	t.Helper()
	tab = browsertest.Open(t, browsertest.Start(t), false)
	tab.Provoke("Not allowed to launch 'test.acme.field:") // an app that nobody has installed
	server := httptest.NewServer(galleryHandler(t, newRenderer(t)))
	t.Cleanup(server.Close)
	return tab, server.URL
}

func TestEveryPageFitsItsWindowAndItsTargetsAreLargeEnough(t *testing.T) {
	t.Parallel()
	tab, url := openGallery(t)
	for _, width := range []int64{320, 1280} {
		tab.Size(width, 700)
		for _, s := range states() {
			tab.Go(url + "/" + s.name)
			if found := tab.Eval(misfits); found != "" {
				t.Errorf("%s at %d px: %s", s.name, width, found)
			}
		}
	}
}

func TestFocusStartsWhereThePersonHasToAct(t *testing.T) {
	t.Parallel()
	tab, url := openGallery(t)
	tab.Focus()
	for name, want := range map[string]string{
		"sign-in":           "email",
		"sign-in-prefilled": "password",
		"sign-in-mismatch":  "password",
		"sign-in-missing":   "email",
		"sign-in-locked":    "problem",
		"password":          "current_password",
		"password-problems": "alert",
	} {
		tab.Go(url + "/" + name)
		// Autofocus is applied when the page is first drawn, a moment after it has loaded.
		got := tab.Until(`document.activeElement !== document.body && (document.activeElement.id || document.activeElement.getAttribute('role'))`)
		if got != want {
			t.Errorf("%s: focus is on %q, want %q", name, got, want)
		}
	}
}

// TestGallery takes a picture of every state in each scheme and size, for people to look at.
func TestGallery(t *testing.T) {
	if *gallery == "" {
		t.Skip("pictures are taken only with -gallery=DIR")
	}
	tab, url := openGallery(t)
	tab.Focus() // so that focus rings show
	for _, size := range [][2]int64{{1200, 860}, {390, 800}, {320, 700}} {
		for _, scheme := range []string{"light", "dark"} {
			tab.Prefer("prefers-color-scheme=" + scheme)
			for _, s := range states() {
				wanted := *galleryOnly == ""
				for _, prefix := range strings.Split(*galleryOnly, ",") {
					wanted = wanted || strings.HasPrefix(s.name, prefix)
				}
				if !wanted || size[0] == 320 && !strings.HasSuffix(s.name, "-long") {
					continue
				}
				tab.Size(size[0], size[1])
				tab.Go(url + "/" + s.name)
				tab.Picture(filepath.Join(*gallery, fmt.Sprintf("%s-%d-%s.png", s.name, size[0], scheme)))
			}
		}
	}
}
