package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

const (
	saltLen = 16 // bytes; RFC 9106 §3.1
	keyLen  = 32 // bytes

	// maxInput is the longest password, in bytes as sent, that is hashed at all. It holds the
	// 256 code points that Rules allow, whatever the script.
	maxInput = 1024
)

// ErrStoredHash says that a stored hash cannot be verified: its format is unknown or its cost
// above the caps of [CheckImport]. It is the operator's to repair: log it and answer the person
// as for a wrong password. It is of no errdefs kind.
var ErrStoredHash = errors.New("stored password hash cannot be verified")

// Result is the outcome of a verification.
type Result struct {
	// Match says that the password is the right one.
	Match bool
	// Rehash says that the hash was not made by argon2id with the current parameters: store
	// what Hash makes of this password instead. Only ever set together with Match.
	Rehash bool
}

// Hasher hashes and verifies passwords. Build it with [New]; it is safe for concurrent use,
// and one serves the whole process, since the bound on memory is per Hasher.
type Hasher struct {
	cfg   Config
	gate  *gate
	dummy *argon2Hash
}

// New checks cfg and builds a Hasher. The error lists every fault of cfg.
func New(cfg Config) (*Hasher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("password hashing: %w: %w", errdefs.ErrInvalid, err)
	}
	h := &Hasher{cfg: cfg, gate: newGate(cfg.Concurrency, cfg.MaxQueue)}
	h.dummy = h.fresh()
	h.dummy.key = make([]byte, keyLen)
	_, _ = rand.Read(h.dummy.key) // documented never to fail
	return h, nil
}

// Waiting returns how many callers stand in the queue now, for a gauge.
func (h *Hasher) Waiting() int { return int(h.gate.waiting.Load()) }

// Hash returns the argon2id hash of password in PHC string form, with the current parameters
// and a new salt. The password is normalised to NFC first (SP 800-63B-4 §3.1.1.2). Hash judges
// nothing but the size: call Rules.Check before. Errors: errdefs.ErrInvalid for an empty
// password or one above 1024 bytes; errdefs.ErrUnavailable when the queue is full or ctx ends
// the wait.
func (h *Hasher) Hash(ctx context.Context, password secret.Text) (string, error) {
	if password.Empty() || len(password.Reveal()) > maxInput {
		return "", fmt.Errorf("password: between 1 and %d bytes: %w", maxInput, errdefs.ErrInvalid)
	}
	made := h.fresh()
	err := h.compute(ctx, made, func() {
		made.key = made.derive(normalise(password), keyLen)
	})
	if err != nil {
		return "", err
	}
	return made.String(), nil
}

// Verify reports whether password is the one behind encoded, in time that does not depend on
// where they differ. A password that is empty or above 1024 bytes is a mismatch.
//
// Hashes are checked against the password's NFC form. One that is not current is also checked
// against the bytes as sent, when those differ, since the system it came from may not have
// normalised.
//
// Errors: [ErrStoredHash], after the time a verification takes; errdefs.ErrUnavailable when the
// queue is full or ctx ends the wait (the password was then not tested: refund the attempt).
func (h *Hasher) Verify(ctx context.Context, encoded string, password secret.Text) (Result, error) {
	stored, err := decode(encoded)
	if err != nil {
		if err := h.VerifyNone(ctx, password); err != nil {
			return Result{}, err
		}
		return Result{}, fmt.Errorf("%w: %w", ErrStoredHash, err)
	}
	return h.verify(ctx, stored, password)
}

// VerifyNone spends what Verify spends on a current hash, for an account that does not exist
// or has no password, so that neither time nor load tells (SP 800-63B-4 §3.1.1.2, §3.2.2).
// Accounts whose imported hash has not been upgraded yet take the time of their own algorithm.
func (h *Hasher) VerifyNone(ctx context.Context, password secret.Text) error {
	_, err := h.verify(ctx, h.dummy, password)
	return err
}

func (h *Hasher) verify(ctx context.Context, stored storedHash, password secret.Text) (Result, error) {
	tested := password
	if len(password.Reveal()) > maxInput {
		tested = secret.Text{} // spend the time all the same, but on bounded input
	}
	current := h.current(stored)
	var match bool
	err := h.compute(ctx, stored, func() {
		nfc := normalise(tested)
		match = stored.matches(nfc)
		if raw := tested.Reveal(); !match && !current && raw != string(nfc) {
			match = stored.matches([]byte(raw))
		}
	})
	if err != nil {
		return Result{}, err
	}
	match = match && !tested.Empty()
	return Result{Match: match, Rehash: match && !current}, nil
}

// compute runs work inside the gate, weighed by the memory that hash needs.
func (h *Hasher) compute(ctx context.Context, hash storedHash, work func()) error {
	began := h.now()
	unit := int64(h.cfg.Memory)
	leave, full, err := h.gate.enter(ctx, (int64(hash.cost().memory)+unit-1)/unit)
	if full && h.cfg.Observer.Refused != nil {
		h.cfg.Observer.Refused()
	}
	if err != nil {
		return err
	}
	defer leave()
	entered := h.now()
	if h.cfg.Observer.Waited != nil {
		h.cfg.Observer.Waited(entered.Sub(began))
	}
	work()
	if h.cfg.Observer.Hashed != nil {
		h.cfg.Observer.Hashed(hash.cost().algorithm, h.now().Sub(entered))
	}
	return nil
}

func (h *Hasher) now() time.Time {
	if h.cfg.Now == nil {
		return time.Time{}
	}
	return h.cfg.Now()
}

// fresh returns a hash of the current parameters with a new salt and no key yet.
func (h *Hasher) fresh() *argon2Hash {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // documented never to fail
	return &argon2Hash{variant: argon2id, memory: h.cfg.Memory, time: h.cfg.Time, lanes: h.cfg.Parallelism, salt: salt}
}

func (h *Hasher) current(stored storedHash) bool {
	a, ok := stored.(*argon2Hash)
	return ok && a.variant == argon2id && a.memory == h.cfg.Memory && a.time == h.cfg.Time &&
		a.lanes == h.cfg.Parallelism && len(a.salt) >= saltLen && len(a.key) == keyLen
}

func normalise(password secret.Text) []byte { return norm.NFC.Bytes([]byte(password.Reveal())) }
