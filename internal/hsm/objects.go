//go:build pkcs11

package hsm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// supports refuses a kind of which the token lacks a mechanism, and names the mechanism.
func (t *token) supports(l *link, k kind) error {
	for _, m := range []mechanism{k.generate, k.sign} {
		_, err := t.module.GetMechanismInfo(l.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(m.number, nil)})
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)) {
			return fmt.Errorf("the token does not support %s, which %s needs: %w", m.name, k.algorithm, errdefs.ErrInvalid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// generate makes a key pair with that CKA_ID: it stays on the token, signs, does nothing else and
// never leaves.
func (t *token) generate(session pkcs11.SessionHandle, k kind, id []byte) error {
	common := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, "signet"),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, k.keyType),
	}
	private := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN_RECOVER, false),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
	}, common...)
	var err error
	for _, shape := range k.shapes {
		public := append([]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		}, common...)
		_, _, err = t.module.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.generate.number, nil)},
			append(public, shape...), private)
		if err == nil || lost(err) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", k.generate.name, err)
}

// open returns the signer of the key with that CKA_ID, having checked that its private half cannot
// leave the token and that it signs.
func (t *token) open(l *link, session pkcs11.SessionHandle, k kind, id []byte) (*signer, error) {
	private, err := t.private(session, id)
	if err != nil {
		return nil, err
	}
	if err := t.confined(session, private); err != nil {
		return nil, err
	}
	handle, err := t.one(session, pkcs11.CKO_PUBLIC_KEY, id)
	if err != nil {
		return nil, err
	}
	values, err := t.values(session, handle, k.attributes...)
	if err != nil {
		return nil, err
	}
	public, err := k.public(values)
	if err != nil {
		return nil, err
	}
	named, err := keys.NewKey(k.algorithm, public)
	if err != nil {
		return nil, err
	}
	s := &signer{token: t, kind: k, id: id, key: named}
	s.found.Store(&found{l, private})
	if err := s.prove(l, session); err != nil {
		return nil, err
	}
	return s, nil
}

// confined refuses a private half that could be read or exported: such a token ignored what
// generate asked for, or the key came from elsewhere.
func (t *token) confined(session pkcs11.SessionHandle, private pkcs11.ObjectHandle) error {
	values, err := t.values(session, private, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE)
	if err != nil {
		return err
	}
	if sensitive, extractable := values[0], values[1]; !bytes.Equal(sensitive, []byte{1}) || !bytes.Equal(extractable, []byte{0}) {
		return errors.New("the private key could leave the token (CKA_SENSITIVE is not true, or CKA_EXTRACTABLE not false)")
	}
	return nil
}

// rename gives both halves a label that people can compare with a kid.
func (t *token) rename(session pkcs11.SessionHandle, id []byte, label string) error {
	all, err := t.find(session, id)
	for _, object := range all {
		err = errors.Join(err, t.module.SetAttributeValue(session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}))
	}
	return err
}

// destroy destroys whatever has that CKA_ID, the private half first.
func (t *token) destroy(session pkcs11.SessionHandle, id []byte) error {
	private, err := t.find(session, id, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))
	if err != nil {
		return err
	}
	public, err := t.find(session, id, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY))
	if err != nil {
		return err
	}
	for _, object := range append(private, public...) {
		if err := t.module.DestroyObject(session, object); err != nil {
			return err
		}
	}
	return nil
}

func (t *token) private(session pkcs11.SessionHandle, id []byte) (pkcs11.ObjectHandle, error) {
	return t.one(session, pkcs11.CKO_PRIVATE_KEY, id)
}

// one returns the one object of that class and CKA_ID.
func (t *token) one(session pkcs11.SessionHandle, class uint, id []byte) (pkcs11.ObjectHandle, error) {
	all, err := t.find(session, id, pkcs11.NewAttribute(pkcs11.CKA_CLASS, class))
	switch {
	case err != nil:
		return 0, err
	case len(all) == 0:
		return 0, fmt.Errorf("it holds no key with the CKA_ID %x: %w", id, errdefs.ErrNotFound)
	case len(all) > 1:
		return 0, fmt.Errorf("it holds %d keys of one kind with the CKA_ID %x", len(all), id)
	}
	return all[0], nil
}

// find returns what has that CKA_ID. To those who are not logged in a token does not show private
// halves, so finding nothing is believed of a session only that is.
func (t *token) find(session pkcs11.SessionHandle, id []byte, further ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	template := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}, further...)
	if err := t.module.FindObjectsInit(session, template); err != nil {
		return nil, err
	}
	const some = 16
	all, _, err := t.module.FindObjects(session, some)
	if err := errors.Join(err, t.module.FindObjectsFinal(session)); err != nil || len(all) > 0 {
		return all, err
	}
	info, err := t.module.GetSessionInfo(session)
	if err == nil && info.State != pkcs11.CKS_RO_USER_FUNCTIONS && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return nil, err
}

func (t *token) values(session pkcs11.SessionHandle, object pkcs11.ObjectHandle, types ...uint) ([][]byte, error) {
	asked := make([]*pkcs11.Attribute, len(types))
	for i, typ := range types {
		asked[i] = pkcs11.NewAttribute(typ, nil)
	}
	got, err := t.module.GetAttributeValue(session, object, asked)
	if err != nil {
		return nil, err
	}
	values := make([][]byte, len(got))
	for i, a := range got {
		values[i] = a.Value
	}
	return values, nil
}
