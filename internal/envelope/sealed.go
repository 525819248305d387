package envelope

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// Sealed is an encrypted value with what is needed to open it, save the master key and the
// associated data. It is not secret.
type Sealed struct {
	// MasterID is the fingerprint of the master key that wraps the data key.
	MasterID string
	// WrappedKey is nonce, encrypted data key and tag.
	WrappedKey []byte
	// Ciphertext is nonce, encrypted value and tag.
	Ciphertext []byte
}

const (
	binaryVersion = 1
	textVersion   = "env1"
)

var errEncoding = fmt.Errorf("not the encoding of a sealed value: %w", ErrDamaged)

// MarshalBinary returns the stable encoding: a version byte, then the three fields, each after
// its length as 32 bits in big-endian order.
func (s Sealed) MarshalBinary() ([]byte, error) {
	b := []byte{binaryVersion}
	b = appendField(b, []byte(s.MasterID))
	b = appendField(b, s.WrappedKey)
	return appendField(b, s.Ciphertext), nil
}

// UnmarshalBinary reads what MarshalBinary wrote. The error is ErrDamaged.
func (s *Sealed) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != binaryVersion {
		return errEncoding
	}
	var fields [3][]byte
	rest := b[1:]
	for i := range fields {
		if len(rest) < 4 {
			return errEncoding
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return errEncoding
		}
		fields[i] = append([]byte(nil), rest[4:4+n]...) // the driver may reuse b
		rest = rest[4+n:]
	}
	if len(rest) != 0 {
		return errEncoding
	}
	*s = Sealed{MasterID: string(fields[0]), WrappedKey: fields[1], Ciphertext: fields[2]}
	return nil
}

// MarshalText returns "env1.MASTER.KEY.CIPHERTEXT", the last two in unpadded base64url.
func (s Sealed) MarshalText() ([]byte, error) {
	enc := base64.RawURLEncoding
	return []byte(textVersion + "." + s.MasterID + "." + enc.EncodeToString(s.WrappedKey) + "." + enc.EncodeToString(s.Ciphertext)), nil
}

// UnmarshalText reads what MarshalText wrote. The error is ErrDamaged.
func (s *Sealed) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), ".")
	if len(parts) != 4 || parts[0] != textVersion {
		return errEncoding
	}
	enc := base64.RawURLEncoding.Strict()
	key, err := enc.DecodeString(parts[2])
	if err != nil {
		return errEncoding
	}
	ciphertext, err := enc.DecodeString(parts[3])
	if err != nil {
		return errEncoding
	}
	*s = Sealed{MasterID: parts[1], WrappedKey: key, Ciphertext: ciphertext}
	return nil
}

func appendField(dst, field []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(field)))
	return append(dst, field...)
}
