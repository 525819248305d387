// Package progress shows on a terminal how far something is, and nothing elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Bar is a line that is written over and over. Its methods may be called from any goroutine.
type Bar struct {
	w     io.Writer
	mu    sync.Mutex
	last  time.Time
	shown bool
}

// IsTerminal reports whether people see what is written to f as it is.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// New returns a bar on f, which shows nothing unless f is a terminal.
func New(f *os.File) *Bar {
	if !IsTerminal(f) {
		return &Bar{}
	}
	return &Bar{w: f}
}

// every is how often the line is written at most.
const every = 100 * time.Millisecond

// width is that of the bar proper, in characters.
const width = 24

// Show says that done of total is done of what text names.
func (b *Bar) Show(text string, done, total float64, unit string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.w == nil || time.Since(b.last) < every {
		return
	}
	b.last, b.shown = time.Now(), true
	_, _ = io.WriteString(b.w, "\r\x1b[K"+line(text, done, total, unit)) // nobody is left to tell
}

func line(text string, done, total float64, unit string) string {
	part := 0.0
	if total > 0 {
		part = min(1, max(0, done/total))
	}
	full := int(part * width)
	return fmt.Sprintf("%-28s [%s%s] %3.0f%%  %s", text, strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*part, unit)
}

// Clear removes the line.
func (b *Bar) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown {
		_, _ = io.WriteString(b.w, "\r\x1b[K") // nobody is left to tell
		b.shown, b.last = false, time.Time{}
	}
}
