package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// The caps on what an imported hash may cost. They keep a hostile or mistaken import from
// turning each sign-in into an outage, and lie well above what systems use: 256 MiB is
// libsodium's "moderate", bcrypt 15 is eight times a usual cost of 12.
const (
	maxMemory       = 256 * 1024 // KiB, argon2 and scrypt
	maxArgon2Work   = 1 << 20    // KiB × passes: as much as 1 GiB once
	maxLanes        = 16
	maxScryptWork   = 1 << 22 // N × r × p: four times N=2^17, r=8, p=1
	maxBcryptCost   = 15
	maxPBKDF2Rounds = 5_000_000
	maxSHACrypt     = 1_000_000 // rounds

	maxEncoded = 512 // bytes of a whole encoded hash
	maxSaltLen = 128 // bytes
	minKeyLen  = 16  // bytes: a shorter tag is too easily matched by chance
	maxKeyLen  = 128 // bytes
)

// storedHash is a decoded hash whose cost has been found to be within the caps.
type storedHash interface {
	// matches reports in constant time whether password is behind the hash.
	matches(password []byte) bool
	cost() cost
}

// cost is what one computation takes.
type cost struct {
	algorithm string
	memory    uint32 // KiB; 0 when negligible
}

// CheckImport reports whether a hash that another system made can be verified here. The error
// is errdefs.ErrInvalid, says what is wrong, and never contains the hash. Accepted are:
//
//   - $argon2id$, $argon2i$, $argon2d$ in PHC form, version 19; at most 256 MiB, 16 lanes, and
//     1 GiB of memory times passes; Django's argon2$…
//   - $2a$, $2b$, $2y$, $2$ bcrypt up to cost 15. Only the first 72 bytes of the password count,
//     as in the system that made it; Django's bcrypt$… and bcrypt_sha256$…
//   - $scrypt$ln=…,r=…,p=… (passlib, PHC), Django's scrypt$…, Werkzeug's scrypt:…; at most
//     256 MiB and N·r·p ≤ 2^22
//   - $pbkdf2$, $pbkdf2-sha1$, $pbkdf2-sha256$, $pbkdf2-sha512$ (passlib; Keycloak's stored
//     iterations, salt and value fit in unchanged), Django's pbkdf2_sha1$… and pbkdf2_sha256$…,
//     Werkzeug's pbkdf2:…, ASP.NET Core Identity version 3; at most 5,000,000 iterations
//   - $5$, $6$ SHA-crypt up to 1,000,000 rounds
//
// An LDAP or Spring prefix {CRYPT}, {BCRYPT} or {ARGON2} before one of these is ignored.
func CheckImport(encoded string) error {
	if _, err := decode(encoded); err != nil {
		return fmt.Errorf("password hash: %w: %w", errdefs.ErrInvalid, err)
	}
	return nil
}

var errFormat = errors.New("malformed")

// decoder is one row of the table of formats: what the encoded form begins with, and how the
// whole of it is read.
type decoder struct {
	prefix string
	decode func(encoded string) (storedHash, error)
}

// decoders returns the table of accepted formats.
func decoders() []decoder {
	return []decoder{
		{"$argon2id$", decodeArgon2},
		{"$argon2i$", decodeArgon2},
		{"$argon2d$", decodeArgon2},
		{"argon2$", func(s string) (storedHash, error) { return decodeArgon2(strings.TrimPrefix(s, "argon2")) }},
		{"$2$", decodeBcrypt},
		{"$2a$", decodeBcrypt},
		{"$2b$", decodeBcrypt},
		{"$2y$", decodeBcrypt},
		{"bcrypt$$2", func(s string) (storedHash, error) { return decodeBcrypt(strings.TrimPrefix(s, "bcrypt$")) }},
		{"bcrypt_sha256$$2", decodeBcryptSHA256},
		{"$scrypt$", decodeScrypt},
		{"scrypt$", decodeScryptDjango},
		{"scrypt:", decodeScryptWerkzeug},
		{"$pbkdf2$", decodePBKDF2},
		{"$pbkdf2-", decodePBKDF2},
		{"pbkdf2_", decodePBKDF2Django},
		{"pbkdf2:", decodePBKDF2Werkzeug},
		{"AQAAAA", decodeIdentity},
		{"$5$", decodeSHACrypt},
		{"$6$", decodeSHACrypt},
	}
}

func decode(encoded string) (storedHash, error) {
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("longer than %d bytes", maxEncoded)
	}
	for _, wrapper := range []string{"{CRYPT}", "{BCRYPT}", "{ARGON2}"} {
		if len(encoded) > len(wrapper) && strings.EqualFold(encoded[:len(wrapper)], wrapper) {
			encoded = encoded[len(wrapper):]
			break
		}
	}
	for _, d := range decoders() {
		if strings.HasPrefix(encoded, d.prefix) {
			return d.decode(encoded)
		}
	}
	return nil, errors.New("unknown format: see the list of accepted password hashes")
}

// number reads a decimal without sign or leading zero, at most limit.
func number(s string, limit uint32) (uint32, error) {
	if s == "" || (len(s) > 1 && s[0] == '0') || strings.Trim(s, "0123456789") != "" {
		return 0, errFormat
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > uint64(limit) {
		return 0, fmt.Errorf("cost parameter above %d", limit)
	}
	return uint32(n), nil
}

// pairs reads "a=1,b=2" into numbers; it must hold exactly the named keys, in any order.
func pairs(s string, keys ...string) (map[string]uint32, error) {
	got := make(map[string]uint32, len(keys))
	for field := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(field, "=")
		if _, twice := got[key]; !ok || twice {
			return nil, errFormat
		}
		n, err := number(value, 1<<31)
		if err != nil {
			return nil, err
		}
		got[key] = n
	}
	for _, key := range keys {
		if _, ok := got[key]; !ok {
			return nil, errFormat
		}
	}
	if len(got) != len(keys) {
		return nil, errFormat
	}
	return got, nil
}

// base64Any reads standard base64 with or without padding, and passlib's variant of it that
// writes "." for "+".
func base64Any(s string) ([]byte, error) {
	s = strings.ReplaceAll(strings.TrimRight(s, "="), ".", "+")
	if strings.ContainsAny(s, "\r\n") {
		return nil, errFormat
	}
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, errFormat
	}
	return b, nil
}

func checkSaltAndKey(salt, key []byte) error {
	if len(salt) < 1 || len(salt) > maxSaltLen {
		return fmt.Errorf("salt of %d bytes: 1 to %d are accepted", len(salt), maxSaltLen)
	}
	if len(key) < minKeyLen || len(key) > maxKeyLen {
		return fmt.Errorf("hash of %d bytes: %d to %d are accepted", len(key), minKeyLen, maxKeyLen)
	}
	return nil
}
