package app_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// The server remembers tokens that it found good. What it remembers must not outlast what made
// them good.

func TestATokenSeenBeforeIsRefusedOnceItHasExpired(t *testing.T) {
	t.Parallel()
	clock := &movableClock{}
	a := apptest.Start(t, apptest.WithClock(clock.now))
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	if !introspect(t, a, "api", token, true) || a.Get(t, "/userinfo", apptest.Bearer(token)).Status != http.StatusOK {
		t.Fatal("not good at first")
	}
	clock.ahead.Store(int64(25 * time.Hour))
	if !introspect(t, a, "api", token, false) || a.Get(t, "/userinfo", apptest.Bearer(token)).Status != http.StatusUnauthorized {
		t.Error("still good after its expiry")
	}
}

func TestATokenSeenBeforeIsRefusedOnceItsKeyIsNoLongerPublished(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	if !introspect(t, a, "api", token, true) {
		t.Fatal("not active at first")
	}
	exec(t, a, `UPDATE signing_key SET retired_at = coalesce(activated_at, now()) + interval '1 microsecond', removed_at = now()
	             WHERE algorithm = 'ES256' AND activated_at IS NOT NULL`)
	eventually(t, "the token becomes inactive", func() bool { return introspect(t, a, "api", token, false) })
}

func TestATokenSeenBeforeIsRefusedOnceItIsRecalledByWhicheverReplica(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
	for range 3 {
		token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
		for _, replica := range []*apptest.App{a, b} {
			if !introspect(t, &apptest.App{URL: replica.Public}, "api", token, true) {
				t.Fatal("not active at first")
			}
		}
		if out := a.PostForm(t, "/revoke", url.Values{"token": {token}, "client_id": {"spa"}}); out.Status != http.StatusOK {
			t.Fatalf("revoke: %d %s", out.Status, out.Raw)
		}
		revoked := time.Now()
		if !introspect(t, a, "api", token, false) {
			t.Error("still active where it was revoked")
		}
		eventually(t, "the other replica refuses the token", func() bool {
			return introspect(t, &apptest.App{URL: b.Public}, "api", token, false)
		})
		if d := time.Since(revoked); d > 5*time.Second { // a second, on a machine that is not busy
			t.Errorf("it took %s", d)
		}
	}
}

// eventually waits for a condition, and asks no more often than somebody would: who asks costs
// something, and is held off when it is too much.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("in vain: %s", what)
}
