package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

const (
	// maxSteps bounds how much one turn of the rotator does.
	maxSteps = 100
	// patience is for how long after its time an activation is held off by the gate.
	patience = 7 * 24 * time.Hour
	// holdOff is how much later it is tried again.
	holdOff = time.Hour
)

// rotator is what one replica remembers between its turns. Run alone uses it.
type rotator struct {
	// aligned are the rings whose plan was compared with the schedule since the start.
	aligned map[keys.Algorithm]bool
	// unused says since when algorithms have keys that nobody uses.
	unused map[keys.Algorithm]time.Time
}

// plan decides what to do with the keys of one algorithm.
type plan func(stored Stored) (keys.Algorithm, keys.Change, error)

// rings are all stored keys by algorithm, without their public halves.
type rings map[keys.Algorithm][]keys.Key

func (s Stored) rings() rings {
	out := rings{}
	for _, row := range s.Keys {
		k := row.key(nil)
		out[k.Algorithm] = append(out[k.Algorithm], k)
	}
	return out
}

// signs reports whether any key of any algorithm may sign at now.
func (r rings) signs(now time.Time) bool {
	for _, ring := range r {
		if slices.ContainsFunc(ring, func(k keys.Key) bool { return k.CanSign(now) }) {
			return true
		}
	}
	return false
}

// lives reports whether alg has keys that are not removed.
func (r rings) lives(alg keys.Algorithm, now time.Time) bool {
	return slices.ContainsFunc(r[alg], func(k keys.Key) bool { return k.State(now) != keys.Removed })
}

// advance takes the steps that are due, each in a transaction of its own. When another replica is
// at it there is nothing to do.
func (r *Ring) advance(ctx context.Context) error {
	chosen, err := r.store.ChosenAlgorithms(ctx)
	if err != nil {
		return fmt.Errorf("which algorithms are in use: %w", err)
	}
	if err := r.hesitate(ctx); err != nil {
		return err
	}
	var faults error
	stuck := map[keys.Algorithm]bool{}
	for range maxSteps {
		if _, c := r.due(r.now(), Stored{Keys: r.held.Load().rows}, chosen, stuck); c.Step == "" {
			return faults // which costs nothing to find out
		}
		var did keys.Step
		var of keys.Algorithm
		err := r.change(ctx, func(stored Stored) (keys.Algorithm, keys.Change, error) {
			alg, c := r.due(stored.Now, stored, chosen, stuck)
			did, of = c.Step, alg
			return alg, c, nil
		}, func(ctx context.Context, turn Turn) error {
			busy, err := r.store.Change(ctx, false, turn)
			if busy {
				did = ""
			}
			return err
		})
		switch {
		case err != nil && of != "" && ctx.Err() == nil:
			// An HSM that makes no keys of one kind keeps nobody from rotating the others.
			stuck[of], faults = true, errors.Join(faults, err)
		case err != nil || did == "":
			return errors.Join(faults, err)
		}
	}
	return faults
}

// due returns the first step that is due at now, without a step if none is. It leaves out the
// algorithms that are stuck.
func (r *Ring) due(now time.Time, stored Stored, chosen []keys.Algorithm, stuck map[keys.Algorithm]bool) (keys.Algorithm, keys.Change) {
	rings := stored.rings()
	for _, row := range stored.Keys {
		if !r.erases(row) {
			ring := rings[keys.Algorithm(row.Algorithm)]
			i := slices.IndexFunc(ring, func(k keys.Key) bool { return k.ID == row.KID })
			ring[i].ErasedAt = now // not by this replica, that is
		}
	}
	for alg := range stuck {
		delete(rings, alg)
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(r.algorithms), chosen...))))
	for _, alg := range wanted {
		delete(r.rotator.unused, alg)
		if !stuck[alg] && !rings.lives(alg, now) {
			return alg, r.schedule.Begin(now, r.activation(now, alg, rings))
		}
	}
	for _, alg := range slices.Sorted(maps.Keys(rings)) {
		ring := rings[alg]
		if c, ok := r.revokeAgain(ring, now); ok {
			return alg, c
		}
		if c, ok := r.replaceDamaged(ring, now); ok {
			return alg, c
		}
		if !slices.Contains(wanted, alg) {
			if c, ok := r.wind(alg, ring, now); ok {
				return alg, c
			}
		}
		if !r.rotator.aligned[alg] {
			if c, ok := r.schedule.Align(ring, now); ok {
				return alg, c
			}
			if r.rotator.aligned == nil {
				r.rotator.aligned = map[keys.Algorithm]bool{}
			}
			r.rotator.aligned[alg] = true
		}
		if c, ok := r.schedule.Step(ring, now); ok {
			return alg, c
		}
	}
	return "", keys.Change{}
}

