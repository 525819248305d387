package holder_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/keys"
)

func TestAdoptionCountsWhoHoldsAKeyAndNamesThoseWhoDoNot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	sets := []keys.Published{{ETag: `"1"`, KIDs: []string{"old"}}, {ETag: `"2"`, KIDs: []string{"old", "new"}}, {ETag: `"0"`}}
	seen := func(n int, etag string, ago time.Duration) holder.Sighting {
		return holder.Sighting{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), Agent: "verifier", ETag: etag, SeenAt: now.Add(-ago)}
	}
	all := []holder.Sighting{
		seen(1, `"1"`, 2*time.Hour), seen(2, `"2"`, time.Hour), seen(3, `"1"`, time.Minute), seen(4, `"forgotten"`, time.Hour), seen(5, `"0"`, 3*time.Hour),
		seen(6, `"2"`, 0), seen(7, `"1"`, time.Minute),
	}
	got := holder.Adopted("new", sets, all, 4)
	if got.KID != "new" || got.Holding != 2 || got.Lacking != 5 || len(got.Laggards) != 4 {
		t.Errorf("%+v", got)
	}
	var named string
	for _, l := range got.Laggards {
		named += fmt.Sprintf("%s has %q; ", l.Address, l.Newest)
	}
	if want := `192.0.2.3 has "old"; 192.0.2.7 has "old"; 192.0.2.4 has ""; 192.0.2.1 has "old"; `; named != want {
		t.Errorf("named %s", named)
	}
	if got := holder.Adopted("old", sets, all, 0); got.Holding != 5 || got.Lacking != 2 || len(got.Laggards) != 0 {
		t.Errorf("%+v", got)
	}
}
