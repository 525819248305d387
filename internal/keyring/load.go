package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// Reload loads the keys again. On an error the ring keeps what it has.
func (r *Ring) Reload(ctx context.Context) error {
	r.write.Lock()
	defer r.write.Unlock()
	return r.load(ctx)
}

// Poke asks Run to reload soon; it never blocks. It is for the notification that keys changed.
func (r *Ring) Poke() {
	select {
	case r.poke <- struct{}{}:
	default: // one is waiting already, and it will see everything up to now
	}
}

// Run keeps the ring fresh until ctx is done: it creates the keys that Open left out, reloads
// every minute and when poked, and stores the watermarks of what was signed. It returns after
// having stored the last of them, so stop it after the servers that sign.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	r.work(ctx, r.createMissing, "create missing keys")
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
			r.work(ctx, r.createMissing, "create missing keys")
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
	rows, err := r.store.LoadKeys(ctx)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	secrets, err := r.store.LoadSecrets(ctx)
	if err != nil {
		return fmt.Errorf("load secrets: %w", err)
	}
	now := r.now()
	before := r.held.Load()
	s, err := assemble(r.envelope, before, rows, secrets, r.schedule.SignerLag, now)
	if err != nil {
		return err
	}
	if before != nil && len(before.roots) > 0 && len(s.roots) == 0 {
		return fmt.Errorf("load secrets: the root secret is gone")
	}
	if _, err := s.at(now); err != nil {
		return err
	}
	r.held.Store(s)
	return nil
}

// complete creates the root secret and the keys of algs where there are none; the caller holds
// write.
func (r *Ring) complete(ctx context.Context, algs []keys.Algorithm) error {
	now := r.now()
	activate := now
	if !r.young() {
		// Verifiers hold a document without this algorithm: its first key waits like any other.
		activate = now.Add(r.schedule.Lead)
	}
	var created []SealedKey
	for _, alg := range algs {
		if r.has(alg) {
			continue
		}
		pair, err := newPair(r.envelope, alg, now, activate)
		if err != nil {
			return fmt.Errorf("create %s keys: %w", alg, err)
		}
		created = append(created, pair...)
	}
	var secrets []SealedSecret
	if len(r.held.Load().roots) == 0 {
		root, err := SealRoot(r.envelope, 1, now)
		if err != nil {
			return fmt.Errorf("create root secret: %w", err)
		}
		secrets = append(secrets, root)
	}
	if len(created) == 0 && len(secrets) == 0 {
		return nil
	}
	if err := r.store.CreateInitial(ctx, created, secrets); err != nil {
		return fmt.Errorf("store new keys: %w", err)
	}
	return r.load(ctx)
}

func (r *Ring) createMissing(ctx context.Context) error {
	if !slices.ContainsFunc(r.algorithms, func(alg keys.Algorithm) bool { return !r.has(alg) }) {
		return nil
	}
	r.write.Lock()
	defer r.write.Unlock()
	return r.complete(ctx, r.algorithms)
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
