package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/ratelimit"
)

// Throttles stores the counters of failed sign-ins.
type Throttles struct{ q *sqlcgen.Queries }

var _ ratelimit.Store = Throttles{}

// Throttles returns the store of sign-in counters.
func (db *DB) Throttles() Throttles { return Throttles{db.q} }

// Take counts an attempt on every claimed key in one statement, unless one of them is blocked.
func (s Throttles) Take(ctx context.Context, claims []ratelimit.Claim, now time.Time) ([]ratelimit.State, error) {
	p := sqlcgen.TakeThrottleParams{Now: now.Truncate(time.Microsecond)}
	for _, c := range claims {
		p.Keys = append(p.Keys, slices.Clone(c.Key[:]))
		p.Free = append(p.Free, int32(c.Policy.Free))
		p.Base = append(p.Base, c.Policy.Base.Microseconds())
		p.Max = append(p.Max, c.Policy.Max.Microseconds())
		p.Lim = append(p.Lim, int32(c.Policy.Limit))
		p.Rest = append(p.Rest, c.Policy.Rest.Microseconds())
		p.Win = append(p.Win, c.Policy.Window.Microseconds())
		p.Sliding = append(p.Sliding, c.Policy.Sliding)
	}
	rows, err := s.q.TakeThrottle(ctx, p)
	if err != nil {
		return nil, wrap("count sign-in attempt", err)
	}
	out := make([]ratelimit.State, len(rows))
	for i, r := range rows {
		out[i] = ratelimit.State{Key: ratelimit.Key(r.Key), Taken: r.Taken, Failures: int(r.Failures), BlockedUntil: r.BlockedUntil}
	}
	return out, nil
}

// Settle forgets the counters of reset and gives one attempt back on each of refund.
func (s Throttles) Settle(ctx context.Context, reset, refund []ratelimit.Key, now time.Time) error {
	return wrap("settle sign-in attempt", s.q.SettleThrottle(ctx, sqlcgen.SettleThrottleParams{
		Reset: digests(reset), Refund: digests(refund), Now: now.Truncate(time.Microsecond),
	}))
}

func digests(keys []ratelimit.Key) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = slices.Clone(k[:])
	}
	return out
}
