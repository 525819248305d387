package claims

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/signet-id/signet/keys"
)

// What the header with its RFC 7638 kid, the signature and the two dots add to the payload of an
// access token, in bytes of base64; rounded up. Signatures of ES256 and EdDSA have 64 bytes, those of
// RS256 with our keys 256.
const (
	tokenOverhead    = 200
	tokenOverheadRSA = 460
)

// TokenBytes returns the size of a token with a payload of that many bytes, rounded up.
func TokenBytes(payload int, alg keys.Algorithm) int {
	overhead := tokenOverhead
	if alg == keys.RS256 {
		overhead = tokenOverheadRSA
	}
	return base64.RawURLEncoding.EncodedLen(payload) + overhead
}

// Holding is what somebody may hold, and what services declare for them: the part of tokens whose
// size administrators decide.
type Holding struct {
	Roles        []string
	Permissions  map[string][]string // slugs by audience
	Declarations []Declaration
	Own          []Mapping                 // of the client
	Algorithms   map[string]keys.Algorithm // that tokens are signed with, by audience; absent: the default
}

// Audiences returns the audiences whose tokens h makes larger, sorted.
func (h Holding) Audiences() []string {
	out := slices.Collect(maps.Keys(h.Permissions))
	for _, d := range h.Declarations {
		out = append(out, d.Audience)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Forecast is about how large an access token will be.
type Forecast struct {
	Audience   string // "": any
	Bytes      int    // with everything in it
	OverBudget bool   // so it would leave something out
}
