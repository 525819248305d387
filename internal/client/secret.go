package client

import (
	"strings"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// MaxSecrets is how many secrets of a client are valid at a time: the one in use and its
// successor.
const MaxSecrets = 2

// The bounds of a secret that is brought along. Only its SHA-256 is stored, which is quick to
// compute: what protects the secret is that nobody can guess it.
const (
	minSecret         = 20 // characters
	minSecretDistinct = 10
	maxSecret         = 255
)

// CheckSecret says whether a client may be given a secret that was made elsewhere: 20 to 255 of
// the characters that RFC 6749 Appendix A.2 allows (%x20-7E), 10 different ones among them, and
// no space at its ends. The error is an errdefs.FieldError.
func CheckSecret(s secret.Text) error {
	text := s.Reveal()
	var distinct [128]bool
	n := 0
	for i := range len(text) {
		if c := text[i]; c < 0x80 && !distinct[c] {
			distinct[c] = true
			n++
		}
	}
	switch {
	case len(text) < minSecret || len(text) > maxSecret || n < minSecretDistinct:
		return errdefs.InvalidField("secret", "use a random one of %d to %d characters, or leave it out and get one made: what can be guessed protects nothing", minSecret, maxSecret)
	case !printable(text) || strings.TrimSpace(text) != text:
		return errdefs.InvalidField("secret", "use printable ASCII characters (RFC 6749 Appendix A.2), without a space in front or behind")
	}
	return nil
}

// ValidSecrets counts the secrets that can be used at now.
func (c Client) ValidSecrets(now time.Time) (n int) {
	for _, s := range c.Secrets {
		if s.Valid(now) {
			n++
		}
	}
	return n
}
