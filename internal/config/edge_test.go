package config_test

import (
	"testing"

	"github.com/signet-id/signet/internal/config"
)

func TestFilesThatSetNothingAreFine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\n", "# later\n", "---\n", "~\n", "--- # later\n...\n", "\xef\xbb\xbf", "{}\n"} {
		src := config.Source{File: write(t, "signet.yaml", text), Environ: valid()}
		if _, err := config.Load(src, config.Serve); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzFilesNeverPanicAndFaultsAlwaysSaySomething(f *testing.F) {
	for _, seed := range []string{"issuer: https://a\n", "log: &x {level: *x}\n", "? a\n: b\n", "- a\n", "server: {trusted_proxies: [*a]}\n", "!!binary x: y\n", "{? {a: b} : c}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := config.Load(config.Source{File: write(t, "signet.yaml", text), Environ: valid()}, config.Serve)
		if err != nil && len(config.Faults(err)) == 0 {
			t.Errorf("an error without faults: %v", err)
		}
		for _, fault := range config.Faults(err) {
			if fault.Text == "" {
				t.Errorf("a fault without text: %+v", fault)
			}
		}
	})
}
