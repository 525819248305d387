package app

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/connector"
)

const (
	// domainPause is the time between two looks at the record of a domain.
	domainPause = 24 * time.Hour
	// domainBatch is how many are looked for at once.
	domainBatch = 20
)

// names is what looks up names.
func (o Options) names() connector.Resolver {
	if o.Resolver != nil {
		return o.Resolver
	}
	return net.DefaultResolver
}

// lookAfterDomains sees to it that what a TXT record has proven is proven still: a domain that changes
// hands must not go on leading to whom it belonged to. Replicas share the work.
func (r *rooms) lookAfterDomains(ctx context.Context, o Options) {
	tick := time.NewTicker(o.Config.Cleanup.Interval)
	defer tick.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			more = r.lookAtDomains(ctx, o)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookAtDomains looks at a batch of domains, and reports whether there may be more.
func (r *rooms) lookAtDomains(ctx context.Context, o Options) (more bool) {
	store, now := r.db.Domains(), o.Now()
	due, err := store.TakeDue(ctx, now, domainPause, domainBatch)
	if err != nil {
		if ctx.Err() == nil {
			o.Log.WarnContext(ctx, "domains could not be looked at, will try again", "error", err)
		}
		return false
	}
	var wg sync.WaitGroup
	for _, d := range due {
		wg.Go(func() {
			record, err := d.LookFor(ctx, o.names())
			lapsed := false
			switch {
			case err == nil && record.Gone():
				lapsed, err = store.Miss(ctx, d, now)
			case err == nil:
				err = store.Found(ctx, d)
			}
			switch {
			case ctx.Err() != nil:
			case err != nil:
				o.Log.WarnContext(ctx, "a domain could not be looked at, will try again tomorrow", "domain", d.Name, "tenant", d.Tenant, "error", err)
			case lapsed:
				o.Log.WarnContext(ctx, "a domain is no longer verified: its TXT record has been gone for a week", "domain", d.Name, "tenant", d.Tenant)
			case record.Gone():
				o.Log.WarnContext(ctx, "the TXT record of a verified domain is gone", "domain", d.Name, "tenant", d.Tenant)
			}
		})
	}
	wg.Wait()
	return len(due) == domainBatch
}
