//go:build !pkcs11

package hsm

import (
	"context"
	"errors"

	"github.com/signet-id/signet/internal/keyring"
)

// Custodian cannot be had without the build tag pkcs11.
type Custodian struct{ keyring.Custodian }

// Open says that this binary knows no PKCS#11.
func Open(context.Context, Config) (*Custodian, error) {
	return nil, errors.New("this binary was built without PKCS#11: build one with cgo and a C compiler, " +
		"CGO_ENABLED=1 go build -tags pkcs11 ./cmd/signet, or unset keys.pkcs11_module, keys.pkcs11_token and keys.pkcs11_pin")
}

// Close does nothing.
func (*Custodian) Close() {}