// erases reports whether this replica can erase the key of a row: it knows the master key, without which
// the public half would be lost with the private one, and the custodian that has to destroy that.
func (r *Ring) erases(row SealedKey) bool {
	if row.Sealed.MasterID != "" && !r.envelope.Knows(row.Sealed.MasterID) {
		return false
	}
	return row.Custodian == "" || r.custodian != nil && r.custodian.Name() == row.Custodian
}

// activation returns when the first key of an algorithm signs: at once while nobody relies on the
// document, when there is nothing else to sign with, or when the keys before it were lost. Otherwise
// verifiers hold a document without it, and it waits like any other.
func (r *Ring) activation(now time.Time, alg keys.Algorithm, rings rings) time.Time {
	lost := slices.ContainsFunc(r.held.Load().keys, func(h held) bool { return h.key.Algorithm == alg })
	if lost || r.young() || !rings.signs(now) {
		return now
	}
	return now.Add(r.schedule.Lead)
}

// revokeAgain revokes a key that this replica knows to be stolen and the store does not, since it was
// restored from a backup, or lost its last transactions in a failover.
func (r *Ring) revokeAgain(ring []keys.Key, now time.Time) (keys.Change, bool) {
	stolen := r.held.Load().stolen
	for _, k := range ring {
		if _, ok := stolen[k.ID]; ok && k.CompromisedAt.IsZero() {
			c, err := r.schedule.Revoke(ring, k.ID, now)
			return c, err == nil && c.Step != ""
		}
	}
	return keys.Change{}, false
}

// replaceDamaged retires a key that can no longer be opened by anyone, so that the next one takes
// over. Replicas that hold it in memory go on publishing it.
func (r *Ring) replaceDamaged(ring []keys.Key, now time.Time) (keys.Change, bool) {
	for _, d := range r.held.Load().damaged {
		i := slices.IndexFunc(ring, func(k keys.Key) bool { return k.ID == d.KID })
		if i < 0 || !damaged(d.Err) {
			continue
		}
		k := ring[i]
		switch k.State(now) {
		case keys.Active:
			k.RetiredAt = now
			return keys.Change{Step: keys.StepPlan, Keys: []keys.Key{k}}, true
		case keys.Next, keys.Pending:
			k.RemovedAt = now
			return keys.Change{Step: keys.StepPlan, Keys: []keys.Key{k}}, true
		case keys.Retiring, keys.Removed:
		}
	}
	return keys.Change{}, false
}

// wind ends an algorithm that is neither configured nor chosen, once this replica has seen it so for
// the lead: during an upgrade others may be about to use it.
func (r *Ring) wind(alg keys.Algorithm, ring []keys.Key, now time.Time) (keys.Change, bool) {
	if r.rotator.unused == nil {
		r.rotator.unused = map[keys.Algorithm]time.Time{}
	}
	since, ok := r.rotator.unused[alg]
	if !ok {
		r.rotator.unused[alg], since = now, now
	}
	if now.Sub(since) < r.schedule.Lead {
		return keys.Change{}, false
	}
	return r.schedule.Close(ring, now)
}

