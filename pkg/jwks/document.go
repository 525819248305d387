package jwks

import (
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// maxKeyID is the size in bytes up to which a kid is taken for one. That of Signet has 43.
const maxKeyID = 256

// document is a JWKS document as it was fetched. It is never changed: readers hold it without a
// lock.
type document struct {
	keys map[string]*keys.Key
	kids []string // sorted
	body []byte

	etag string
	lifetime
	age      time.Duration // that it had then, from caches on its way
	asked    time.Time     // when it was asked for, or asked whether it is still right
	fresh    time.Duration // from asked on
	usable   time.Duration // from asked on
	fromDisk bool          // and the issuer did not confirm it yet
}

// find returns the key of that kid, nil if there is none or d must not be used any more. d may be
// nil.
func (d *document) find(kid string, now time.Time) *keys.Key {
	if !d.good(now) {
		return nil
	}
	return d.keys[kid]
}

// good reports whether the keys may be used.
func (d *document) good(now time.Time) bool {
	return d != nil && elapsed(d.asked, now) < d.usable
}

// keep makes the keys that d has in common with an earlier document the very same values, so that
// who remembers having used one can see that it is still the same.
func (d *document) keep(before *document) {
	if before == nil {
		return
	}
	for kid, k := range d.keys {
		if old := before.keys[kid]; old != nil && same(old, k) {
			d.keys[kid] = old
		}
	}
}

func same(a, b *keys.Key) bool {
	public, ok := a.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && a.Algorithm == b.Algorithm && public.Equal(b.Public)
}

// privateMembers are those that only a private or symmetric JWK has (RFC 7518 §6.2.2, §6.3.2,
// §6.4.1, RFC 8037 §2), and priv of the kind AKP.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// parse reads a JWKS document. The error is ErrTooLarge, ErrMalformed, ErrDuplicateKey,
// ErrPrivateKey or ErrEmpty. What it passed over, and why, is in skipped.
func parse(body []byte) (d *document, skipped []error, err error) {
	if len(body) > MaxDocumentSize {
		return nil, nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxDocumentSize)
	}
	entries, err := entries(body)
	if err != nil {
		return nil, nil, err
	}
	d = &document{keys: make(map[string]*keys.Key, len(entries)), body: body}
	seen := make(map[string]bool, len(entries))
	for i, entry := range entries {
		kid, err := inspect(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("%w (key %d of the document)", err, i+1)
		}
		k, err := keys.ParseJWK(entry)
		if err == nil {
			kid = k.ID // the thumbprint, if the entry has no kid
		}
		if kid != "" && seen[kid] {
			return nil, nil, fmt.Errorf("%w: %.64q", ErrDuplicateKey, kid)
		}
		seen[kid] = true
		if err == nil && len(kid) > maxKeyID {
			err = fmt.Errorf("its kid has more than %d bytes", maxKeyID)
		}
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d (kid %.64q): %w", i+1, kid, err))
			continue
		}
		d.keys[kid] = &k
	}
	if len(d.keys) == 0 {
		return nil, nil, fmt.Errorf("%w: it has %d, none of them for ES256, RS256 or EdDSA signatures%s",
			ErrEmpty, len(entries), first(skipped))
	}
	d.kids = slices.Sorted(maps.Keys(d.keys))
	return d, skipped, nil
}

// first says why the first of the keys was passed over.
func first(skipped []error) string {
	if len(skipped) == 0 {
		return ""
	}
	return "; " + skipped[0].Error()
}

// entries returns the members of keys, each a JSON object or not.
func entries(body []byte) ([]json.RawMessage, error) {
	top, err := members(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	list, ok := top["keys"]
	if !ok || len(list) == 0 || list[0] != '[' {
		return nil, fmt.Errorf("%w: it has no list of keys (RFC 7517 §5.1): is this the URL of the JWKS?", ErrMalformed)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(list, &entries); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(entries) > MaxKeys {
		return nil, fmt.Errorf("%w: %d keys, more than %d", ErrTooLarge, len(entries), MaxKeys)
	}
	return entries, nil
}

// inspect looks for what refuses the whole document, whatever the kind of key, and returns the kid.
func inspect(entry []byte) (kid string, err error) {
	jwk, err := members(entry)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, name := range privateMembers {
		if _, ok := jwk[name]; ok {
			return "", fmt.Errorf("%w: the member %q", ErrPrivateKey, name)
		}
	}
	raw, ok := jwk["kid"]
	if !ok {
		return "", nil
	}
	if !strings.HasPrefix(string(raw), `"`) || json.Unmarshal(raw, &kid) != nil {
		return "", fmt.Errorf("%w: a kid is not a string", ErrMalformed)
	}
	return kid, nil
}

// members reads one JSON object, as strictly as package keys reads tokens.
func members(data []byte) (map[string]json.RawMessage, error) {
	found := make(map[string]json.RawMessage, 8)
	err := keys.Members(string(data), func(name, value string) error {
		found[name] = json.RawMessage(value)
		return nil
	})
	return found, err
}
