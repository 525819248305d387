// Package telemetry owns what operators see from inside: the structured log with its request
// ids, and the Prometheus metrics with their names. It keeps no globals: a program builds one
// logger and one Metrics and hands them on.
//
// Serving /metrics and writing the access log belong to package server.
package telemetry

import (
	"context"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes JSON lines to w, or text for people when format is
// "text", from level on. Every record logged with a request's context carries its request_id.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if format == "text" {
		h = slog.NewTextHandler(w, opts)
	}
	h = requestHandler{h}
	if b, ok := w.(*Batch); ok {
		h = urgentHandler{h, b, format != "text"}
	}
	return slog.New(h)
}

// Request is what a context belongs to.
type Request interface{ RequestID() string }

// RequestKey is the key under which a context holds its Request.
type RequestKey struct{}

type requestID string

func (id requestID) RequestID() string { return string(id) }

// WithRequestID returns a context whose log records carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, RequestKey{}, requestID(id))
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if r, ok := ctx.Value(RequestKey{}).(Request); ok {
		return r.RequestID()
	}
	return ""
}

// requestHandler adds the request id of the context to each record.
type requestHandler struct{ next slog.Handler }

func (h requestHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone() // other handlers may share the record's attributes
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.next.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.next.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.next.WithGroup(name)}
}
