package authorization

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

// Authenticator computes and checks MACs; the live key ring implements it.
type Authenticator interface {
	Sum(data []byte) [32]byte
	Check(data, mac []byte) bool // constant time
}

// MaxSealed is the longest sealed request, in bytes. Longer requests are refused at the door:
// the request line that carries one has to fit into the 8 KiB that proxies allow by default.
const MaxSealed = 6 << 10

var b64 = base64.RawURLEncoding.Strict()

// Seal returns the request in a form that travels through a browser: readable, which does no
// harm since the browser brought it, and not forgeable.
func (r Request) Seal(a Authenticator) (string, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("seal authorization request: %w", err)
	}
	mac := a.Sum(body)
	s := b64.EncodeToString(body) + "." + b64.EncodeToString(mac[:])
	if len(s) > MaxSealed {
		return "", fmt.Errorf("authorization request is too long: %w", errdefs.ErrInvalid)
	}
	return s, nil
}

// Open reads what Seal wrote. A request that was altered, comes from elsewhere or is older
// than Lifetime at now is errdefs.ErrInvalid.
func Open(sealed string, a Authenticator, now time.Time) (Request, error) {
	bad := fmt.Errorf("sealed authorization request: %w", errdefs.ErrInvalid)
	if len(sealed) > MaxSealed || strings.ContainsAny(sealed, "\r\n") { // which the decoder would skip
		return Request{}, bad
	}
	head, tail, ok := strings.Cut(sealed, ".")
	if !ok {
		return Request{}, bad
	}
	body, err := b64.DecodeString(head)
	if err != nil {
		return Request{}, bad
	}
	mac, err := b64.DecodeString(tail)
	if err != nil || !a.Check(body, mac) {
		return Request{}, bad
	}
	var r Request
	if err := json.Unmarshal(body, &r); err != nil {
		return Request{}, bad
	}
	if now.Sub(r.ArrivedAt) > Lifetime || r.ArrivedAt.After(now.Add(time.Minute)) {
		return Request{}, bad
	}
	return r, nil
}
