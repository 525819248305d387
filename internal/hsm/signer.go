//go:build pkcs11

package hsm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/keys"
)

// signer is a key on the token.
type signer struct {
	token *token
	kind  kind
	id    []byte   // CKA_ID
	key   keys.Key // the public half
	found atomic.Pointer[found]
}

// found is the handle of the private half, which holds for one log-in.
type found struct {
	link   *link
	handle pkcs11.ObjectHandle
}

// Public returns the public half as the token told it.
func (s *signer) Public() crypto.PublicKey { return s.key.Public }

// Sign lets the token sign; the token has a source of randomness of its own. It fails with
// errdefs.ErrUnavailable when the token does not answer within some seconds, or no session is free
// by then.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	input, err := s.kind.input(digest, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var signature []byte
	err = s.token.read(ctx, func(l *link, session pkcs11.SessionHandle) (err error) {
		signature, err = s.sign(l, session, input)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sign on the PKCS#11 token %q: %w", s.token.label, err)
	}
	return signature, nil
}

func (s *signer) sign(l *link, session pkcs11.SessionHandle, input []byte) ([]byte, error) {
	f := s.found.Load()
	if f == nil || f.link != l {
		handle, err := s.token.private(session, s.id)
		if err != nil {
			return nil, err
		}
		f = &found{l, handle}
		s.found.Store(f)
	}
	m := s.token.module
	if err := m.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(s.kind.sign.number, nil)}, f.handle); err != nil {
		return nil, err
	}
	raw, err := m.Sign(session, input)
	if err != nil {
		return nil, err
	}
	return s.kind.signature(raw)
}

// prove lets the key sign something and checks it with the public half.
func (s *signer) prove(l *link, session pkcs11.SessionHandle) error {
	digest := sha256.Sum256([]byte("Signet checks that both halves of a key belong together."))
	var opts crypto.SignerOpts = crypto.SHA256
	if _, ok := s.key.Public.(ed25519.PublicKey); ok {
		opts = crypto.Hash(0)
	}
	input, err := s.kind.input(digest[:], opts)
	if err != nil {
		return err
	}
	signature, err := s.sign(l, session, input)
	if err != nil {
		return err
	}
	good := false
	switch p := s.key.Public.(type) {
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(p, digest[:], signature)
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		good = ed25519.Verify(p, digest[:], signature)
	}
	if !good {
		return errors.New("the token's signature does not match the public half of the key")
	}
	return nil
}