// hesitate puts off activations that are imminent while the gate says that the key is not held.
func (r *Ring) hesitate(ctx context.Context) error {
	if r.gate == nil {
		return nil
	}
	now := r.now()
	for _, h := range r.held.Load().keys {
		if in := h.key.ActivatedAt.Sub(now); in <= 0 || in > max(r.schedule.Propagation, 2*r.poll) {
			continue
		}
		if ready, err := r.gate.Ready(ctx, h.key.ID); err != nil || ready {
			continue
		}
		err := r.change(ctx, func(stored Stored) (keys.Algorithm, keys.Change, error) {
			ring := stored.rings()[h.key.Algorithm]
			c, ok := r.schedule.Postpone(ring, stored.Now, r.until(ring, h.key, stored.Now))
			if !ok {
				return "", keys.Change{}, nil
			}
			return h.key.Algorithm, c, nil
		}, func(ctx context.Context, turn Turn) error {
			_, err := r.store.Change(ctx, false, turn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// until returns when an activation that is held off is tried again, at most patience after the period
// of the key before it.
func (r *Ring) until(ring []keys.Key, next keys.Key, now time.Time) time.Time {
	for _, k := range ring {
		if k.CanSign(now) && k.RetiredAt.Equal(next.ActivatedAt) {
			return sooner(next.ActivatedAt.Add(holdOff), k.ActivatedAt.Add(r.schedule.Period+patience))
		}
	}
	return next.ActivatedAt
}

// begin creates the root secret and the keys of algs where there are none.
func (r *Ring) begin(ctx context.Context, algs []keys.Algorithm) error {
	for _, alg := range algs {
		if r.has(alg) && len(r.held.Load().roots) > 0 {
			continue
		}
		err := r.change(ctx, func(stored Stored) (keys.Algorithm, keys.Change, error) {
			now, rings := stored.Now, stored.rings()
			if rings.lives(alg, now) {
				return alg, keys.Change{}, nil
			}
			return alg, r.schedule.Begin(now, r.activation(now, alg, rings)), nil
		}, func(ctx context.Context, turn Turn) error {
			_, err := r.store.Change(ctx, true, turn)
			return err
		})
		if err != nil {
			return fmt.Errorf("create %s keys: %w", alg, err)
		}
	}
	return nil
}

// Rotate lets the next key of alg sign as soon as no verifier can notice, and returns when that is.
// apply makes the turn's change; it is called again with another turn when keys have to be made
// first. The error is keys.ErrNoNextKey or that of apply.
func (r *Ring) Rotate(ctx context.Context, alg keys.Algorithm, apply func(context.Context, Turn) error) (at time.Time, err error) {
	err = r.change(ctx, func(stored Stored) (keys.Algorithm, keys.Change, error) {
		var c keys.Change
		c, at, err = r.schedule.Rotate(stored.rings()[alg], stored.Now)
		return alg, c, err
	}, apply)
	return at, err
}

// Revoke ends everything that a stolen key signed or will sign: it is no longer published, and the
// next key signs at once. Replicas follow as soon as they hear of it. The error is
// keys.ErrUnknownKey or that of apply, which is used as by Rotate.
func (r *Ring) Revoke(ctx context.Context, kid string, apply func(context.Context, Turn) error) error {
	return r.change(ctx, func(stored Stored) (keys.Algorithm, keys.Change, error) {
		for alg, ring := range stored.rings() {
			if slices.ContainsFunc(ring, func(k keys.Key) bool { return k.ID == kid }) {
				c, err := r.schedule.Revoke(ring, kid, stored.Now)
				return alg, c, err
			}
		}
		return "", keys.Change{}, fmt.Errorf("%w: %.64q", keys.ErrUnknownKey, kid)
	}, apply)
}

// change has apply make the change that plan wants, with the keys that it needs made beforehand, and
// those that it erases destroyed: no lock is held while a custodian is asked. Then it loads what there
// is.
func (r *Ring) change(ctx context.Context, plan plan, apply func(context.Context, Turn) error) error {
	if err := r.write.lock(ctx); err != nil {
		return err
	}
	defer r.write.unlock()
	made := &supply{keys: map[keys.Algorithm][]SealedKey{}, gone: map[string]bool{}, from: r}
	defer made.discard(ctx)
	for range 3 { // what is needed may change in between, hardly ever twice
		var edit Edit
		err := apply(ctx, func(stored Stored) (Edit, error) {
			alg, c, err := plan(stored)
			if err == nil {
				edit, err = r.edit(alg, c, stored, made)
			}
			return edit, err
		})
		var short *shortage
		if errors.As(err, &short) {
			if err := made.make(ctx, short.alg, short.n); err != nil {
				return err
			}
			continue
		}
		var leaving *departure
		if errors.As(err, &leaving) {
			// Before the reference to it is given up: what fails or dies in between is done again.
			if err := r.destroy(ctx, leaving.where); err != nil {
				return err
			}
			made.gone[leaving.kid] = true
			continue
		}
		if err != nil {
			return err
		}
		made.used(edit.Added)
		if edit.Step != "" {
			r.made(edit.Step, edit.Algorithm)
		}
		return r.load(ctx) // also when another replica was first
	}
	return errors.New("keys that are needed change faster than they can be made")
}

// edit turns a change into rows.
func (r *Ring) edit(alg keys.Algorithm, c keys.Change, stored Stored, made *supply) (e Edit, err error) {
	if !slices.ContainsFunc(stored.Secrets, func(s SealedSecret) bool { return s.Purpose == rootPurpose }) {
		if used := slices.ContainsFunc(stored.Keys, func(k SealedKey) bool { return !k.MaxExpiry.IsZero() }); used {
			return Edit{}, errNoRoot
		}
		root, err := SealRoot(r.envelope, 1, stored.Now)
		if err != nil {
			return Edit{}, fmt.Errorf("create root secret: %w", err)
		}
		e.Secrets = append(e.Secrets, root)
	}
	e.Step, e.Algorithm = c.Step, alg
	fresh := made.keys[alg]
	if len(fresh) < len(c.New) {
		return Edit{}, &shortage{alg, len(c.New)}
	}
	for i, life := range c.New {
		e.Added = append(e.Added, fresh[i].with(life))
	}
	for _, k := range c.Keys {
		i := slices.IndexFunc(stored.Keys, func(row SealedKey) bool { return row.KID == k.ID })
		if c.Step != keys.StepErase {
			e.Changed = append(e.Changed, stored.Keys[i].with(k))
			if k.CompromisedAt.IsZero() || k.ErasedAt.IsZero() {
				continue
			}
			k.ErasedAt = stored.Now // once more: its public half was kept, and is to verify nothing now
		}
		row := stored.Keys[i]
		row.CompromisedAt = k.CompromisedAt
		row, where, err := erase(r.envelope, row, k.ErasedAt)
		if err != nil {
			return Edit{}, err
		}
		if where != nil && !made.gone[k.ID] {
			return Edit{}, &departure{k.ID, where}
		}
		e.Erased = append(e.Erased, row.with(k))
	}
	return e, nil
}

// errNoRoot says that codes and refresh tokens of this installation cannot be checked any more.
var errNoRoot = errors.New("the root secret is gone from system_secret although keys have signed: restore its row from a backup; " +
	"without one, delete the rows of signing_key as well and start again, which signs everybody out")

// destroy has the custodian destroy a key.
func (r *Ring) destroy(ctx context.Context, where *remote) error {
	if r.custodian == nil || r.custodian.Name() != where.name {
		return fmt.Errorf("a key is kept by %q, which is not configured", where.name)
	}
	bounded, cancel := context.WithTimeout(ctx, custodianTimeout)
	defer cancel()
	_, err := within(bounded, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.custodian.Destroy(ctx, where.reference)
	}, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", where.name, err)
	}
	return nil
}

// departure names a key that its custodian has to destroy before it is erased.
type departure struct {
	kid   string
	where *remote
}

func (d *departure) Error() string {
	return fmt.Sprintf("key %s has to be destroyed by %s first", d.kid, d.where.name)
}

// shortage says how many keys of an algorithm are needed.
type shortage struct {
	alg keys.Algorithm
	n   int
}

func (s *shortage) Error() string { return fmt.Sprintf("%d new %s keys are needed", s.n, s.alg) }

// supply is keys that were made and are not in the store yet, and those that were destroyed and are
// there still.
type supply struct {
	from  *Ring
	keys  map[keys.Algorithm][]SealedKey
	where []*remote
	gone  map[string]bool
}

func (s *supply) make(ctx context.Context, alg keys.Algorithm, n int) error {
	for len(s.keys[alg]) < n {
		row, where, err := s.from.generate(ctx, alg)
		if err != nil {
			return fmt.Errorf("make a %s key: %w", alg, err)
		}
		s.keys[alg] = append(s.keys[alg], row)
		if where != nil {
			s.where = append(s.where, where)
		}
	}
	return nil
}

// used says which of the keys are in the store now.
func (s *supply) used(rows []SealedKey) {
	s.where = slices.DeleteFunc(s.where, func(w *remote) bool {
		return slices.ContainsFunc(rows, func(row SealedKey) bool {
			kid, err := keys.Thumbprint(w.public)
			return err == nil && kid == row.KID
		})
	})
}

// discard destroys at the custodian what was made for nothing. The store says what that is: after a
// failure the transaction may have been committed all the same, and nobody could sign with what is
// destroyed then. Such a transaction holds the lock as long as it goes on.
func (s *supply) discard(ctx context.Context) {
	if len(s.where) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_, err := s.from.store.Change(bounded, true, func(stored Stored) (Edit, error) {
		s.used(stored.Keys)
		return Edit{}, nil
	})
	for _, where := range s.where {
		kid, _ := keys.Thumbprint(where.public)
		fault := err
		if fault == nil {
			fault = s.from.destroy(bounded, where)
		}
		if fault != nil {
			s.from.log.WarnContext(ctx, "a key that was made may be left behind where it is kept; if it is not among the signing keys, destroy it there",
				"kid", kid, "custodian", where.name, "error", fault)
		}
	}
}

// generate makes a key and seals it, or what it is found by at the custodian.
func (r *Ring) generate(ctx context.Context, alg keys.Algorithm) (SealedKey, *remote, error) {
	if r.custodian == nil {
		k, private, err := keys.Generate(alg, nil)
		if err != nil {
			return SealedKey{}, nil, err
		}
		row, err := SealKey(r.envelope, k, private)
		return row, nil, err
	}
	name := r.custodian.Name()
	kept, err := within(ctx, func(ctx context.Context) (*remote, error) {
		private, where, err := r.custodian.Generate(ctx, alg)
		if err != nil {
			return nil, err
		}
		return &remote{name: name, reference: where, public: private.Public()}, nil
	}, func(late *remote) {
		if err := r.destroy(context.WithoutCancel(ctx), late); err != nil {
			r.log.WarnContext(ctx, "a key that was made too late is left behind where it is kept", "custodian", name, "error", err)
		}
	})
	if err != nil {
		return SealedKey{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	row, err := r.sealKept(alg, kept.public, kept.reference)
	if err != nil {
		return SealedKey{}, nil, errors.Join(err, r.destroy(context.WithoutCancel(ctx), kept))
	}
	return row, kept, nil
}

func (r *Ring) sealKept(alg keys.Algorithm, public crypto.PublicKey, where []byte) (SealedKey, error) {
	k, err := keys.NewKey(alg, public)
	if err != nil {
		return SealedKey{}, err
	}
	return sealReference(r.envelope, k, r.custodian.Name(), where)
}
