package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/telemetry"
)

// A batch writes the lines of the access log by itself: they must be those of slog.
func TestAnAccessLineIsTheSameHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 120_000_000, time.UTC)
	for name, a := range map[string]telemetry.Access{
		"a request":           {At: at, Method: "GET", Route: "/t/{tenant}/login", Status: 200, Bytes: 12345, Duration: 1234567 * time.Nanosecond, Client: netip.MustParseAddr("192.0.2.1"), RequestID: "ABC"},
		"of another zone":     {At: at.In(time.FixedZone("", 3600)), Method: "POST", Route: "/token", Status: 503, Client: netip.MustParseAddr("2001:db8::1"), RequestID: "x"},
		"nothing known":       {At: at},
		"below the level":     {At: at, Level: slog.LevelDebug, Method: "GET"},
		"to be escaped":       {At: at, Method: `G"E\T`, Route: "/\x01é", RequestID: "<&>\n"},
		"a client of a scope": {At: at, Method: "GET", Client: netip.MustParseAddr(`fe80::1%"eth0`)},
	} {
		var plain, batched bytes.Buffer
		telemetry.LogAccess(telemetry.NewLogger(&plain, slog.LevelInfo, "json"), a)
		b := telemetry.NewBatch(&batched)
		telemetry.LogAccess(telemetry.NewLogger(b, slog.LevelInfo, "json"), a)
		b.Close()
		if a.Level < slog.LevelInfo {
			if plain.Len()+batched.Len() > 0 {
				t.Errorf("%s: %s, %s", name, plain.Bytes(), batched.Bytes())
			}
			continue
		}
		var want, got map[string]any
		if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(batched.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", name, err, batched.Bytes())
		}
		if !reflect.DeepEqual(got, want) || len(got) != 10 || bytes.Count(batched.Bytes(), []byte("\n")) != 1 {
			t.Errorf("%s: %s, want %s", name, batched.Bytes(), plain.Bytes())
		}
	}
}
