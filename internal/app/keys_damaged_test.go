package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

func TestADamagedSigningKeyIsReplacedAndGoodAgainOnceItsRowIsRestored(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, polling)
	settled(t, a)
	token := asks(t, a).Text("access_token")
	kid := kidOf(t, token)
	// The last bytes are those of the authentication tag.
	flip := "UPDATE signing_key SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 255) WHERE kid = $1"
	exec(t, a, flip, kid)

	eventually(t, "the next key signs", func() bool { return kidOf(t, asks(t, a).Text("access_token")) != kid })
	if !strings.Contains(a.Get(t, jwksPath).Raw, kid) || !introspect(t, a, "api", token, true) {
		t.Error("who had the key in memory does not go on with it")
	}
	damaged := func(r *apptest.App, n string) bool {
		return strings.Contains(metricsOf(t, r), "\nsignet_signing_keys_damaged "+n+"\n")
	}
	if !damaged(a, "1") || !strings.Contains(a.Log.String(), kid) {
		t.Error("neither the metric nor the log tells of it")
	}

	b := apptest.Start(t, polling, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
	other := &apptest.App{URL: b.Public, OpsURL: b.OpsURL}
	if out := asks(t, other); out.Status != http.StatusOK || kidOf(t, out.Text("access_token")) == kid {
		t.Errorf("a replica that starts now: %d %s", out.Status, out.Raw)
	}
	if strings.Contains(other.Get(t, jwksPath).Raw, kid) || introspect(t, other, "api", token, true) || !damaged(other, "1") {
		t.Error("a replica that starts now takes a key that it cannot open")
	}

	exec(t, a, flip, kid)
	for _, r := range []*apptest.App{a, other} {
		eventually(t, "nothing is damaged", func() bool { return damaged(r, "0") })
		if !strings.Contains(r.Get(t, jwksPath).Raw, kid) || !introspect(t, r, "api", token, true) {
			t.Error("what it signed is not good again")
		}
	}
}
