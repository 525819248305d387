package keyring_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// memory is a Store that keeps the contract in memory. fail, when set, may refuse an operation
// by name.
type memory struct {
	mu      sync.Mutex
	keys    []keyring.SealedKey
	secrets []keyring.SealedSecret
	loads   int
	marks   int // calls of RecordMaxExpiry
	fail    func(operation string) error
	now     func() time.Time // the store's clock
	steps   []keys.Step
	chosen  []keys.Algorithm
}

func (m *memory) begin(operation string) (func(), error) {
	m.mu.Lock()
	if m.fail != nil {
		if err := m.fail(operation); err != nil {
			m.mu.Unlock()
			return nil, err
		}
	}
	return m.mu.Unlock, nil
}

func (m *memory) Load(context.Context) (keyring.Stored, error) {
	done, err := m.begin("Load")
	if err != nil {
		return keyring.Stored{}, err
	}
	defer done()
	m.loads++
	return m.stored(), nil
}

func (m *memory) stored() keyring.Stored {
	return keyring.Stored{Now: m.now(), Keys: slices.Clone(m.keys), Secrets: slices.Clone(m.secrets)}
}

func (m *memory) Change(_ context.Context, _ bool, turn keyring.Turn) (bool, error) {
	done, err := m.begin("Change")
	if err != nil {
		return false, err
	}
	defer done()
	e, err := turn(m.stored())
	if err != nil {
		return false, err
	}
	m.steps = append(m.steps, e.Step)
	m.keys = append(m.keys, e.Added...)
	m.secrets = append(m.secrets, e.Secrets...)
	for _, row := range slices.Concat(e.Changed, e.Erased) {
		i := slices.IndexFunc(m.keys, func(k keyring.SealedKey) bool { return k.KID == row.KID })
		row.MaxExpiry = m.keys[i].MaxExpiry
		m.keys[i] = row
	}
	return false, nil
}

func (m *memory) ChosenAlgorithms(context.Context) ([]keys.Algorithm, error) {
	done, err := m.begin("ChosenAlgorithms")
	if err != nil {
		return nil, err
	}
	defer done()
	return slices.Clone(m.chosen), nil
}

func (m *memory) RecordMaxExpiry(_ context.Context, kid string, exp time.Time) error {
	done, err := m.begin("RecordMaxExpiry")
	if err != nil {
		return err
	}
	defer done()
	m.marks++
	for i := range m.keys {
		if k := &m.keys[i]; k.KID == kid && exp.After(k.MaxExpiry) {
			k.MaxExpiry = exp
		}
	}
	return nil
}

// change edits the stored rows as the rotator would.
func (m *memory) change(do func(m *memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m)
}

// count returns how many keys are stored and how often they were loaded.
func (m *memory) count() (stored, loads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.keys), m.loads
}

// row returns the stored key of alg in that state at now.
func (m *memory) row(t testing.TB, alg keys.Algorithm, active bool) *keyring.SealedKey {
	t.Helper()
	for i := range m.keys {
		if k := &m.keys[i]; k.Algorithm == string(alg) && !k.ActivatedAt.After(m.now()) == active {
			return k
		}
	}
	t.Fatalf("no %s key with active=%v", alg, active)
	return nil
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func newMaster(t testing.TB) envelope.Master {
	t.Helper()
	var b [envelope.KeySize]byte
	_, _ = rand.Read(b[:])
	m, err := envelope.NewMaster(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world is a store, a clock and a master key, from which replicas are opened.
type world struct {
	*memory
	*clock
	envelope *envelope.Envelope
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c := newClock()
	return &world{memory: &memory{now: c.Now}, clock: c, envelope: envelope.New(newMaster(t))}
}

// quick are the algorithms whose keys cost nothing to make.
var quick = []keys.Algorithm{keys.ES256, keys.EdDSA}

func (w *world) config(algs ...keys.Algorithm) keyring.Config {
	return keyring.Config{Store: w.memory, Envelope: w.envelope, Now: w.Now, Log: slog.New(slog.DiscardHandler), Algorithms: algs}
}

func (w *world) open(t testing.TB, algs ...keys.Algorithm) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(context.Background(), w.config(algs...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const typ = "at+jwt"

func sign(t testing.TB, r *keyring.Ring, alg keys.Algorithm, expires time.Time) string {
	t.Helper()
	token, err := r.Sign(context.Background(), alg, typ, []byte("payload"), expires)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
