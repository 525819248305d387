package password

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	argon2d "github.com/go-crypt/x/argon2" // x/crypto lacks argon2d
	"golang.org/x/crypto/argon2"
)

type argon2Variant string

const (
	argon2id     argon2Variant = "argon2id"
	argon2i      argon2Variant = "argon2i"
	argon2dOther argon2Variant = "argon2d"
)

// argon2Hash is an argon2 hash of version 19 (RFC 9106).
type argon2Hash struct {
	variant argon2Variant
	memory  uint32 // KiB
	time    uint32 // passes
	lanes   uint8
	salt    []byte
	key     []byte
}

// decodeArgon2 reads $argon2id$v=19$m=…,t=…,p=…$salt$key.
func decodeArgon2(s string) (storedHash, error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" {
		return nil, errFormat
	}
	h := &argon2Hash{variant: argon2Variant(part[1])}
	switch h.variant {
	case argon2id, argon2i, argon2dOther:
	default:
		return nil, errFormat
	}
	if part[2] != "v=19" {
		return nil, fmt.Errorf("argon2 version other than 19 (0x13)")
	}
	p, err := pairs(part[3], "m", "t", "p")
	if err != nil {
		return nil, err
	}
	if err := checkArgon2Cost(p["m"], p["t"], p["p"]); err != nil {
		return nil, err
	}
	h.memory, h.time, h.lanes = p["m"], p["t"], uint8(p["p"])
	if h.salt, err = base64Any(part[4]); err != nil {
		return nil, err
	}
	if h.key, err = base64Any(part[5]); err != nil {
		return nil, err
	}
	if err := checkSaltAndKey(h.salt, h.key); err != nil {
		return nil, err
	}
	return h, nil
}

func checkArgon2Cost(memory, time, lanes uint32) error {
	switch {
	case memory < 8*lanes || lanes < 1 || time < 1: // RFC 9106 §3.1
		return fmt.Errorf("argon2 needs 1 lane, 1 pass and 8 KiB a lane at least")
	case lanes > maxLanes:
		return fmt.Errorf("argon2 with %d lanes: at most %d", lanes, maxLanes)
	case memory > maxMemory:
		return fmt.Errorf("argon2 with %d KiB: at most %d", memory, maxMemory)
	case uint64(memory)*uint64(time) > maxArgon2Work:
		return fmt.Errorf("argon2 with %d KiB and %d passes: their product is at most %d", memory, time, maxArgon2Work)
	}
	return nil
}

func (h *argon2Hash) derive(password []byte, length uint32) []byte {
	switch h.variant {
	case argon2i:
		return argon2.Key(password, h.salt, h.time, h.memory, h.lanes, length)
	case argon2dOther:
		return argon2d.DKey(password, h.salt, h.time, h.memory, uint32(h.lanes), length)
	default:
		return argon2.IDKey(password, h.salt, h.time, h.memory, h.lanes, length)
	}
}

func (h *argon2Hash) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.key, h.derive(password, uint32(len(h.key)))) == 1
}

func (h *argon2Hash) cost() cost { return cost{algorithm: string(h.variant), memory: h.memory} }

// String is the PHC string form.
func (h *argon2Hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", h.variant, argon2.Version,
		h.memory, h.time, h.lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}
