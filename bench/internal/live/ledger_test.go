package live

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

func TestTheLedgerTellsRefusalsFromTokensThatExpired(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	token := Token{Issued: now, Expires: now.Add(time.Minute)}
	refused := errors.New("unknown key")
	l, v := NewLedger(), &library{name: "some"}
	for _, judged := range []struct {
		err   error
		asked time.Time
		took  time.Duration
	}{
		{nil, now, time.Millisecond},
		{refused, now, time.Millisecond},                             // refused
		{refused, token.Expires.Add(-time.Millisecond), 1e9},         // expired meanwhile: nobody can say
		{refused, token.Expires.Add(-time.Millisecond), patience},    // nobody waits that long
		{nil, token.Expires.Add(-time.Millisecond), 2 * time.Second}, // accepted, with leeway
	} {
		l.Judged(v, token, judged.err, judged.asked, judged.asked.Add(judged.took))
	}
	if got := l.Tally("some"); got.Checks != 4 || got.Failures != 2 || got.Late != 1 || got.Slowest != patience || len(got.Examples) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheLedgerSeesRotationsAndReplicasThatLagBehind(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := NewLedger()
	for _, issued := range []struct {
		kid string
		at  time.Duration
	}{{"a", 0}, {"a", 1}, {"b", 2}, {"a", 5}, {"b", 6}, {"c", 7}, {"b", 8}, {"a", 9}} {
		l.Issued(Token{Kind: Kind{Algorithm: keys.ES256}, KeyID: issued.kid, Issued: now.Add(issued.at * time.Second)})
	}
	r := l.Ring(keys.ES256)
	if r.Rotations() != 2 || r.Overlap != 3*time.Second || r.Backward != 1 {
		t.Errorf("%+v", r)
	}
	if n, _, _ := l.Counts(); n != 8 {
		t.Errorf("%d tokens", n)
	}
	if none := l.Ring(keys.RS256); none.Rotations() != 0 {
		t.Errorf("%+v", none)
	}
}

func TestTheLeadsOfTheLiveRunAreExactlyAtTheirBounds(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]keys.Schedule{"hasty": Hasty(), "calm": Calm(10 * time.Second)} {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Lead--
		if s.Validate() == nil {
			t.Errorf("%s: a smaller lead is valid too", name)
		}
	}
}
