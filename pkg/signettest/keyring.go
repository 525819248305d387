package signettest

import (
	"crypto"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// pair is a key with its private half.
type pair struct {
	keys.Key
	private crypto.Signer
}

// ring is the published keys of one algorithm, the oldest first. The last one is next: published,
// so that verifiers hold it before it signs. The one before it signs.
type ring struct{ published []*pair }

func (r *ring) active() *pair { return r.published[len(r.published)-2] }

// ring returns the keys for alg, which are made when there are none. i.mu must be held.
func (i *Issuer) ring(alg keys.Algorithm) (*ring, error) {
	if r, ok := i.rings[alg]; ok {
		return r, nil
	}
	r := &ring{}
	for range 2 {
		if err := i.publish(r, alg); err != nil {
			return nil, err
		}
	}
	i.rings[alg] = r
	return r, nil
}

// publish adds a key to the end of the ring. i.mu must be held.
func (i *Issuer) publish(r *ring, alg keys.Algorithm) error {
	k, private, err := keys.Generate(alg, nil)
	if err != nil {
		return err
	}
	i.made++
	// Long ago, so that no clock that a test sets back hides the key; the distance keeps the order.
	k.CreatedAt = time.Unix(int64(i.made), 0)
	k.PublishedAt = k.CreatedAt
	p := &pair{k, private}
	i.known[k.ID] = p
	r.published = append(r.published, p)
	return nil
}

// Rotate makes the next key of every algorithm the active one, publishes another next, and returns
// the kid that tokens now have. As with Signet the new key was published before and the old one
// stays: verifiers notice nothing. See Remove for what comes last.
func (i *Issuer) Rotate() string {
	i.tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for alg, r := range i.rings {
		i.must(i.publish(r, alg))
	}
	return i.rings[i.order[0]].active().ID
}

// Compromise is what Signet does about a stolen key: the active key of the default algorithm is
// published no more, the next one signs, and another next is published. It returns the kid of the
// stolen key, with which KeyID still signs. Verifiers learn of it when they next fetch the keys.
func (i *Issuer) Compromise() string {
	i.tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	stolen := i.rings[i.order[0]].active().ID
	i.remove(stolen)
	return stolen
}

// Remove stops publishing the key. If it is the active key or the next one, the others move up and
// another next is published. KeyID still signs with it.
func (i *Issuer) Remove(kid string) {
	i.tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.remove(kid) {
		i.tb.Errorf("signettest: Remove: there is no published key %q", kid)
	}
}

// remove reports whether the key was published. i.mu must be held.
func (i *Issuer) remove(kid string) bool {
	for alg, r := range i.rings {
		at := slices.IndexFunc(r.published, func(p *pair) bool { return p.ID == kid })
		if at < 0 {
			continue
		}
		moves := at >= len(r.published)-2
		r.published = slices.Delete(r.published, at, at+1)
		if moves {
			i.must(i.publish(r, alg))
		}
		return true
	}
	return false
}

// Kid returns the kid of tokens with that algorithm, or "" when the algorithm has no keys.
func (i *Issuer) Kid(alg keys.Algorithm) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r, ok := i.rings[alg]; ok {
		return r.active().ID
	}
	return ""
}

// published returns the keys of the JWKS document. i.mu must be held.
func (i *Issuer) published() []keys.Key {
	var out []keys.Key
	for _, r := range i.rings {
		for _, p := range r.published {
			out = append(out, p.Key)
		}
	}
	return out
}

// must is for what only fails when this package is wrong or the system has no randomness.
func (i *Issuer) must(err error) {
	i.tb.Helper()
	if err != nil {
		i.tb.Errorf("signettest: %v", err)
	}
}
