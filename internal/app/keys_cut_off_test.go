package app_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/pkg/verify"
)

// hasty rotates keys every few seconds. The least lead is 2.5 s; replicas look every quarter of a second.
func hasty(more ...apptest.Option) []apptest.Option {
	var opts []apptest.Option
	for name, value := range map[string]string{
		"PERIOD": "3s", "LEAD": "3s", "REMOVAL": "90s", "JWKS_MAX_AGE": "1s", "JWKS_STALE_WHILE_REVALIDATE": "0s", "JWKS_STALE_IF_ERROR": "0s",
		"PROPAGATION": "500ms", "REFETCH": "500ms", "SIGNER_LAG": "500ms", "LEEWAY": "1s", "FLOOR": "0s",
	} {
		opts = append(opts, apptest.With("SIGNET_KEYS_"+name, value))
	}
	return append(append(opts, apptest.With("SIGNET_TOKENS_ACCESS_TTL", "1m"), apptest.With("SIGNET_TOKENS_ID_TTL", "1m")), more...)
}

// asks fetches a token of a machine.
func asks(t *testing.T, a *apptest.App) apptest.Answer {
	t.Helper()
	return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {apptest.Orders}}, apptest.Basic("machine"))
}

// holdsRotation keeps every replica from being the rotator until the database ends the connection.
func holdsRotation(t *testing.T, a *apptest.App) {
	t.Helper()
	if _, err := connect(t, a).Exec(context.Background(), "SELECT pg_advisory_lock(hashtextextended('signet.keys', 0))"); err != nil {
		t.Fatal(err)
	}
}

// settled waits until the keys are made that a start does not wait for.
func settled(t *testing.T, a *apptest.App) {
	t.Helper()
	a.AwaitKeys(t)
}

func TestAReplicaWithoutADatabaseSignsNoLongerThanTheLagAfterItsKeyRetired(t *testing.T) {
	t.Parallel()
	const lag = time.Second
	a := apptest.Start(t, apptest.With("SIGNET_KEYS_SIGNER_LAG", lag.String()))
	settled(t, a)
	before := asks(t, a).Text("access_token")
	published := a.Get(t, jwksPath).Raw
	// The keys retire in four seconds, and this replica never hears which take over.
	holdsRotation(t, a)
	exec(t, a, "UPDATE signing_key SET activated_at = clock_timestamp() + interval '1 day' WHERE activated_at > clock_timestamp()")
	exec(t, a, "UPDATE signing_key SET retired_at = clock_timestamp() + interval '4 seconds' WHERE activated_at < clock_timestamp()")
	var retires time.Time
	row(t, a, "SELECT max(retired_at) FROM signing_key", &retires)
	eventually(t, "the replica knows the plan", func() bool {
		return strings.Count(metricsOf(t, a), `step="active"} 86`) == 2 // 86,400 seconds, or a little less
	})
	takeDatabase(t, a)
	// What the replica takes for the database's time is off by this, the error of its measurement.
	last := retires.Add(lag - clockOffset(t, a) + time.Millisecond)

	signed := 0
	for begun := time.Now(); begun.Before(last.Add(time.Second)); begun = time.Now() {
		switch out := asks(t, a); {
		case out.Status == http.StatusOK && begun.After(last):
			t.Fatalf("it signs with %s, %s after it had to stop", kidOf(t, out.Text("access_token")), begun.Sub(last))
		case out.Status == http.StatusOK:
			signed++
		case out.Status != http.StatusServiceUnavailable:
			t.Fatalf("%d %s", out.Status, out.Raw)
		}
	}
	if signed == 0 {
		t.Error("it signed nothing without a database, so nothing was shown")
	}
	goesOn(t, a, before, published)
}

func TestAReplicaWithoutADatabaseStopsSigningWhenItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	// The lease is what is left of the removal: three seconds.
	a := apptest.Start(t, hasty(apptest.With("SIGNET_KEYS_PERIOD", "1h"), apptest.With("SIGNET_KEYS_REMOVAL", "64s"))...)
	settled(t, a)
	before := asks(t, a).Text("access_token")
	published := a.Get(t, jwksPath).Raw
	comeBack := takeDatabase(t, a)
	eventually(t, "it stops signing", func() bool { return asks(t, a).Status == http.StatusServiceUnavailable })
	goesOn(t, a, before, published)
	comeBack()
	eventually(t, "it signs again", func() bool { return asks(t, a).Status == http.StatusOK })
}

