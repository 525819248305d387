//go:build !pkcs11

package hsm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/hsm"
	"github.com/signet-id/signet/internal/secret"
)

func TestABinaryWithoutPKCS11SaysHowToBuildOneWithIt(t *testing.T) {
	t.Parallel()
	_, err := hsm.Open(t.Context(), hsm.Config{Module: "/usr/lib/softhsm/libsofthsm2.so", Token: "signet", PIN: secret.New("4921-user-pin"), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "go build -tags pkcs11 ./cmd/signet") || strings.Contains(err.Error(), "4921") {
		t.Error(err)
	}
}
