package ceiling

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// signer makes and checks ES256 signatures (RFC 7518 §3.4) with the standard library and
// nothing around it.
type signer struct {
	key     *ecdsa.PrivateKey
	header  string
	payload string // as many bytes as anybody needs
}

func newSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	header := `{"alg":"ES256","kid":"` + strings.Repeat("k", 43) + `","typ":"at+jwt"}`
	return &signer{key: key, header: base64.RawURLEncoding.EncodeToString([]byte(header)), payload: strings.Repeat("p", 1<<13)}, nil
}

// sign returns a compact JWS of a payload of size bytes.
func (s *signer) sign(size int) (string, error) {
	b := make([]byte, 0, len(s.header)+2+base64.RawURLEncoding.EncodedLen(size)+86)
	b = append(b, s.header...)
	b = append(b, '.')
	b = base64.RawURLEncoding.AppendEncode(b, []byte(s.payload[:size]))
	digest := sha256.Sum256(b)
	x, y, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	var signature [64]byte
	x.FillBytes(signature[:32])
	y.FillBytes(signature[32:])
	b = append(b, '.')
	return string(base64.RawURLEncoding.AppendEncode(b, signature[:])), nil
}

// verify checks a compact JWS that sign made.
func (s *signer) verify(token string) error {
	i := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	digest := sha256.Sum256([]byte(token[:i]))
	x, y := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&s.key.PublicKey, digest[:], x, y) {
		return errors.New("verify: the signature does not hold")
	}
	return nil
}
