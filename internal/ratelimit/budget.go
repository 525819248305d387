package ratelimit

import (
	"context"
	"time"
)

// Budget is one of the counters that something is spent on, with a policy of its own: it is used
// up after Policy.Free, each spending a failure in the words of [Policy].
type Budget struct {
	Kind   Kind   // what it counts by; none of the kinds of an [Attempt]
	Name   string // whose it is. Case, width and surrounding space do not matter
	Policy Policy
}

// Spend counts once on every budget, or on none of them when one is used up: Decision.By says
// which. Only [Limiter.Return] gives it back.
func (l *Limiter) Spend(ctx context.Context, budgets []Budget, now time.Time) (Decision, error) {
	counters := make([]counter, len(budgets))
	for i, b := range budgets {
		if err := b.Policy.validate(); err != nil {
			return Decision{}, err
		}
		counters[i] = counter{Claim{l.budgetKey(b), b.Policy}, b.Kind}
	}
	return l.take(ctx, counters, now)
}

// Return gives an allowed spending back, of what was not done after all.
func (l *Limiter) Return(ctx context.Context, budgets []Budget, now time.Time) error {
	refund := make([]Key, len(budgets))
	for i, b := range budgets {
		refund[i] = l.budgetKey(b)
	}
	return l.settle(ctx, nil, refund, now)
}

func (l *Limiter) budgetKey(b Budget) Key { return l.key("budget "+b.Kind, normalised(b.Name)) }
