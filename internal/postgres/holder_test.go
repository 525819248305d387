package postgres_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/holder"
)

func TestOfEachHolderTheLatestSightingIsKept(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	seen := func(address, agent, etag string, ago time.Duration) holder.Sighting {
		return holder.Sighting{Address: netip.MustParseAddr(address), Agent: agent, ETag: etag, SeenAt: now.Add(-ago)}
	}
	must(t, w.Keys().RecordHolders(t.Context(), []holder.Sighting{
		seen("2001:db8::1", "six", `"1"`, time.Hour), seen("192.0.2.1", "four", `"1"`, 2*time.Hour), seen("192.0.2.1", "another", `"2"`, 30*time.Hour),
	}))
	must(t, w.Keys().RecordHolders(t.Context(), []holder.Sighting{
		seen("2001:db8::1", "six", `"2"`, 3*time.Hour), // of a replica that was late
		seen("192.0.2.1", "four", `"2"`, time.Minute), seen("192.0.2.9", "ahead", `"2"`, -time.Hour),
	}))
	got, err := w.Keys().Holders(t.Context(), now.Add(-24*time.Hour))
	must(t, err)
	for i := range got {
		got[i].SeenAt = got[i].SeenAt.UTC()
	}
	if len(got) != 3 || got[0].Agent != "ahead" || time.Until(got[0].SeenAt) > time.Minute ||
		got[1] != seen("192.0.2.1", "four", `"2"`, time.Minute) || got[2] != seen("2001:db8::1", "six", `"1"`, time.Hour) {
		t.Errorf("%+v", got)
	}
	must(t, w.Keys().RecordHolders(t.Context(), nil))
}

func TestReplicasStoreTheSameHoldersAtOnce(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				var seen []holder.Sighting
				for i := range 500 {
					seen = append(seen, holder.Sighting{Address: netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}), Agent: fmt.Sprint(i), ETag: `"1"`, SeenAt: now})
				}
				if err := w.Keys().RecordHolders(t.Context(), seen); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := w.count(t, "SELECT count(*) FROM jwks_holder"); n != 500 {
		t.Errorf("%d rows", n)
	}
}

func TestHoldersAreForgottenAfterAWeekAndWhenTheyAreTooMany(t *testing.T) {
	t.Parallel()
	w := build(t)
	fill := func(n int, network, ago string) {
		t.Helper()
		w.exec(t, `INSERT INTO jwks_holder SELECT ('`+network+`.0.0.0'::inet + g), '', '', now() - interval '`+ago+`' - g * interval '1 microsecond' FROM generate_series(1, $1) g`, n)
	}
	fill(2300, "10", "169 hours")
	fill(4000, "11", "167 hours")
	done, err := w.Clean(t.Context(), time.Now())
	if must(t, err); done.Holders != 2300 || done.Total() != 2300 {
		t.Errorf("%d deleted, want those of last week", done.Holders)
	}
	fill(49_000, "12", "1 hour")
	done, err = w.Clean(t.Context(), time.Now())
	if must(t, err); done.Holders != 3000 || w.count(t, "SELECT count(*) FROM jwks_holder WHERE address < '12.0.0.0'") != 1000 {
		t.Errorf("%d deleted, want the oldest 3000", done.Holders)
	}
	if got, err := w.Keys().Holders(t.Context(), time.Now().Add(-2*time.Hour)); err != nil || len(got) != 49_000 {
		t.Errorf("%d listed, %v", len(got), err)
	}
}
