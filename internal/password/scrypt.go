package password

import (
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// scryptHash is a scrypt hash (RFC 7914).
type scryptHash struct {
	n, r, p uint32
	salt    []byte
	key     []byte
}

// decodeScrypt reads $scrypt$ln=…,r=…,p=…$salt$key, where N is 2 to the power of ln.
func decodeScrypt(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 5 {
		return nil, errFormat
	}
	q, err := pairs(part[2], "ln", "r", "p")
	if err != nil {
		return nil, err
	}
	if q["ln"] > 24 {
		return nil, fmt.Errorf("scrypt with ln=%d: at most 24", q["ln"])
	}
	salt, err := base64Any(part[3])
	if err != nil {
		return nil, err
	}
	key, err := base64Any(part[4])
	if err != nil {
		return nil, err
	}
	return newScrypt(1<<q["ln"], q["r"], q["p"], salt, key)
}

// decodeScryptDjango reads scrypt$N$salt$r$p$key, the salt as plain text.
func decodeScryptDjango(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 6 {
		return nil, errFormat
	}
	key, err := base64Any(part[5])
	if err != nil {
		return nil, err
	}
	return parseScrypt(part[1], part[3], part[4], part[2], key)
}

// decodeScryptWerkzeug reads scrypt:N:r:p$salt$key, the salt as plain text and the key in
// hexadecimal.
func decodeScryptWerkzeug(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	method := strings.Split(part[0], ":")
	if len(part) != 3 || len(method) != 4 {
		return nil, errFormat
	}
	key, err := hex.DecodeString(part[2])
	if err != nil {
		return nil, errFormat
	}
	return parseScrypt(method[1], method[2], method[3], part[1], key)
}

func parseScrypt(n, r, p, salt string, key []byte) (storedHash, error) {
	var v [3]uint32
	for i, text := range []string{n, r, p} {
		var err error
		if v[i], err = number(text, 1<<24); err != nil {
			return nil, err
		}
	}
	return newScrypt(v[0], v[1], v[2], []byte(salt), key)
}

func newScrypt(n, r, p uint32, salt, key []byte) (storedHash, error) {
	h := &scryptHash{n: n, r: r, p: p, salt: salt, key: key}
	switch {
	case n < 2 || bits.OnesCount32(n) != 1 || r < 1 || p < 1:
		return nil, fmt.Errorf("scrypt needs a power of two above 1 for N, and r and p of 1 at least")
	case p > maxLanes:
		return nil, fmt.Errorf("scrypt with p=%d: at most %d", p, maxLanes)
	case h.memory() > maxMemory:
		return nil, fmt.Errorf("scrypt with N=%d, r=%d: at most %d KiB", n, r, maxMemory)
	case uint64(n)*uint64(r)*uint64(p) > maxScryptWork: // each is below 2^32 by now
		return nil, fmt.Errorf("scrypt with N=%d, r=%d, p=%d: their product is at most %d", n, r, p, maxScryptWork)
	}
	if err := checkSaltAndKey(salt, key); err != nil {
		return nil, err
	}
	return h, nil
}

// memory is that of the V and B arrays in KiB (RFC 7914 §2).
func (h *scryptHash) memory() uint64 {
	return (128*uint64(h.n)*uint64(h.r) + 128*uint64(h.p)*uint64(h.r)) / 1024
}

func (h *scryptHash) matches(password []byte) bool {
	key, err := scrypt.Key(password, h.salt, int(h.n), int(h.r), int(h.p), len(h.key))
	return err == nil && subtle.ConstantTimeCompare(h.key, key) == 1
}

func (h *scryptHash) cost() cost { return cost{algorithm: "scrypt", memory: uint32(h.memory())} }
