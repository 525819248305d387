// Package secret holds values that must never reach a log, an error text or a JSON document.
//
// Every way of printing a Text yields a fixed word; the value leaves only through Reveal,
// so that each use of it can be found by searching for that one name.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret string. The zero value is the absent secret. Two of them compare through
// Hash, never with ==.
//
// The value is behind a pointer because fmt does not call the methods of what it finds in an
// unexported field: there it prints what it sees, which is then an address.
type Text struct{ value *string }

// New wraps value.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{&value}
}

// Generate returns 256 bits from the system's random source in unpadded base64url
// (43 characters).
func Generate() Text {
	var b [32]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return New(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Reveal returns the value itself.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t.value == nil }

// Hash returns the SHA-256 digest under which generated secrets are stored. It suits only
// secrets of high entropy: passwords are for package password.
func (t Text) Hash() Hash { return sha256.Sum256([]byte(t.Reveal())) }

// Format redacts under every verb, also those that String does not serve.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String, GoString, LogValue and MarshalText all redact.
func (t Text) String() string               { return redacted }
func (t Text) GoString() string             { return redacted }
func (t Text) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the secret from a configuration document.
func (t *Text) UnmarshalText(b []byte) error {
	*t = New(string(b))
	return nil
}

// Hash is the SHA-256 digest of a secret.
type Hash [sha256.Size]byte

// Matches reports in constant time whether t is the secret behind h.
func (h Hash) Matches(t Text) bool {
	other := t.Hash()
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}