// goesOn fails unless the replica, which has no database, publishes its keys, a service that starts now
// takes a token of them, and the replica itself does not call it bad.
func goesOn(t *testing.T, a *apptest.App, token, published string) {
	t.Helper()
	if got := a.Get(t, jwksPath); got.Status != http.StatusOK || got.Raw != published {
		t.Errorf("the key set: %d %s", got.Status, got.Raw)
	}
	v, err := verify.New(t.Context(), verify.Config{Issuer: a.URL, Audience: apptest.Orders})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a service refuses a good token: %v", err)
	}
	out := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api"))
	if out.Status != http.StatusServiceUnavailable && out.JSON["active"] != true {
		t.Errorf("introspection: %d %s", out.Status, out.Raw)
	}
}

// clockOffset is how far the replica takes the database's clock to be ahead of its own.
func clockOffset(t *testing.T, a *apptest.App) time.Duration {
	t.Helper()
	_, value, _ := strings.Cut(metricsOf(t, a), "\nsignet_clock_offset_seconds ")
	value, _, _ = strings.Cut(value, "\n")
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

func metricsOf(t *testing.T, a *apptest.App) string {
	t.Helper()
	res, err := http.Get(a.OpsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplicasWhoseClocksAreMinutesApartRotateAsOne(t *testing.T) {
	t.Parallel()
	shifted := func(by time.Duration) apptest.Option {
		return apptest.WithClock(func() time.Time { return time.Now().Add(by) })
	}
	a := apptest.Start(t, hasty(shifted(5*time.Minute))...)
	b := apptest.Start(t, hasty(shifted(-5*time.Minute), apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))...)
	c := apptest.Start(t, hasty(apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))...)
	fleet := []*apptest.App{{URL: a.Public}, {URL: b.Public}, {URL: c.Public}}
	var kids []string // in the order in which they signed
	var since time.Time
	for end := time.Now().Add(30 * time.Second); len(kids) < 5 && time.Now().Before(end); {
		for i, r := range fleet {
			begun := time.Now()
			token := asks(t, r)
			if token.Status != http.StatusOK {
				t.Fatalf("replica %d: %d %s", i, token.Status, token.Raw)
			}
			kid := kidOf(t, token.Text("access_token"))
			switch at := slices.Index(kids, kid); {
			case at < 0:
				kids, since = append(kids, kid), time.Now()
			case at < len(kids)-1 && begun.Sub(since) > 500*time.Millisecond: // the signer lag
				t.Fatalf("replica %d signs with the key before, %s after another replica changed", i, begun.Sub(since))
			}
			for j, other := range fleet {
				if jwks := other.Get(t, jwksPath).Raw; !strings.Contains(jwks, kid) {
					t.Fatalf("replica %d does not publish the key that replica %d signs with", j, i)
				}
			}
		}
	}
	if len(kids) < 5 {
		t.Fatalf("%d keys signed in half a minute", len(kids))
	}
	// One acted: no more keys were made than had to be, and each as one event.
	if made := records(t, a, "SELECT count(*) FROM signing_key WHERE algorithm = 'ES256'"); made > len(kids)+3 {
		t.Errorf("%d keys were made, %d signed", made, len(kids))
	}
	if two := records(t, a, "SELECT count(*) FROM signing_key x JOIN signing_key y ON x.kid < y.kid AND x.algorithm = y.algorithm AND x.activated_at = y.activated_at"); two != 0 {
		t.Errorf("%d pairs of keys are to sign from the same instant on", two)
	}
	if events := records(t, a, "SELECT count(*) FROM (SELECT target FROM audit_event WHERE action = 'key.published' GROUP BY target HAVING count(*) > 1) x"); events != 0 {
		t.Errorf("%d keys were published twice", events)
	}
	if ahead, behind := clockOffset(t, a), clockOffset(t, b); ahead > -4*time.Minute || behind < 4*time.Minute {
		t.Errorf("the clocks agree, so nothing was shown: %s, %s", ahead, behind)
	}
}
