package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/signet-id/signet/internal/telemetry"
)

// newLog writes everything from info on to file, as `signet serve` would, and warnings to the
// terminal in a form for people.
func newLog(file, terminal io.Writer) *slog.Logger {
	return slog.New(split{telemetry.NewLogger(file, slog.LevelInfo, "json").Handler(), &brief{w: terminal}})
}

// split hands records to two handlers.
type split struct{ file, terminal slog.Handler }

func (s split) Enabled(ctx context.Context, l slog.Level) bool {
	return s.file.Enabled(ctx, l) || s.terminal.Enabled(ctx, l)
}

func (s split) Handle(ctx context.Context, r slog.Record) error {
	for _, h := range []slog.Handler{s.file, s.terminal} {
		if !h.Enabled(ctx, r.Level) {
			continue
		}
		if err := h.Handle(ctx, r.Clone()); err != nil {
			return err
		}
	}
	return nil
}

func (s split) WithAttrs(attrs []slog.Attr) slog.Handler {
	return split{s.file.WithAttrs(attrs), s.terminal.WithAttrs(attrs)}
}

func (s split) WithGroup(name string) slog.Handler {
	return split{s.file.WithGroup(name), s.terminal.WithGroup(name)}
}

// ourSetting marks a warning about a setting that dev decides itself: no news to anybody.
var ourSetting = slog.String("setting", "outbound.allow") //nolint:gochecknoglobals // a constant in all but name

// brief prints warnings as one line: "warning: message (key value, key value)".
type brief struct {
	mu    sync.Mutex
	w     io.Writer
	attrs []slog.Attr
	outer *brief // whose lock and writer a derived handler shares
}

func (*brief) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (b *brief) Handle(_ context.Context, r slog.Record) error {
	var details []string
	add := func(a slog.Attr) bool {
		details = append(details, a.Key+" "+a.Value.Resolve().String())
		return true
	}
	for _, a := range b.attrs {
		add(a)
	}
	decided := false
	r.Attrs(func(a slog.Attr) bool {
		decided = decided || a.Equal(ourSetting)
		return add(a)
	})
	if decided {
		return nil
	}
	line := strings.ToLower(r.Level.String())
	if r.Level == slog.LevelWarn {
		line = "warning"
	}
	line += ": " + r.Message
	if len(details) > 0 {
		line += " (" + strings.Join(details, ", ") + ")"
	}
	root := b
	if b.outer != nil {
		root = b.outer
	}
	root.mu.Lock()
	defer root.mu.Unlock()
	_, err := fmt.Fprintln(root.w, strings.ReplaceAll(line, "\n", " "))
	return err
}

func (b *brief) WithAttrs(attrs []slog.Attr) slog.Handler {
	root := b
	if b.outer != nil {
		root = b.outer
	}
	return &brief{outer: root, attrs: append(b.attrs[:len(b.attrs):len(b.attrs)], attrs...)}
}

// WithGroup drops the group's name: a line for people has no use for it.
func (b *brief) WithGroup(string) slog.Handler { return b.WithAttrs(nil) }
