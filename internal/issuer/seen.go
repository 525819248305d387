package issuer

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/maypok86/otter/v2"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// seenBytes bounds what remembered access tokens take: some five thousand of the usual size.
const seenBytes = 16 << 20

// answerPrefix begins the answer to an introspection; the claims follow.
const answerPrefix = `{"active":true,"token_type":"Bearer",`

// seen is an access token whose signature, type, issuer and claims were found good. It is
// shared: nobody changes it.
type seen struct {
	accessClaims
	keys string // the entity tag of the keys it was checked against
	size uint32 // about what it takes, in bytes
	// answer is what introspection says of it while it is good: all that the token says.
	answer []byte
	// user and tenant are whom it is about; zero for machines.
	user   id.User
	tenant id.Tenant
}

// seenCache spares a token that comes again the check of its signature, which is most of the
// cost of judging it. It remembers good tokens only, and nothing that can change: expiry and
// recall are asked each time, and a change of the published keys empties it in effect.
//
// It is keyed by a digest of the whole token. The other form of a malleable signature is
// another entry with the same claims; whether a token was recalled goes by its claims, so
// neither form escapes.
type seenCache struct {
	tokens *otter.Cache[[sha256.Size]byte, *seen]
}

func newSeenCache() seenCache {
	return seenCache{otter.Must(&otter.Options[[sha256.Size]byte, *seen]{
		MaximumWeight: seenBytes,
		Weigher:       func(_ [sha256.Size]byte, s *seen) uint32 { return s.size },
		Executor:      func(upkeep func()) { upkeep() }, // on the caller, who waits for nothing: a goroutine costs more
	})}
}

// readAccessToken checks that a token is an access token of ours that has not expired: by
// signature, type, issuer and lifetime. Whether it was recalled, and for whom it is meant, is
// the caller's to ask. Any fault is errdefs.ErrUnauthenticated.
func (i *Issuer) readAccessToken(token string) (*seen, error) {
	digest := sha256.Sum256([]byte(token))
	_, tag := i.Keys.Document()
	s, ok := i.seen.tokens.GetIfPresent(digest)
	if !ok || s.keys != tag {
		payload, err := i.Keys.Verify(token, typeAccessToken)
		if err != nil {
			return nil, err
		}
		// The claims with what they point to, the answer made of them, and the entry itself.
		s = &seen{keys: tag, size: uint32(2*len(payload) + 1024)}
		if err := json.Unmarshal(payload, &s.accessClaims); err != nil || s.Issuer != i.URL {
			return nil, errdefs.ErrUnauthenticated
		}
		s.answer = append([]byte(answerPrefix), payload[1:]...) // an object, since it could be read into one
		if s.user, err = id.ParseUser(s.Subject); err == nil {
			if s.tenant, err = id.ParseTenant(s.TenantID); err != nil {
				return nil, errdefs.ErrUnauthenticated
			}
		}
		if i.Now().Unix() < s.Expiry {
			i.seen.tokens.Set(digest, s)
		}
	}
	if i.Now().Unix() >= s.Expiry {
		return nil, errdefs.ErrUnauthenticated
	}
	return s, nil
}
