package ui

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// gallery makes TestGallery write pictures: go test -run TestGallery -gallery=DIR ./internal/ui
// With -gallery-only=consent,error only states whose names start so.
var (
	gallery     = flag.String("gallery", "", "directory for screenshots of every page and state")
	galleryOnly = flag.String("gallery-only", "", "comma-separated prefixes of state names")
)

// browser starts a headless Chromium of its own for the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs a browser: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithLogf(t.Logf))
	t.Cleanup(cancel)
	ctx, expire := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(expire)
	return ctx
}

// media emulates the person's preferences: "prefers-color-scheme=dark" and the like.
func media(features ...string) chromedp.Action[chromedp.Void] {
	params := emulation.SetEmulatedMediaParams{}
	for _, feature := range features {
		name, value, _ := strings.Cut(feature, "=")
		params.Features = append(params.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, params)
		return err
	})
}

// focused lets the page believe that its window is in front, so that focus rings show.
func focused() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
}

// until evaluates expression again and again until it is true, across navigations: a page that
// is being replaced cannot be asked, which is no answer yet.
func until(ctx context.Context, expression string) (string, error) {
	for {
		// By the clock: a tab behind a pop-up draws no frames to poll on.
		got, err := chromedp.Run(ctx, chromedp.Poll[string](expression, chromedp.WithPollingInterval(20*time.Millisecond)))
		if err == nil || ctx.Err() != nil {
			return got, err
		}
	}
}

// faults lists, in the page itself, what sticks out of the window or is too small to hit.
const faults = `(() => {
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

func TestEveryPageFitsItsWindowAndItsTargetsAreLargeEnough(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	server := httptest.NewServer(galleryHandler(t, newRenderer(t)))
	t.Cleanup(server.Close)
	for _, width := range []int64{320, 1280} {
		for _, s := range states() {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 700), chromedp.Navigate(server.URL+"/"+s.name)); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[string](faults))
			if err != nil {
				t.Fatal(err)
			}
			if found != "" {
				t.Errorf("%s at %d px: %s", s.name, width, found)
			}
		}
	}
}

func TestFocusStartsWhereThePersonHasToAct(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	server := httptest.NewServer(galleryHandler(t, newRenderer(t)))
	t.Cleanup(server.Close)
	for name, want := range map[string]string{
		"sign-in":           "email",
		"sign-in-prefilled": "password",
		"sign-in-mismatch":  "password",
		"sign-in-missing":   "email",
		"sign-in-locked":    "problem",
		"password":          "current_password",
		"password-problems": "alert",
	} {
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/"+name)); err != nil {
			t.Fatal(err)
		}
		// Autofocus is applied when the page is first drawn, a moment after it has loaded.
		got, err := chromedp.Run(ctx, chromedp.Poll[string](
			`document.activeElement !== document.body && (document.activeElement.id || document.activeElement.getAttribute('role'))`))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
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
	if err := os.MkdirAll(*gallery, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t)
	server := httptest.NewServer(galleryHandler(t, newRenderer(t)))
	t.Cleanup(server.Close)
	for _, size := range [][2]int64{{1200, 860}, {390, 800}, {320, 700}} {
		for _, scheme := range []string{"light", "dark"} {
			for _, s := range states() {
				wanted := *galleryOnly == ""
				for _, prefix := range strings.Split(*galleryOnly, ",") {
					wanted = wanted || strings.HasPrefix(s.name, prefix)
				}
				if !wanted || (size[0] == 320) != (strings.HasSuffix(s.name, "-long")) && size[0] == 320 {
					continue
				}
				err := chromedp.Do(ctx, focused(), chromedp.EmulateViewport(size[0], size[1]),
					media("prefers-color-scheme="+scheme), chromedp.Navigate(server.URL+"/"+s.name))
				if err != nil {
					t.Fatal(err)
				}
				// A window as tall as the page: pictures beyond the window come out shifted in
				// right-to-left pages.
				height, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
				if err == nil {
					err = chromedp.Do(ctx, chromedp.EmulateViewport(size[0], height))
				}
				if err != nil {
					t.Fatal(err)
				}
				picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
				if err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("%s-%d-%s.png", s.name, size[0], scheme)
				if err := os.WriteFile(filepath.Join(*gallery, name), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
