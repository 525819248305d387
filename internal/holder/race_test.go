package holder

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

type lastSaid map[string]string

func (s lastSaid) RecordHolders(_ context.Context, seen []Sighting) error {
	for _, x := range seen {
		s[x.Agent] = x.ETag
	}
	return nil
}

// A verifier that asks hourly would stay on record for an hour with the set that it had before.
func TestWhatIsSaidWhileTheLogIsStoredIsNotForgotten(t *testing.T) {
	t.Parallel()
	said := lastSaid{}
	i := 0
	l := NewLog(Config{
		Store: said, Keys: func() []keys.Key { return nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Address: func(context.Context) netip.Addr { return netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 0, 1}) }, // networks of their own
	})
	const holders = 1000
	var agents []string
	for n := range holders {
		agents = append(agents, strconv.Itoa(n))
	}
	all := func(tag string) {
		for i = range holders {
			l.Current(t.Context(), agents[i], tag)
		}
	}
	for range 300 {
		all(`"before"`)
		done := make(chan struct{})
		go func() { defer close(done); all(`"after"`) }()
		l.store(t.Context())
		<-done
		if l.store(t.Context()); !slices.Equal(slices.Compact(slices.Collect(maps.Values(said))), []string{`"after"`}) {
			t.Fatal("somebody is on record with the set from before")
		}
	}
}
