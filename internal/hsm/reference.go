//go:build pkcs11

package hsm

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// idSize is the length of a CKA_ID in bytes: random, so that keys of several installations may
// share a token.
const idSize = 16

// version is that of the reference's encoding.
const version = 1

// reference names a key on a token. ID alone finds it; token and serial number say where it was
// made, for people: a token that was restored from a backup has another serial number.
type reference struct {
	Version   int            `json:"v"`
	Algorithm keys.Algorithm `json:"alg"`
	ID        []byte         `json:"id"` // CKA_ID
	Token     string         `json:"token"`
	Serial    string         `json:"serial"`
}

func (r reference) encode() ([]byte, error) {
	r.Version = version
	return json.Marshal(r)
}

func parseReference(encoded []byte) (reference, error) {
	var r reference
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		return reference{}, fmt.Errorf("this is no reference to a key on a PKCS#11 token: %w", errdefs.ErrInvalid)
	}
	if r.Version != version {
		return reference{}, fmt.Errorf("a reference to a key on a PKCS#11 token has version %d, known is %d: %w", r.Version, version, errdefs.ErrInvalid)
	}
	if len(r.ID) != idSize { // an empty one would find, and destroy, every key
		return reference{}, fmt.Errorf("a reference to a key on a PKCS#11 token has an id of %d bytes, not %d: %w", len(r.ID), idSize, errdefs.ErrInvalid)
	}
	return r, nil
}
