package keyring_test

import (
	"testing"
	"time"

	"github.com/signet-id/signet/internal/keyring"
)

// Whatever is sealed in a row, it can be brought under another master key.
func TestPlacesKnowWhatEveryRowIsBoundTo(t *testing.T) {
	t.Parallel()
	identities := map[string]map[string]bool{}
	for _, p := range keyring.Places() {
		known := map[string]bool{}
		key := map[string]string{"signing_key": "a-kid", "system_secret": "root/2"}[p.Name]
		name, all := p.Row([]byte(key))
		if name != key {
			t.Errorf("%s: the row %s is called %s", p.Name, key, name)
		}
		for _, aad := range all {
			known[string(aad)] = true
		}
		identities[p.Name] = known
	}
	for what, row := range map[string]keyring.SealedKey{
		"a key":                    {KID: "a-kid"},
		"a key of a custodian":     {KID: "a-kid", Custodian: "pkcs11"},
		"a key that was destroyed": {KID: "a-kid", ErasedAt: time.Now()},
	} {
		if !identities["signing_key"][string(row.Identity())] {
			t.Errorf("%s is not known", what)
		}
	}
	if other := (keyring.SealedKey{KID: "another"}); identities["signing_key"][string(other.Identity())] {
		t.Error("another row is taken for this one")
	}
	if !identities["system_secret"][string(keyring.SealedSecret{Purpose: "root", Version: 2}.Identity())] {
		t.Error("a secret is not known")
	}
}
