package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// publicJWK holds the public members only, so that no private part can slip out. The fields
// stand in lexicographic order of their names: that is the order RFC 7638 §3.2 hashes in.
type publicJWK struct {
	Alg string `json:"alg,omitempty"`
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kid string `json:"kid,omitempty"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	Use string `json:"use,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// required returns the members that identify a key (RFC 7638 §3.2, RFC 8037 §2).
func required(public crypto.PublicKey) (publicJWK, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return publicJWK{}, fmt.Errorf("%w: the only curve of ECDSA keys is P-256", ErrKey)
		}
		point, err := p.Bytes()
		if err != nil {
			return publicJWK{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return publicJWK{Kty: "EC", Crv: "P-256", X: b64(point[1:33]), Y: b64(point[33:])}, nil
	case *rsa.PublicKey:
		if p.N == nil || p.E <= 0 {
			return publicJWK{}, fmt.Errorf("%w: incomplete RSA key", ErrKey)
		}
		return publicJWK{Kty: "RSA", N: b64(p.N.Bytes()), E: b64(big.NewInt(int64(p.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return publicJWK{Kty: "OKP", Crv: "Ed25519", X: b64(p)}, nil
	default:
		return publicJWK{}, fmt.Errorf("%w: %T", ErrKey, public)
	}
}

// Thumbprint returns the SHA-256 JWK thumbprint of public (RFC 7638) in unpadded base64url,
// 43 characters. The error is ErrKey when the kind of key is not supported.
func Thumbprint(public crypto.PublicKey) (string, error) {
	j, err := required(public)
	if err != nil {
		return "", err
	}
	canonical, err := json.Marshal(j)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

func describe(k Key) (publicJWK, error) {
	if err := check(k.Algorithm, k.Public); err != nil {
		return publicJWK{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	j, err := required(k.Public)
	if err != nil {
		return publicJWK{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	j.Alg, j.Kid, j.Use = string(k.Algorithm), k.ID, "sig"
	return j, nil
}

// MarshalJWK returns the public JWK of k (RFC 7517 §4) with kid, alg and use. The error is
// ErrKey or ErrAlgorithm.
func MarshalJWK(k Key) ([]byte, error) {
	j, err := describe(k)
	if err != nil {
		return nil, err
	}
	return json.Marshal(j)
}

// ParseJWK reads one public JWK for signatures (RFC 7517, RFC 7518 §6, RFC 8037 §2). Without
// alg the algorithm is the one that fits the key, without kid the ID is the thumbprint. The
// result carries no timestamps.
//
// The error is ErrKey for a malformed or weak key, for one that is not meant for verifying
// (use, key_ops) and for one that contains private parts, which must never be passed around;
// ErrAlgorithm for an alg that is unknown or does not fit.
func ParseJWK(data []byte) (Key, error) {
	members, err := object(data)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, ok := members[private]; ok {
			return Key{}, fmt.Errorf("%w: the JWK contains the private member %q", ErrKey, private)
		}
	}
	if err := checkPurpose(members); err != nil {
		return Key{}, err
	}
	var j publicJWK
	for name, field := range map[string]*string{
		"alg": &j.Alg, "crv": &j.Crv, "e": &j.E, "kid": &j.Kid, "kty": &j.Kty,
		"n": &j.N, "x": &j.X, "y": &j.Y,
	} {
		if *field, err = text(members, name); err != nil {
			return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	return j.key()
}

func checkPurpose(members map[string]json.RawMessage) error {
	use, err := text(members, "use")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if use != "" && use != "sig" {
		return fmt.Errorf("%w: use is %q, not \"sig\"", ErrKey, use)
	}
	raw, ok := members["key_ops"]
	if !ok {
		return nil
	}
	var ops []string
	if err := json.Unmarshal(raw, &ops); err != nil {
		return fmt.Errorf("%w: key_ops: %w", ErrKey, err)
	}
	for _, op := range ops {
		if op == "verify" {
			return nil
		}
	}
	return fmt.Errorf("%w: key_ops do not allow \"verify\"", ErrKey)
}

func (j publicJWK) key() (Key, error) {
	public, natural, err := j.public()
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if j.Alg != "" && j.Alg != string(natural) {
		return Key{}, fmt.Errorf("%w: alg %q with a key for %s", ErrAlgorithm, j.Alg, natural)
	}
	k, err := NewKey(natural, public)
	if err == nil && j.Kid != "" {
		k.ID = j.Kid
	}
	return k, err
}

// public returns the key and the algorithm that fits it.
func (j publicJWK) public() (crypto.PublicKey, Algorithm, error) {
	switch {
	case j.Kty == "EC" && j.Crv == "P-256":
		point := []byte{4} // uncompressed (SEC 1 §2.3.3)
		for _, coordinate := range []string{j.X, j.Y} {
			b, err := decodeBase64(coordinate)
			if err != nil {
				return nil, "", err
			}
			if len(b) != 32 { // leading zeros stay (RFC 7518 §6.2.1.2)
				return nil, "", fmt.Errorf("a P-256 coordinate has 32 bytes, not %d", len(b))
			}
			point = append(point, b...)
		}
		p, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		return p, ES256, err
	case j.Kty == "RSA":
		n, err := decodeBase64(j.N)
		if err != nil {
			return nil, "", err
		}
		e, err := decodeBase64(j.E)
		if err != nil {
			return nil, "", err
		}
		if len(e) == 0 || len(e) > 4 || e[0] == 0 || len(n) == 0 || n[0] == 0 {
			return nil, "", fmt.Errorf("an RSA number is empty, too long or has leading zeros")
		}
		exponent := new(big.Int).SetBytes(e).Int64()
		if exponent > 1<<31-1 {
			return nil, "", fmt.Errorf("the RSA exponent is too large")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, RS256, nil
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		x, err := decodeBase64(j.X)
		if err != nil {
			return nil, "", err
		}
		return ed25519.PublicKey(x), EdDSA, nil
	default:
		return nil, "", fmt.Errorf("kty %q with crv %q is not supported", j.Kty, j.Crv)
	}
}
