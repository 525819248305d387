package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Size gives the tab a window of that many CSS pixels.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height))
}

// Prefer sets the person's preferences, such as "prefers-color-scheme=dark"; those not named
// are the browser's own again.
func (b *Tab) Prefer(features ...string) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{}
	for _, feature := range features {
		name, value, _ := strings.Cut(feature, "=")
		params.Features = append(params.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	b.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, params)
		return err
	}))
}

// Focus lets pages believe that their window is in front, which a headless one never is:
// without it nothing has the focus.
func (b *Tab) Focus() {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
}

// Picture writes the whole page to a PNG file, making its folder if need be. The window is as
// tall as the page afterwards.
func (b *Tab) Picture(file string) {
	b.t.Helper()
	// What lies beyond the window would come out shifted in right-to-left pages.
	b.Size(b.number(`innerWidth`), b.number(`document.documentElement.scrollHeight`))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := b.shoot(file); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Tab) number(expression string) int64 {
	b.t.Helper()
	n, err := strconv.ParseInt(b.Eval(expression), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// shoot writes what the window shows to a PNG file.
func (b *Tab) shoot(file string) error {
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}
