package keys

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

// DocumentType is the media type of the JWKS document (RFC 7517 §8.5.2).
const DocumentType = "application/jwk-set+json"

// Document returns the JWKS document (RFC 7517 §5) of the keys that are published at now, and
// its strong entity tag (RFC 9110 §8.8.3), quotes included.
//
// The bytes depend on nothing but the published set: keys stand in order of creation whatever
// state they are in, so the tag changes when a key appears or goes and not when it starts to
// sign. The error is ErrKey or ErrAlgorithm; nothing is left out silently.
func Document(all []Key, now time.Time) (body []byte, etag string, err error) {
	in := published(all, now)
	set := struct {
		Keys []publicJWK `json:"keys"`
	}{Keys: make([]publicJWK, 0, len(in))}
	for _, k := range in {
		j, err := describe(k)
		if err != nil {
			return nil, "", err
		}
		set.Keys = append(set.Keys, j)
	}
	if body, err = json.Marshal(set); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(body)
	return body, `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`, nil
}

// published returns the keys of the document at now in their order.
func published(all []Key, now time.Time) []Key {
	in := slices.DeleteFunc(slices.Clone(all), func(k Key) bool { return !k.Publishable(now) })
	slices.SortFunc(in, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return in
}
