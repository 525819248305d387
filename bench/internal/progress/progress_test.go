package progress

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNothingIsShownWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := New(f)
	b.Show("work", 1, 2, "")
	b.Clear()
	if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
}

func TestTheLineIsOverwrittenAndRemoved(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &Bar{w: &out}
	b.Show("work", 1, 2, "5 s")
	b.Show("work", 2, 2, "too soon after the first")
	b.Clear()
	b.Clear()
	if got := out.String(); got != "\r\x1b[K"+line("work", 1, 2, "5 s")+"\r\x1b[K" {
		t.Errorf("%q", got)
	}
	if got := line("half", 1, 2, "x"); !strings.Contains(got, "[============            ]  50%  x") {
		t.Errorf("%q", got)
	}
	for _, odd := range []string{line("none", 0, 0, ""), line("less", -1, 2, ""), line("more", 5, 2, "")} {
		if !strings.Contains(odd, "[") || len(odd) < width {
			t.Errorf("%q", odd)
		}
	}
}
