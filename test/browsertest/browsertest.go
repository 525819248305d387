// Package browsertest drives a headless Chromium for tests: a profile of its own, tabs, and an
// ear for what a person would only find in the console.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds everything that one test does in its browser.
const patience = 90 * time.Second

// Start starts a Chromium with a fresh profile, which ends with the test. Make tabs from the
// context with Open.
func Start(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// Pages of others ask for fonts from elsewhere; everything stays on loopback.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithLogf(t.Logf))
	t.Cleanup(cancel)
	ctx, expire := context.WithTimeout(ctx, patience)
	t.Cleanup(expire)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no browser was found; run: apt-get install chromium (or brew install --cask chromium)")
	return ""
}

// Tab is one tab. Its methods end the test when what they wait for does not come.
type Tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	provoked []string
}

// Open opens a tab in the browser of ctx, or in a fresh profile within it when alone is set.
// Whatever the page's policy blocks and its scripts throw fails the test in the end.
func Open(t *testing.T, ctx context.Context, alone bool) *Tab {
	t.Helper()
	var options []chromedp.ContextOption
	if alone {
		options = append(options, chromedp.WithNewBrowserContext())
	}
	ctx, cancel := chromedp.NewContext(ctx, options...)
	t.Cleanup(cancel)
	tab := &Tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, tab.hear); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	tab.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		return err
	}))
	t.Cleanup(func() {
		for _, f := range tab.Faults() {
			t.Errorf("the browser complains: %s", f)
		}
		if t.Failed() {
			tab.picture()
		}
	})
	return tab
}

// hear notes what is wrong with a page. A refused request is no fault: tests provoke those.
func (b *Tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			fault = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			fault = "console.error was called"
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	provoked := slices.ContainsFunc(b.provoked, func(part string) bool { return strings.Contains(fault, part) })
	if fault != "" && !provoked {
		b.faults = append(b.faults, fault)
	}
}

// Provoke makes complaints with that text no faults from now on: the test is out for them.
func (b *Tab) Provoke(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.provoked = append(b.provoked, part)
}

// Context is the tab's, for opening others in the same browser.
func (b *Tab) Context() context.Context { return b.ctx }

// Faults returns what the browser has complained about since the last call.
func (b *Tab) Faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.faults
	b.faults = nil
	return out
}

// picture keeps what the tab showed; `go test -artifacts` keeps it longer than the test.
func (b *Tab) picture() {
	file := filepath.Join(b.t.ArtifactDir(), strings.ReplaceAll(b.t.Name(), "/", "_")+".png")
	if b.shoot(file) == nil { // else the tab is gone
		b.t.Logf("the tab showed: %s (kept with -artifacts)", file)
	}
}

// Do runs actions in the tab.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("browser: %v\n%s", err, b.describe())
	}
}

// again is Do for an action on an element that was found on a page just being replaced by the
// next: it is looked for once more.
func (b *Tab) again(action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for {
		err := chromedp.Do(b.ctx, action)
		if err == nil {
			return
		}
		if b.ctx.Err() != nil || !strings.Contains(err.Error(), "Could not find node with given id") {
			b.t.Fatalf("browser: %v\n%s", err, b.describe())
		}
	}
}

// Go opens an address.
func (b *Tab) Go(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url))
}

// Click clicks on the first visible element of a CSS selector.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.again(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// ClickText clicks on the button that shows text.
func (b *Tab) ClickText(text string) {
	b.t.Helper()
	b.again(chromedp.Click(chromedp.Search(`//button[contains(., "`+text+`")]`), chromedp.NodeVisible))
}

// Type types text into the field of a CSS selector.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	b.again(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// See waits until the element of a CSS selector is visible.
func (b *Tab) See(selector string) {
	b.t.Helper()
	b.again(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Eval returns the text of a JavaScript expression.
func (b *Tab) Eval(expression string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil {
		b.t.Fatalf("browser: %s: %v\n%s", expression, err, b.describe())
	}
	return out
}

// Until evaluates a JavaScript expression until it is true, across navigations, and returns
// its text.
func (b *Tab) Until(expression string) string {
	b.t.Helper()
	limit, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	for {
		// By the clock: a tab behind another one draws no frames to poll on. A page that is
		// being replaced cannot be asked, which is no answer yet.
		out, err := chromedp.Run(limit, chromedp.Poll[string](
			`(() => { const v = (`+expression+`); return v && String(v) })()`, chromedp.WithPollingInterval(10*time.Millisecond)))
		if err == nil {
			return out
		}
		if limit.Err() != nil {
			b.t.Fatalf("waited in vain for %s\n%s", expression, b.describe())
		}
	}
}

// describe says what the tab shows, for a failed test.
func (b *Tab) describe() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + '\n' + document.body.innerText`))
	if err != nil {
		return "(the page cannot be read: " + err.Error() + ")"
	}
	return out
}
