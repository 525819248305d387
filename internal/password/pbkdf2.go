package password

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// pbkdf2Hash is a PBKDF2 hash (RFC 8018 §5.2) with an HMAC over digest.
type pbkdf2Hash struct {
	digest     func() hash.Hash
	iterations uint32
	salt       []byte
	key        []byte
}

// decodePBKDF2 reads $pbkdf2-sha256$iterations$salt$key; without a digest's name it is SHA-1.
func decodePBKDF2(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 5 {
		return nil, errFormat
	}
	name, ok := strings.CutPrefix(part[1], "pbkdf2-")
	if !ok {
		name = "sha1"
	}
	salt, err := base64Any(part[3])
	if err != nil {
		return nil, err
	}
	key, err := base64Any(part[4])
	if err != nil {
		return nil, err
	}
	return parsePBKDF2(name, part[2], salt, key)
}

// decodePBKDF2Django reads pbkdf2_sha256$iterations$salt$key, the salt as plain text.
func decodePBKDF2Django(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 4 {
		return nil, errFormat
	}
	key, err := base64Any(part[3])
	if err != nil {
		return nil, err
	}
	return parsePBKDF2(strings.TrimPrefix(part[0], "pbkdf2_"), part[1], []byte(part[2]), key)
}

// decodePBKDF2Werkzeug reads pbkdf2:sha256:iterations$salt$key, the salt as plain text and the
// key in hexadecimal.
func decodePBKDF2Werkzeug(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	method := strings.Split(part[0], ":")
	if len(part) != 3 || len(method) != 3 {
		return nil, errFormat
	}
	key, err := hex.DecodeString(part[2])
	if err != nil {
		return nil, errFormat
	}
	return parsePBKDF2(method[1], method[2], []byte(part[1]), key)
}

// decodeIdentity reads the base64 blob of ASP.NET Core Identity version 3: a marker byte 1,
// then digest, iterations and salt length as big-endian 32-bit numbers, the salt, the key.
func decodeIdentity(s string) (storedHash, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 13 || b[0] != 1 || strings.ContainsAny(s, "\r\n") {
		return nil, errFormat
	}
	names := [...]string{"sha1", "sha256", "sha512"}
	digest, iterations, saltLen := binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:]), binary.BigEndian.Uint32(b[9:])
	if digest >= uint32(len(names)) || saltLen > maxSaltLen || int(saltLen) > len(b)-13 {
		return nil, errFormat
	}
	return newPBKDF2(names[digest], iterations, b[13:13+saltLen], b[13+saltLen:])
}

func parsePBKDF2(digest, iterations string, salt, key []byte) (storedHash, error) {
	n, err := number(iterations, maxPBKDF2Rounds)
	if err != nil {
		return nil, err
	}
	return newPBKDF2(digest, n, salt, key)
}

func newPBKDF2(digest string, iterations uint32, salt, key []byte) (storedHash, error) {
	h := &pbkdf2Hash{iterations: iterations, salt: salt, key: key}
	var size int
	switch digest {
	case "sha1":
		h.digest, size = sha1.New, sha1.Size
	case "sha256":
		h.digest, size = sha256.New, sha256.Size
	case "sha512":
		h.digest, size = sha512.New, sha512.Size
	default:
		return nil, fmt.Errorf("PBKDF2 with a digest other than sha1, sha256, sha512")
	}
	if err := checkSaltAndKey(salt, key); err != nil {
		return nil, err
	}
	// Each further block of output repeats the iterations and tells no more about the password
	// than the first, which nobody who guesses computes either (RFC 8018 §5.2). Keycloak stores
	// up to four.
	h.key = key[:min(len(key), size)]
	if iterations < 1 || iterations > maxPBKDF2Rounds {
		return nil, fmt.Errorf("PBKDF2 with %d iterations: 1 to %d are accepted", iterations, maxPBKDF2Rounds)
	}
	return h, nil
}

func (h *pbkdf2Hash) matches(password []byte) bool {
	key, err := pbkdf2.Key(h.digest, string(password), h.salt, int(h.iterations), len(h.key))
	return err == nil && subtle.ConstantTimeCompare(h.key, key) == 1
}

func (h *pbkdf2Hash) cost() cost { return cost{algorithm: "pbkdf2"} }
