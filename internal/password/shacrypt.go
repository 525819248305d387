package password

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"strings"

	"github.com/go-crypt/x/crypt"
)

// shaCryptHash is a hash of the SHA-crypt scheme of glibc: $5$ over SHA-256, $6$ over SHA-512.
type shaCryptHash struct {
	digest func() hash.Hash
	rounds uint32
	salt   string
	key    string // in crypt's own base64
}

// decodeSHACrypt reads $6$salt$key and $6$rounds=…$salt$key. Without a number there are 5000
// rounds; numbers below 1000 do not occur, since the scheme raises them.
func decodeSHACrypt(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	h := &shaCryptHash{digest: sha256.New, rounds: 5000}
	length := 43
	if strings.HasPrefix(s, "$6$") {
		h.digest, length = sha512.New, 86
	}
	switch len(part) {
	case 4:
		h.salt, h.key = part[2], part[3]
	case 5:
		text, ok := strings.CutPrefix(part[2], "rounds=")
		if !ok {
			return nil, errFormat
		}
		n, err := number(text, maxSHACrypt)
		if err != nil {
			return nil, err
		}
		if n < 1000 {
			return nil, fmt.Errorf("SHA-crypt with %d rounds: 1000 to %d are accepted", n, maxSHACrypt)
		}
		h.rounds, h.salt, h.key = n, part[3], part[4]
	default:
		return nil, errFormat
	}
	if len(h.key) != length || len(h.salt) < 1 || len(h.salt) > 16 {
		return nil, errFormat
	}
	return h, nil
}

func (h *shaCryptHash) matches(password []byte) bool {
	key := crypt.KeySHACrypt(h.digest, password, []byte(h.salt), int(h.rounds))
	return subtle.ConstantTimeCompare([]byte(h.key), key) == 1
}

func (h *shaCryptHash) cost() cost { return cost{algorithm: "sha-crypt"} }
