package password

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// bcryptHash is an OpenBSD-style bcrypt hash. $2x$ (a sign-extension bug of old crypt_blowfish)
// is not accepted.
type bcryptHash struct {
	encoded []byte
	// digest says that bcrypt was given the hexadecimal SHA-256 of the password (Django).
	digest bool
}

// decodeBcrypt reads $2b$cost$ followed by 22 characters of salt and 31 of key.
func decodeBcrypt(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 4 || len(part[2]) != 2 || len(part[3]) != 53 {
		return nil, errFormat
	}
	for _, r := range part[3] {
		if !strings.ContainsRune(bcryptAlphabet, r) {
			return nil, errFormat
		}
	}
	cost, err := number(strings.TrimPrefix(part[2], "0"), 99)
	if err != nil {
		return nil, err
	}
	if cost < uint32(bcrypt.MinCost) || cost > maxBcryptCost {
		return nil, fmt.Errorf("bcrypt with cost %d: %d to %d are accepted", cost, bcrypt.MinCost, maxBcryptCost)
	}
	return &bcryptHash{encoded: []byte(s)}, nil
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// decodeBcryptSHA256 reads Django's bcrypt_sha256$$2b$….
func decodeBcryptSHA256(s string) (storedHash, error) {
	h, err := decodeBcrypt(strings.TrimPrefix(s, "bcrypt_sha256$"))
	if err != nil {
		return nil, err
	}
	h.(*bcryptHash).digest = true
	return h, nil
}

func (h *bcryptHash) matches(password []byte) bool {
	if h.digest {
		sum := sha256.Sum256(password)
		password = []byte(hex.EncodeToString(sum[:]))
	}
	// bcrypt reads 72 bytes of its input and ignores the rest: so did the system that made the
	// hash, and the person must still get in. The rehash that follows covers every byte.
	password = password[:min(len(password), 72)]
	return bcrypt.CompareHashAndPassword(h.encoded, password) == nil
}

func (h *bcryptHash) cost() cost { return cost{algorithm: "bcrypt", memory: 4} }
