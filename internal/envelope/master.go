// Package envelope encrypts the secrets that Signet keeps in its database, so that a dump of
// the database contains no usable secret.
//
// Each secret has a data key of its own, wrapped by the master key; both layers are
// AES-256-GCM. Associated data binds a ciphertext to the row it belongs to: moved to another
// row it does not open. The identifier of the master key stands beside each ciphertext, so that
// a master key can be replaced while the former one still opens what it sealed.
//
// The package owns neither where the master key comes from (internal/config) nor where sealed
// values are stored (internal/postgres).
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// KeySize is the size of a master key in bytes.
const KeySize = 32

const howTo = "make one with: openssl rand -base64 32"

// Master is a master key. It does not print.
type Master struct {
	id   string
	aead cipher.AEAD
}

// ParseMaster reads a master key of 32 bytes written as base64 (any of the four usual
// alphabets), as 64 hexadecimal digits, or raw as a file holds them; white space around text is
// ignored. The error is errdefs.ErrInvalid, tells how to make a key and never repeats the input.
func ParseMaster(t secret.Text) (Master, error) {
	key, err := decodeMaster(t.Reveal())
	if err != nil {
		return Master{}, fmt.Errorf("master key: %w", err)
	}
	defer clear(key)
	return NewMaster(key)
}

// NewMaster returns the master key of exactly 32 random bytes; the caller may clear them
// afterwards. The error is errdefs.ErrInvalid.
func NewMaster(key []byte) (Master, error) {
	if len(key) != KeySize {
		return Master{}, fmt.Errorf("master key has %d bytes and needs %d; %s: %w", len(key), KeySize, howTo, errdefs.ErrInvalid)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return Master{}, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("signet/envelope/v1/master-key-id"))
	return Master{id: hex.EncodeToString(mac.Sum(nil)[:8]), aead: aead}, nil
}

// ID returns the fingerprint of the key, 16 hexadecimal digits, which may be shown to anyone.
func (m Master) ID() string { return m.id }

// String, GoString and LogValue show the fingerprint only.
func (m Master) String() string       { return "master key " + m.id }
func (m Master) GoString() string     { return m.String() }
func (m Master) LogValue() slog.Value { return slog.StringValue(m.id) }

func decodeMaster(s string) ([]byte, error) {
	// A raw key in a file; an editor or a shell may have added the line break.
	for _, raw := range []string{s, strings.TrimSuffix(s, "\n")} {
		if len(raw) == KeySize && !printable(raw) {
			return usable([]byte(raw))
		}
	}
	text := strings.TrimSpace(s)
	switch {
	case text == "":
		return nil, fmt.Errorf("it is empty; %s: %w", howTo, errdefs.ErrInvalid)
	case len(text) == hex.EncodedLen(KeySize):
		if b, err := hex.DecodeString(text); err == nil {
			return usable(b)
		}
	}
	b, ok := decodeBase64(text)
	switch {
	case ok && len(b) == KeySize:
		return usable(b)
	case len(text) == KeySize:
		// 32 bytes of text are a pass phrase, or 16 bytes in hexadecimal: both are far from
		// 256 bits.
		return nil, fmt.Errorf("it is text of %d bytes, not %d random bytes; %s: %w", KeySize, KeySize, howTo, errdefs.ErrInvalid)
	case ok:
		return nil, fmt.Errorf("it decodes to %d bytes and needs %d; %s: %w", len(b), KeySize, howTo, errdefs.ErrInvalid)
	default:
		return nil, fmt.Errorf("its %d bytes are neither base64 nor hexadecimal nor a raw key of %d bytes; %s: %w", len(s), KeySize, howTo, errdefs.ErrInvalid)
	}
}

func decodeBase64(text string) ([]byte, bool) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	b, err := base64.RawStdEncoding.DecodeString(text)
	return b, err == nil
}

// usable refuses placeholders such as thirty-two zero bytes.
func usable(key []byte) ([]byte, error) {
	for _, b := range key {
		if b != key[0] {
			return key, nil
		}
	}
	return nil, fmt.Errorf("all its bytes are the same; %s: %w", howTo, errdefs.ErrInvalid)
}

// printable reports whether s is text, in whatever script: random bytes practically never are.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
