package issuer

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

var b64 = base64.RawURLEncoding.Strict()

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// validChallenge reports whether s can be an S256 challenge: 32 bytes in unpadded base64url
// (RFC 7636 §4.2).
func validChallenge(s string) bool {
	b, err := b64.DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == b64.EncodedLen(sha256.Size) // no line breaks, which the decoder skips
}

// challengeOf returns the S256 challenge of a verifier, or "" for the absent verifier. A
// verifier has 43 to 128 unreserved characters (RFC 7636 §4.1).
//
// The result is compared with the stored challenge inside the statement that spends the code:
// without a verifier only a code without a challenge matches, and with one only a code with
// its challenge, so neither side of a downgrade passes (RFC 9700 §4.8.2).
func challengeOf(verifier string) (string, error) {
	if verifier == "" {
		return "", nil
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return "", errInvalidGrant.hint("The code_verifier must be 43 to 128 unreserved characters.")
	}
	sum := sha256.Sum256([]byte(verifier))
	return b64.EncodeToString(sum[:]), nil
}
