package grant

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// RefreshToken names one generation of a family. Its text form is
//
//	srt_<family>.<generation>.<mac>
//
// with the family's UUID and the MAC in unpadded base64url and the generation in decimal.
// The MAC makes it unforgeable and deterministic: a retried rotation returns the same
// successor, and the database holds nothing that could be replayed.
type RefreshToken struct {
	Family     id.Grant
	Generation uint32
}

// Authenticator computes and checks MACs; the live key ring implements it.
type Authenticator interface {
	Sum(data []byte) [32]byte
	Check(data, mac []byte) bool // constant time
}

const (
	refreshPrefix   = "srt_"
	maxRefreshToken = len(refreshPrefix) + 22 + 1 + 10 + 1 + 43
)

var b64 = base64.RawURLEncoding.Strict()

func (t RefreshToken) message() []byte {
	u := t.Family.UUID()
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 20), u[:]...), t.Generation)
}

// Format returns the text form.
func (t RefreshToken) Format(a Authenticator) secret.Text {
	u := t.Family.UUID()
	mac := a.Sum(t.message())
	b := make([]byte, 0, maxRefreshToken)
	b = append(b, refreshPrefix...)
	b = b64.AppendEncode(b, u[:])
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(t.Generation), 10)
	b = append(b, '.')
	b = b64.AppendEncode(b, mac[:])
	return secret.New(string(b))
}

var errNoRefreshToken = fmt.Errorf("refresh token: %w", errdefs.ErrInvalid)

// ParseRefreshToken reads the text form and checks the MAC before anything else is believed.
// Whatever is wrong, the error is errdefs.ErrInvalid and says no more.
func ParseRefreshToken(s string, a Authenticator) (RefreshToken, error) {
	rest, ok := strings.CutPrefix(s, refreshPrefix)
	if !ok || len(s) > maxRefreshToken {
		return RefreshToken{}, errNoRefreshToken
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 3 || len(parts[0]) != 22 || len(parts[2]) != 43 {
		return RefreshToken{}, errNoRefreshToken
	}
	// The lengths rule out line breaks, which the decoder would skip.
	family, err := b64.DecodeString(parts[0])
	if err != nil || len(family) != 16 {
		return RefreshToken{}, errNoRefreshToken
	}
	generation, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil || strconv.FormatUint(generation, 10) != parts[1] {
		return RefreshToken{}, errNoRefreshToken
	}
	mac, err := b64.DecodeString(parts[2])
	if err != nil || len(mac) != 32 {
		return RefreshToken{}, errNoRefreshToken
	}
	t := RefreshToken{Family: id.GrantFromUUID([16]byte(family)), Generation: uint32(generation)}
	if !a.Check(t.message(), mac) {
		return RefreshToken{}, errNoRefreshToken
	}
	return t, nil
}
