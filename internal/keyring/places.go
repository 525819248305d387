package keyring

import (
	"strings"

	"github.com/signet-id/signet/internal/envelope"
)

// Places are where signing keys and secrets are stored. The key of a secret's row is its purpose and
// its version, with a slash between them.
func Places() []envelope.Place {
	return []envelope.Place{
		{Name: "signing_key", Row: func(key []byte) (string, [][]byte) {
			kid := string(key)
			return kid, [][]byte{keyIdentity(kid), referenceIdentity(kid), erasedIdentity(kid)}
		}},
		{Name: "system_secret", Row: func(key []byte) (string, [][]byte) {
			name := string(key)
			purpose, version := name, ""
			if i := strings.LastIndexByte(name, '/'); i >= 0 {
				purpose, version = name[:i], name[i+1:]
			}
			return name, [][]byte{envelope.Identity("secret", purpose, version)}
		}},
	}
}
