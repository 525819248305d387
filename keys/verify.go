package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// MaxTokenSize is the size in bytes beyond which Verify does not look at a token.
const MaxTokenSize = 16 << 10

// The reasons for which Verify refuses, besides ErrAlgorithm and ErrKey. Tell a caller outside
// no more than "invalid token".
var (
	// ErrMalformed says that the token is no compact JWS, or too large.
	ErrMalformed = errors.New("keys: malformed token")
	// ErrUnknownKey says that no key of that kid is accepted.
	ErrUnknownKey = errors.New("keys: unknown key")
	// ErrType says that the token is of another kind than the caller accepts.
	ErrType = errors.New("keys: wrong token type")
	// ErrSignature says that the signature does not match.
	ErrSignature = errors.New("keys: invalid signature")
)

// Header is what a token's header says.
type Header struct {
	// Algorithm is the alg; one of those that this package knows.
	Algorithm Algorithm
	// KeyID is the kid, whatever the sender wrote there; "" when absent.
	KeyID string
	// Type is the typ as written, possibly with the prefix "application/".
	Type string
	// ContentType is the cty as written; "JWT" says that the payload is a token itself (RFC 7519
	// §5.2).
	ContentType string
}

// Verify checks the signature of a compact JWS against the key that lookup returns for its kid
// and returns the payload. It checks no claims: expiry, issuer and audience are the caller's.
//
// The token's alg must be the key's (RFC 8725 §3.1) and its typ one of want, compared without
// regard to case and to a prefix "application/" (RFC 7515 §4.1.9); with no want nothing
// verifies. A header with crit is refused, since no extension is understood (RFC 7515
// §4.1.11); jku, jwk, x5u and x5c are ignored: a token never brings its own key.
//
// ES256 signatures are malleable: never identify a token by its signature or its bytes.
func Verify(token string, lookup func(kid string) (Key, bool), want ...string) ([]byte, Header, error) {
	u, err := Parse(token)
	if err != nil {
		return nil, Header{}, err
	}
	if !u.IsType(want...) {
		return nil, Header{}, fmt.Errorf("%w: %.64q", ErrType, u.Type)
	}
	k, ok := lookup(u.KeyID)
	if !ok {
		return nil, Header{}, fmt.Errorf("%w: kid %.64q", ErrUnknownKey, u.KeyID)
	}
	payload, err := u.Verify(k)
	if err != nil {
		return nil, Header{}, err
	}
	return payload, u.Header, nil
}

// Unverified is a compact JWS that was taken apart. Nobody vouches for its header, which serves
// to find the key; the payload comes from Verify alone.
type Unverified struct {
	Header
	input, payload, signature string // as in the token; input is what is signed
}

// Parse takes a compact JWS apart for those who look for the key by more than its kid, or must
// tell failures of the look-up apart; others use [Verify]. The header is read as strictly as Verify
// does. The error is ErrMalformed or ErrAlgorithm.
func Parse(token string) (Unverified, error) {
	if len(token) > MaxTokenSize {
		return Unverified{}, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxTokenSize)
	}
	head, rest, ok := strings.Cut(token, ".")
	body, tail, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.IndexByte(tail, '.') >= 0 {
		return Unverified{}, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	h, err := parseHeader(head)
	if err != nil {
		return Unverified{}, err
	}
	return Unverified{h, token[:len(head)+1+len(body)], body, tail}, nil
}

// IsType reports whether the typ is one of want, compared as [Verify] does.
func (u Unverified) IsType(want ...string) bool { return matches(u.Type, want) }

// Verify checks the signature with k, which the caller found by the kid, and returns the payload.
// The error is ErrAlgorithm, ErrKey, ErrMalformed or ErrSignature.
func (u Unverified) Verify(k Key) ([]byte, error) {
	if u.Algorithm != k.Algorithm {
		return nil, fmt.Errorf("%w: %q with a key for %s", ErrAlgorithm, u.Algorithm, k.Algorithm)
	}
	if err := check(k.Algorithm, k.Public); err != nil {
		return nil, err
	}
	signature, err := decodeBase64(u.signature)
	if err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
	}
	if !valid(k, []byte(u.input), signature) {
		return nil, ErrSignature
	}
	payload, err := decodeBase64(u.payload)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	return payload, nil
}

func parseHeader(segment string) (Header, error) {
	data, err := decodeBase64(segment)
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	var h Header
	var alg string
	err = Members(string(data), func(name, value string) error {
		var to *string
		switch name {
		case "alg":
			to = &alg
		case "kid":
			to = &h.KeyID
		case "typ":
			to = &h.Type
		case "cty":
			to = &h.ContentType
		case "crit", "b64", "zip", "enc":
			// Each of the others changes how the payload is read and is void without crit.
			return fmt.Errorf("member %q is not understood", name)
		default:
			return nil
		}
		var err error
		if *to, err = Text(value); err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	h.Algorithm, err = ParseAlgorithm(alg)
	return h, err
}

func matches(typ string, want []string) bool {
	if typ == "" {
		return false
	}
	typ = bare(typ)
	for _, w := range want {
		if strings.EqualFold(typ, bare(w)) {
			return true
		}
	}
	return false
}

func bare(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ[len(prefix):]
	}
	return typ
}

// valid checks a signature with a key that passed check.
func valid(k Key, input, signature []byte) bool {
	switch p := k.Public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 { // never ASN.1 (RFC 7518 §3.4)
			return false
		}
		digest := sha256.Sum256(input)
		return ecdsa.VerifyASN1(p, digest[:], appendASN1(make([]byte, 0, 72), signature))
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(p, input, signature)
	default:
		return false
	}
}

// appendASN1 appends the ASN.1 form of the 64 bytes r || s, which crypto/ecdsa reads: a SEQUENCE
// of two INTEGERs in DER (RFC 3279 §2.2.3).
func appendASN1(to, signature []byte) []byte {
	const sequence = 0x30
	to = append(to, sequence, 0)
	to = appendInteger(to, signature[:32])
	to = appendInteger(to, signature[32:])
	to[1] = byte(len(to) - 2) // at most 70, so one byte of length
	return to
}

// appendInteger appends a number without a sign as a DER INTEGER: no leading zero but the one that
// keeps a high bit from being taken for a sign.
func appendInteger(to, number []byte) []byte {
	const integer = 0x02
	for len(number) > 1 && number[0] == 0 {
		number = number[1:]
	}
	if number[0]&0x80 != 0 {
		to = append(to, integer, byte(len(number)+1), 0)
	} else {
		to = append(to, integer, byte(len(number)))
	}
	return append(to, number...)
}
