package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

const (
	// longestPoll is how often the keys are loaded, at the least, when no notification arrives.
	longestPoll  = time.Minute
	shortestPoll = 100 * time.Millisecond
	// storeTimeout bounds one conversation with the store that no caller waits for.
	storeTimeout = 30 * time.Second
	// renewTimeout bounds one that somebody waits for who wants a token.
	renewTimeout = 2 * time.Second
)

// Reload loads the keys again. On an error the ring keeps what it has.
func (r *Ring) Reload(ctx context.Context) error {
	if err := r.write.lock(ctx); err != nil {
		return err
	}
	defer r.write.unlock()
	return r.load(ctx)
}

// Poke asks Run to reload soon; it never blocks. It is for the notification that keys changed.
func (r *Ring) Poke() {
	select {
	case r.poke <- struct{}{}:
	default: // one is waiting already, and it will see everything up to now
	}
}

// Run keeps the ring fresh until ctx is done: it reloads often enough for every bound of the schedule
// and when poked, takes its turn as the rotator, and stores the watermarks of what was signed. It
// returns after having stored the last of them, so stop it after the servers that sign.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(r.poll)
	defer tick.Stop()
	r.work(ctx, r.advance, "rotate keys")
	for {
		select {
		case <-ctx.Done():
			r.work(context.WithoutCancel(ctx), r.flush, "store key watermarks")
			return
		case <-r.poke:
			r.work(ctx, r.Reload, "reload keys")
		case <-tick.C:
			r.work(ctx, r.flush, "store key watermarks")
			r.work(ctx, r.Reload, "reload keys")
			r.work(ctx, r.advance, "rotate keys")
		}
	}
}

func (r *Ring) work(ctx context.Context, do func(context.Context) error, what string) {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := do(bounded); err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "could not "+what+"; going on with the keys in memory",
			"error", err, "loaded_at", r.LoadedAt())
	}
}

// load replaces the snapshot; the caller holds write.
func (r *Ring) load(ctx context.Context) error {
	asked := r.clock()
	stored, err := r.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	read := r.read.Load().next(asked, r.clock(), stored.Now)
	before := r.held.Load()
	s, err := r.assemble(before, stored, asked)
	if err != nil {
		return err
	}
	if _, err := s.at(stored.Now); err != nil {
		return err
	}
	r.complain(ctx, before, s)
	r.read.Store(read)
	r.held.Store(s)
	return nil
}

// complain logs what is damaged, once.
func (r *Ring) complain(ctx context.Context, before, s *snapshot) {
	said := map[string]bool{}
	if before != nil {
		for _, d := range before.damaged {
			said[d.KID] = true
		}
	}
	for _, d := range s.damaged {
		if said[d.KID] {
			continue
		}
		what := "a signing key is damaged in the database and not used; restore its row from a backup, or let another replace it"
		if d.Held {
			what = "a signing key is damaged in the database; going on with the copy in memory, which a restart loses"
		}
		if errors.Is(d.Err, ErrForgotten) {
			what = "a stolen key is no longer marked as such in the database; going on without it, and revoking it again"
		}
		if strings.HasPrefix(d.KID, rootDamage) {
			what = "the root secret is damaged in the database; going on with the copy in memory, which a restart loses"
		}
		r.log.ErrorContext(ctx, what, "kid", d.KID, "alg", d.Algorithm, "error", d.Err)
	}
}

// renew loads the keys for somebody who waits, unless they are fresh enough to sign. The error is
// errdefs.ErrUnavailable.
func (r *Ring) renew(ctx context.Context) error {
	if r.leased() {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	err := r.write.lock(bounded)
	if err == nil {
		defer r.write.unlock()
		if r.leased() { // somebody else did
			return nil
		}
		err = r.load(bounded)
	}
	if err != nil {
		return fmt.Errorf("the signing keys were last loaded at %s and may have been replaced since: %w: %w",
			r.LoadedAt().Format(time.RFC3339), errdefs.ErrUnavailable, err)
	}
	return nil
}

// leased reports whether the keys were loaded lately enough to sign: see keys.Schedule.Lease.
func (r *Ring) leased() bool {
	now, asked, lease := r.clock(), r.held.Load().askedAt, r.schedule.Lease()
	within := func(age time.Duration) bool { return age >= 0 && age < lease }
	// By both clocks that there are: one can be set, the other stands still while a machine is suspended.
	return within(now.Sub(asked)) && within(now.Round(0).Sub(asked.Round(0)))
}

// flush stores the watermarks that rose. What a crash loses is bounded by one poll interval,
// which is why removal also waits for the longest lifetime (keys.Schedule.MinRemoval).
func (r *Ring) flush(ctx context.Context) error {
	for _, h := range r.held.Load().keys {
		mark := h.mark.seen.Load()
		if mark <= h.mark.stored.Load() {
			continue
		}
		if err := r.store.RecordMaxExpiry(ctx, h.key.ID, time.Unix(mark, 0).UTC()); err != nil {
			return fmt.Errorf("key %s: %w", h.key.ID, err)
		}
		raise(&h.mark.stored, mark)
	}
	return nil
}

// record stores that something lives until expires before it is signed, if it lives longer than any
// token is thought to: only then does the time of removal depend on it. It is rounded up, so that a
// series of such tokens is stored now and then. It reports whether it stored anything.
func (r *Ring) record(ctx context.Context, h held, expires time.Time) (bool, error) {
	if !expires.After(r.now().Add(r.schedule.MaxLifetime)) || ceilSeconds(expires) <= h.mark.stored.Load() {
		return false, nil
	}
	until := expires.Add(recordAhead)
	if err := r.store.RecordMaxExpiry(ctx, h.key.ID, until); err != nil {
		return false, fmt.Errorf("store how long a long-lived token lives: %w: %w", errdefs.ErrUnavailable, err)
	}
	raise(&h.mark.seen, ceilSeconds(until))
	raise(&h.mark.stored, ceilSeconds(until))
	return true, nil
}

// recordAhead is how much longer than it lives a long-lived token is said to live.
const recordAhead = 10 * time.Minute
