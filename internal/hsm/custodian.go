//go:build pkcs11

package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

var _ keyring.Custodian = (*Custodian)(nil)

// Custodian makes, opens and destroys the keys of one token. It is safe for concurrent use.
//
// Errors are errdefs.ErrUnavailable while the token does not answer, errdefs.ErrNotFound for a key
// that it does not hold, errdefs.ErrInvalid for an algorithm that it does not know and for a
// reference that is none.
type Custodian struct{ token *token }

// Open loads the module, finds the token and logs in. The error says what is wrong with which
// setting and never holds the PIN.
func Open(ctx context.Context, c Config) (*Custodian, error) {
	if c.Module == "" || c.Token == "" || c.PIN.Empty() || c.Now == nil {
		return nil, errors.New("hsm: Module, Token, PIN and Now are required")
	}
	t, err := openToken(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Custodian{t}, nil
}

// Name returns the name under which references are stored.
func (c *Custodian) Name() string { return "pkcs11" }

// Close ends the sessions, and with them the log-in. No call may be under way.
//
// The module stays loaded until the process ends: C_Finalize would end the use of it for the whole
// process, and others may have opened the same module.
func (c *Custodian) Close() { c.token.close() }

// Generate makes a key pair on the token, lets it sign once and returns its signer and the
// reference by which Open finds it again. What was made is destroyed when it does not come up to
// what was asked for, such as a private half that could leave the token.
//
// Whoever cannot store the reference must Destroy it: nothing else knows the key.
func (c *Custodian) Generate(ctx context.Context, alg keys.Algorithm) (crypto.Signer, []byte, error) {
	k, err := kindOf(alg)
	if err != nil {
		return nil, nil, err
	}
	var made *signer
	var ref reference
	err = c.token.write(ctx, func(l *link, session pkcs11.SessionHandle) error {
		if err := c.token.supports(l, k); err != nil {
			return err
		}
		// A fresh id for every try: one that broke off may have left a pair behind.
		id := make([]byte, idSize)
		_, _ = rand.Read(id) // documented never to fail
		if err := c.token.generate(session, k, id); err != nil {
			return err
		}
		var err error
		if made, err = c.token.open(l, session, k, id); err != nil {
			if undone := c.token.destroy(session, id); undone != nil {
				return fmt.Errorf("%w (and what was made could not be destroyed: its CKA_ID is %x: %w)", err, id, undone)
			}
			return err
		}
		// For people who look at the token. One that does not let labels change is as good.
		_ = c.token.rename(session, id, "signet "+made.key.ID)
		ref = reference{Algorithm: alg, ID: id, Token: c.token.label, Serial: l.serial}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make an %s key on the PKCS#11 token %q: %w", alg, c.token.label, err)
	}
	encoded, err := ref.encode()
	return made, encoded, err
}

// Open returns the signer of the key behind a reference, after having let it sign once.
func (c *Custodian) Open(ctx context.Context, encoded []byte) (crypto.Signer, error) {
	ref, err := parseReference(encoded)
	if err != nil {
		return nil, err
	}
	k, err := kindOf(ref.Algorithm)
	if err != nil {
		return nil, err
	}
	var opened *signer
	err = c.token.read(ctx, func(l *link, session pkcs11.SessionHandle) error {
		var err error
		opened, err = c.token.open(l, session, k, ref.ID)
		if errors.Is(err, errdefs.ErrNotFound) {
			err = fmt.Errorf("%w (it was made on the token %q with the serial number %q; this one's is %q)", err, ref.Token, ref.Serial, l.serial)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a key of the PKCS#11 token %q: %w", c.token.label, err)
	}
	return opened, nil
}

// Destroy sees to it that the token no longer holds the key behind a reference; that it never did
// is no error.
func (c *Custodian) Destroy(ctx context.Context, encoded []byte) error {
	ref, err := parseReference(encoded)
	if err != nil {
		return err
	}
	err = c.token.write(ctx, func(_ *link, session pkcs11.SessionHandle) error { return c.token.destroy(session, ref.ID) })
	if err != nil {
		return fmt.Errorf("destroy a key of the PKCS#11 token %q: %w", c.token.label, err)
	}
	return nil
}
