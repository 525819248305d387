package browsertest

import (
	"net/http"
	"net/http/httptest"
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
	for path, want := range map[string]string{
		"/policy?do=1":                      "Content Security Policy",
		"/?do=throw+new+Error('oh+no')":     "oh no",
		"/?do=console.error('unfortunate')": "console.error",
		"/?do=1":                            "",
	} {
		tab.Go(s.URL + path)
		tab.See("#end")
		if got := strings.Join(tab.Faults(), "\n"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want something with %q", path, got, want)
		}
	}
}
