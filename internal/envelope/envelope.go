package envelope

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrUnknownMaster says that a value was sealed under a master key that is not configured.
	ErrUnknownMaster = errors.New("sealed under a master key that is not configured")
	// ErrDamaged says that a sealed value was changed, or belongs to another row.
	ErrDamaged = errors.New("sealed value is damaged or belongs elsewhere")
)

// Envelope seals under the current master key and opens under any it knows. It is safe for
// concurrent use.
type Envelope struct {
	current Master
	masters map[string]Master
}

// New returns the envelope of current, which seals, and older, which only open.
func New(current Master, older ...Master) *Envelope {
	masters := make(map[string]Master, 1+len(older))
	for _, m := range append([]Master{current}, older...) {
		masters[m.id] = m
	}
	return &Envelope{current: current, masters: masters}
}

// MasterID returns the fingerprint of the master key that seals.
func (e *Envelope) MasterID() string { return e.current.id }

// Knows reports whether values that were sealed under a master key can be opened.
func (e *Envelope) Knows(masterID string) bool {
	_, ok := e.masters[masterID]
	return ok
}

// Identity returns the associated data of a row: its kind, and what is unique within the kind.
// No two lists of parts yield the same bytes.
func Identity(kind string, parts ...string) []byte {
	var b []byte
	for _, p := range append([]string{kind}, parts...) {
		b = appendField(b, []byte(p))
	}
	return b
}

// Seal encrypts plaintext under a fresh data key, bound to aad (see Identity).
func (e *Envelope) Seal(plaintext, aad []byte) (Sealed, error) {
	var key [KeySize]byte
	defer clear(key[:])
	_, _ = rand.Read(key[:]) // documented never to fail
	data, err := newAEAD(key[:])
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{
		MasterID:   e.current.id,
		WrappedKey: e.current.aead.Seal(nil, nil, key[:], wrapAAD(e.current.id, aad)),
		Ciphertext: data.Seal(nil, nil, plaintext, dataAAD(aad)),
	}, nil
}

// Open decrypts s, which must have been sealed with the same aad. The error is ErrUnknownMaster,
// naming the key that is wanted, or ErrDamaged. The caller clears the plaintext after use.
func (e *Envelope) Open(s Sealed, aad []byte) ([]byte, error) {
	key, err := e.unwrap(s, aad)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	data, err := newAEAD(key)
	if err != nil {
		return nil, ErrDamaged
	}
	plaintext, err := data.Open(nil, nil, s.Ciphertext, dataAAD(aad))
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

// Rewrap returns s with its data key wrapped by the current master key; the ciphertext stays.
// Once every value is rewrapped an older master key can be forgotten. Errors are those of Open.
func (e *Envelope) Rewrap(s Sealed, aad []byte) (Sealed, error) {
	key, err := e.unwrap(s, aad)
	if err != nil {
		return Sealed{}, err
	}
	defer clear(key)
	return Sealed{
		MasterID:   e.current.id,
		WrappedKey: e.current.aead.Seal(nil, nil, key, wrapAAD(e.current.id, aad)),
		Ciphertext: slices.Clone(s.Ciphertext),
	}, nil
}

func (e *Envelope) unwrap(s Sealed, aad []byte) ([]byte, error) {
	m, ok := e.masters[s.MasterID]
	if !ok {
		return nil, fmt.Errorf("%w: it needs master key %s, configured: %s; configure that key again, as keys.master, or among keys.master_previous if another has replaced it",
			ErrUnknownMaster, s.MasterID, e.configured())
	}
	key, err := m.aead.Open(nil, nil, s.WrappedKey, wrapAAD(s.MasterID, aad))
	if err != nil {
		return nil, ErrDamaged
	}
	return key, nil
}

func (e *Envelope) configured() string {
	ids := []string{e.current.id}
	for id := range e.masters {
		if id != e.current.id {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids[1:])
	return strings.Join(ids, ", ")
}

// The two layers never share associated data, so neither passes for the other.
func wrapAAD(masterID string, aad []byte) []byte {
	return appendField(appendField([]byte("signet/envelope/v1/key"), []byte(masterID)), aad)
}

func dataAAD(aad []byte) []byte {
	return appendField([]byte("signet/envelope/v1/data"), aad)
}
