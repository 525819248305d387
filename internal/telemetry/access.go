package telemetry

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"time"
)

// Access is one line of the access log.
type Access struct {
	At            time.Time
	Level         slog.Level
	Method, Route string
	Status        int
	Bytes         int64 // of the body
	Duration      time.Duration
	Client        netip.Addr
	RequestID     string
}

// LogAccess writes a line of the access log. There is one for each request, so a logger that
// writes JSON to a Batch puts it together by itself; the line is the same as any other would
// write.
func LogAccess(log *slog.Logger, a Access) {
	h, ctx := log.Handler(), context.Background()
	if !h.Enabled(ctx, a.Level) {
		return
	}
	if u, ok := h.(urgentHandler); ok && u.plainJSON && u.batch.access(a) {
		return
	}
	r := slog.NewRecord(a.At, a.Level, "request", 0)
	r.AddAttrs(
		slog.String("method", a.Method),
		slog.String("route", a.Route),
		slog.Int("status", a.Status),
		slog.Int64("bytes", a.Bytes),
		slog.Int64("duration_us", a.Duration.Microseconds()),
		slog.String("client_ip", a.Client.String()),
		slog.String("request_id", a.RequestID),
	)
	_ = h.Handle(ctx, r) // like slog.Logger, which has nobody to tell either
}

// access adds the line in JSON, unless it holds text that would have to be escaped.
func (b *Batch) access(a Access) bool {
	if !verbatim(a.Method) || !verbatim(a.Route) || !verbatim(a.RequestID) || a.Client.Zone() != "" {
		return false
	}
	var space [512]byte
	line := append(space[:0], `{"time":"`...)
	line = a.At.AppendFormat(line, time.RFC3339Nano)
	line = append(append(line, `","level":"`...), a.Level.String()...)
	line = append(append(line, `","msg":"request","method":"`...), a.Method...)
	line = append(append(line, `","route":"`...), a.Route...)
	line = strconv.AppendInt(append(line, `","status":`...), int64(a.Status), 10)
	line = strconv.AppendInt(append(line, `,"bytes":`...), a.Bytes, 10)
	line = strconv.AppendInt(append(line, `,"duration_us":`...), a.Duration.Microseconds(), 10)
	line = append(line, `,"client_ip":"`...)
	if a.Client.IsValid() {
		line = a.Client.AppendTo(line)
	} else {
		line = append(line, a.Client.String()...)
	}
	line = append(append(line, `","request_id":"`...), a.RequestID...)
	line = append(line, "\"}\n"...)
	_, _ = b.Write(line)
	return true
}

// verbatim reports whether s stands in JSON as it is.
func verbatim(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}
