package ui

import (
	"context"
	"flag"
	"fmt"
	"net/http"
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
	ctx, expire := context.WithTimeout(ctx, 3*time.Minute)
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
		got, err := chromedp.Run(ctx, chromedp.Poll[string](expression))
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

// redirector answers every request with a redirect to the URL given.
func redirector(t *testing.T, target string) string {
	server := httptest.NewServer(http.RedirectHandler(target, http.StatusSeeOther))
	t.Cleanup(server.Close)
	return server.URL
}

// landing is the end of a chain of redirects; its title tells that a browser arrived.
func landing(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<title>arrived %s %s</title>", r.Method, r.PostForm.Get("state"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestABrowserFollowsTheRedirectAfterAFormOnlyToNamedTargets(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	end := landing(t)
	hop := redirector(t, end+"/done")
	for name, c := range map[string]struct {
		location string
		targets  []string
		arrives  bool
	}{
		"the client's origin is named":                      {end + "/cb", []string{end + "/cb"}, true},
		"no target is named":                                {end + "/cb", nil, false},
		"another origin is named":                           {end + "/cb", []string{"https://other.test/cb"}, false},
		"the callback redirects on to an unnamed origin":    {hop + "/cb", []string{hop + "/cb"}, false},
		"the callback redirects on and the scheme is named": {hop + "/cb", []string{"http:"}, true},
	} {
		r := newRenderer(t)
		mux := http.NewServeMux()
		mux.Handle(StaticPrefix, r.Static())
		mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
			_ = r.Render(w, 200, SignOut{Frame: Frame{FormTargets: c.targets}, Form: Form{Action: "/login"}})
		})
		mux.Handle("POST /login", http.RedirectHandler(c.location, http.StatusSeeOther))
		server := httptest.NewServer(mux)
		// A blocked navigation has no event of its own, but the policy's violation does.
		const outcome = `document.title.startsWith('arrived') ? 'arrived' : window.blocked`
		err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/login"))
		if err == nil {
			_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](
				`document.addEventListener('securitypolicyviolation', () => { window.blocked = 'blocked' }), true`))
		}
		if err == nil {
			_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](`setTimeout(() => document.querySelector('.main-action').click(), 0), true`))
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := until(ctx, outcome)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (got == "arrived") != c.arrives {
			t.Errorf("%s: %s", name, got)
		}
		server.Close()
	}
}

func TestAFormPostPageSubmitsItselfUnderItsPolicy(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	end := landing(t)
	r := newRenderer(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// "submit" would hide the method of that name in a careless script.
		_ = r.Render(w, 200, FormPost{Action: end + "/cb", Params: []Hidden{{"state", "a b&c"}, {"submit", "x"}}})
	}))
	t.Cleanup(server.Close)
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	title, err := until(ctx, `document.title.startsWith('arrived') && document.title`)
	if err != nil {
		t.Fatal(err)
	}
	if title != "arrived POST a b&c" {
		t.Errorf("the client received %q", title)
	}
}
