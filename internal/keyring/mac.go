package keyring

import (
	"bytes"
	"cmp"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/envelope"
)

const (
	rootSize = 32
	// rootAdoption is how long every replica gets to load a new version before one makes MACs
	// with it: twice the longest time between two loads.
	rootAdoption = 2 * longestPoll
)

// root is one version of the root secret with the keys derived from it so far.
type root struct {
	row   SealedSecret
	value *[rootSize]byte
	// derived maps a purpose to its key, *[32]byte. Purposes are constants of the program.
	derived *sync.Map
	// lost says what became of the row, of a version that only this memory has.
	lost error
}

func (r root) subkey(purpose string) *[sha256.Size]byte {
	if k, ok := r.derived.Load(purpose); ok {
		return k.(*[sha256.Size]byte)
	}
	// Key fails only for outputs longer than 255 blocks.
	b, _ := hkdf.Key(sha256.New, r.value[:], nil, "signet/keyring/v1/"+purpose, sha256.Size)
	k := (*[sha256.Size]byte)(b)
	r.derived.Store(purpose, k)
	return k
}

// openRoots opens the versions of the root secret, taking those already open from before.
// Secrets of other purposes are somebody else's.
//
// A replica that has a version in memory goes on with it, whatever became of its row.
func openRoots(e *envelope.Envelope, before *snapshot, rows []SealedSecret) ([]root, error) {
	var roots []root
	for _, row := range rows {
		if row.Purpose != rootPurpose {
			continue
		}
		if r, ok := reuse(before, row); ok {
			roots = append(roots, r)
			continue
		}
		r, err := openRoot(e, row)
		if err != nil {
			held, ok := before.root(row.Version)
			if !ok {
				return nil, err
			}
			r, r.lost = held, err
		}
		roots = append(roots, r)
	}
	if len(roots) == 0 && before != nil {
		for _, r := range before.roots {
			r.lost = errors.New("the row is gone from system_secret")
			roots = append(roots, r)
		}
	}
	return roots, nil
}

func openRoot(e *envelope.Envelope, row SealedSecret) (root, error) {
	var value []byte
	err := envelope.ErrDamaged // no sealed value at all
	if row.Sealed.MasterID != "" {
		value, err = e.Open(row.Sealed, row.Identity())
	}
	if err == nil && len(value) != rootSize {
		clear(value)
		err = fmt.Errorf("%d bytes instead of %d: %w", len(value), rootSize, envelope.ErrDamaged)
	}
	if errors.Is(err, envelope.ErrDamaged) {
		err = fmt.Errorf("%w; restore this row of the table system_secret from a backup (docs/operations.md, \"Replacing the master key\", says what to do without one)", err)
	}
	if err != nil {
		return root{}, fmt.Errorf("secret %s version %d: %w", row.Purpose, row.Version, err)
	}
	return root{row: row, value: (*[rootSize]byte)(value), derived: new(sync.Map)}, nil
}

// root returns the version that a snapshot, which may be nil, holds.
func (s *snapshot) root(version int) (root, bool) {
	if s != nil {
		for _, r := range s.roots {
			if r.row.Version == version {
				return r, true
			}
		}
	}
	return root{}, false
}

// damage is what became of the row, when only this memory has the version.
func (r root) damage() (Damage, bool) {
	return Damage{KID: rootDamage + strconv.Itoa(r.row.Version), Err: r.lost, Held: true}, r.lost != nil
}

// rootDamage begins the name of a version of the root secret among the damaged keys. No kid has a
// slash.
const rootDamage = "system_secret root/"

func reuse(before *snapshot, row SealedSecret) (root, bool) {
	if before == nil {
		return root{}, false
	}
	for _, r := range before.roots {
		if r.row.Version == row.Version && bytes.Equal(r.row.Sealed.Ciphertext, row.Sealed.Ciphertext) &&
			bytes.Equal(r.row.Sealed.WrappedKey, row.Sealed.WrappedKey) && r.row.Sealed.MasterID == row.Sealed.MasterID {
			r.row, r.lost = row, nil
			return r, true
		}
	}
	return root{}, false
}

// orderRoots puts the version that makes MACs at now first: the newest that every replica has
// had time to load, or else the oldest; then the others, newest first. It reports to next when
// that will change.
func orderRoots(all []root, now time.Time, next func(time.Time)) []root {
	ordered := slices.Clone(all)
	slices.SortFunc(ordered, func(a, b root) int { return cmp.Compare(b.row.Version, a.row.Version) })
	current := len(ordered) - 1
	for i := len(ordered) - 1; i >= 0; i-- {
		adopted := ordered[i].row.CreatedAt.Add(rootAdoption)
		next(adopted)
		if !now.Before(adopted) {
			current = i
		}
	}
	if current > 0 {
		first := ordered[current]
		ordered = slices.Insert(slices.Delete(ordered, current, current+1), 0, first)
	}
	return ordered
}

// MAC makes and checks message authentication codes of one purpose (HMAC-SHA256 under a key
// derived with HKDF from the root secret). Codes of different purposes never match.
type MAC struct {
	ring    *Ring
	purpose string
}

// MAC returns the codes of purpose, a constant such as "refresh-token".
func (r *Ring) MAC(purpose string) MAC { return MAC{r, purpose} }

// Sum returns the code of data under the current version of the secret.
func (m MAC) Sum(data []byte) [sha256.Size]byte {
	return sum(m.roots()[0].subkey(m.purpose), data)
}

// Check reports, in constant time for each version of the secret, whether mac is the code of
// data under any of them.
func (m MAC) Check(data, mac []byte) bool {
	ok := false
	for _, r := range m.roots() {
		want := sum(r.subkey(m.purpose), data)
		ok = hmac.Equal(want[:], mac) || ok
	}
	return ok
}

func (m MAC) roots() []root {
	return m.ring.current().roots
}

func sum(key *[sha256.Size]byte, data []byte) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, key[:])
	h.Write(data)
	h.Sum(out[:0])
	return out
}
