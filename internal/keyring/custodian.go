package keyring

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// Custodian keeps private keys elsewhere, such as in an HSM, so that they never are in this
// process nor in the database. It is safe for concurrent use.
type Custodian interface {
	// Name is stored beside each of its keys: "pkcs11".
	Name() string
	// Generate makes a key pair for alg and returns what it is found by again. The reference is no
	// secret, but it is stored so that nobody can change it who has no master key.
	Generate(ctx context.Context, alg keys.Algorithm) (private crypto.Signer, reference []byte, err error)
	// Open returns the key of a reference.
	Open(ctx context.Context, reference []byte) (crypto.Signer, error)
	// Destroy destroys it; that there is none is no error.
	Destroy(ctx context.Context, reference []byte) error
}

// custodianTimeout bounds what is asked of a custodian outside of a request.
const custodianTimeout = 10 * time.Second

// remote is a key at a custodian. Its public half is known without asking, so tokens are verified and
// the key is published also while the custodian does not answer.
type remote struct {
	custodian Custodian
	name      string // of the custodian that has the key, if there is none configured
	reference []byte
	public    crypto.PublicKey

	mu     sync.Mutex
	signer crypto.Signer
	failed time.Time // when it could not be opened, by the monotonic clock
	err    error
}

// retryOpen is how long a key that could not be opened is not tried again, so that those who wait
// for it do not do so one after the other.
const retryOpen = time.Second

// Public implements crypto.Signer.
func (r *remote) Public() crypto.PublicKey { return r.public }

// Sign implements crypto.Signer.
func (r *remote) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signer, err := r.open()
	if err != nil {
		return nil, err
	}
	return signer.Sign(random, digest, opts)
}

// open asks the custodian for the key, once. The error is errdefs.ErrUnavailable.
func (r *remote) open() (crypto.Signer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signer != nil {
		return r.signer, nil
	}
	if r.err != nil && time.Since(r.failed) < retryOpen { //nolint:forbidigo // by the monotonic clock
		return nil, r.err
	}
	if r.signer, r.err = r.ask(); r.err != nil {
		r.err, r.failed = fmt.Errorf("%w: %w", errdefs.ErrUnavailable, r.err), time.Now() //nolint:forbidigo // how long ago, not when
	}
	return r.signer, r.err
}

func (r *remote) ask() (crypto.Signer, error) {
	if r.custodian == nil || r.custodian.Name() != r.name {
		return nil, fmt.Errorf("the private half of this key is kept by %q, which is not configured", r.name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), custodianTimeout)
	defer cancel()
	signer, err := within(ctx, func(ctx context.Context) (crypto.Signer, error) { return r.custodian.Open(ctx, r.reference) }, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(r.public) {
		return nil, fmt.Errorf("%s: it has another key under that reference: %w", r.name, keys.ErrKey)
	}
	return signer, nil
}

// within asks a custodian and waits no longer than ctx lives: what goes on in the module of an HSM
// cannot be interrupted, and whoever waits for it here keeps the keys from being loaded. What comes too
// late is handed to late, which may be nil. The error of an answer that does not come is
// errdefs.ErrUnavailable.
func within[T any](ctx context.Context, ask func(context.Context) (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer) // taken, or late
	go func() {
		value, err := ask(ctx)
		select {
		case answers <- answer{value, err}:
		case <-ctx.Done():
			if err == nil && late != nil {
				late(value)
			}
		}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%w: it does not answer: %w", errdefs.ErrUnavailable, context.Cause(ctx))
	}
}
