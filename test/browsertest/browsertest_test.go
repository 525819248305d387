package browsertest

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATabHearsWhatAPageGetsWrong(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/policy" {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:")
		}
		_, _ = w.Write([]byte(`<link rel="icon" href="data:,"><script>` + r.URL.Query().Get("do") + `</script><p id="end">end`))
	}))
	t.Cleanup(s.Close)
	tab := Open(t, Start(t), true)
	tab.Provoke("Error: provoked")
	for path, want := range map[string]string{
		"/policy?do=1":                      "Content Security Policy",
		"/?do=throw+new+Error('oh+no')":     "oh no",
		"/?do=console.error('unfortunate')": "console.error",
		"/?do=throw+new+Error('provoked')":  "",
		"/?do=1":                            "",
	} {
		tab.Go(s.URL + path)
		tab.See("#end")
		if got := strings.Join(tab.Faults(), "\n"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want something with %q", path, got, want)
		}
	}
}

func TestAPictureShowsTheWholePageAsThePersonPrefersIt(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><style>
			body { margin: 0; height: 1500px; background: white }
			@media (prefers-color-scheme: dark) { body { background: black } }
		</style>`))
	}))
	t.Cleanup(s.Close)
	tab := Open(t, Start(t), true)
	tab.Go(s.URL)
	for scheme, want := range map[string]color.Gray{"light": {Y: 255}, "dark": {Y: 0}} {
		tab.Size(320, 600)
		tab.Prefer("prefers-color-scheme=" + scheme)
		name := filepath.Join(t.TempDir(), "folder", scheme+".png")
		tab.Picture(name)
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got := picture.Bounds().Size(); got != image.Pt(320, 1500) {
			t.Errorf("%s: the picture is %v large", scheme, got)
		}
		if got := color.GrayModel.Convert(picture.At(300, 1400)); got != want {
			t.Errorf("%s: the picture is %v below, want %v", scheme, got, want)
		}
	}
}
