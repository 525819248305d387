// Package hsm keeps signing keys in a hardware security module, through its PKCS#11 module: they
// are made there, sign there and cannot leave it. It implements keyring.Custodian.
//
// It is compiled in with the build tag pkcs11 alone, because a PKCS#11 module is a C library, and
// Signet is otherwise a static binary without C; without the tag [Open] says so. The package owns
// the way to the token: finding it, the log-in, sessions and getting them back after the token
// was away. It does not own when keys are made and destroyed, nor where references to them are
// stored: those are package keyring's.
//
// Read token.go for sessions and recovery, kind.go for what each algorithm is on a token.
package hsm

import (
	"time"

	"github.com/signet-id/signet/internal/secret"
)

// Config says which token holds the keys. Everything is required.
type Config struct {
	// Module is the absolute path of the PKCS#11 module, a shared library. It is code that runs
	// in this process.
	Module string
	// Token is the label of the token; no other token of the module may have it.
	Token string
	// PIN is that of the normal user (CKU_USER).
	PIN secret.Text
	Now func() time.Time
}
