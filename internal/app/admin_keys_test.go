package app_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/pkg/verify"
)

// keyOf returns the only key of an algorithm and a state.
func keyOf(t *testing.T, a *apptest.App, token, alg, state string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, k := range items(t, a.Admin(t, token, http.MethodGet, "/keys", nil)) {
		if k["algorithm"] == alg && k["state"] == state {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d %s keys are %s", len(found), alg, state)
	}
	return found[0]
}

func items(t *testing.T, a apptest.Answer) (out []map[string]any) {
	t.Helper()
	list, ok := a.JSON["items"].([]any)
	if !ok {
		t.Fatalf("no list: %d %s", a.Status, a.Raw)
	}
	for _, v := range list {
		out = append(out, v.(map[string]any))
	}
	return out
}

func at(t *testing.T, v any) time.Time {
	t.Helper()
	s, _ := v.(string)
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatalf("%v is no time", v)
	}
	return when
}

// aged makes all keys older, as if that much time had passed, and has every replica hear of it.
func aged(t *testing.T, a *apptest.App, interval string) {
	t.Helper()
	exec(t, a, `UPDATE signing_key SET created_at = created_at - $1::interval, published_at = published_at - $1::interval,
	            activated_at = activated_at - $1::interval, retired_at = retired_at - $1::interval, removed_at = removed_at - $1::interval,
	            max_expiry = max_expiry - $1::interval`, interval)
}

// machine returns an access token of a machine for itself.
func machine(t *testing.T, a *apptest.App) string {
	t.Helper()
	out := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine"))
	if out.Status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", out.Status, out.Raw)
	}
	return out.Text("access_token")
}

func kidOf(t *testing.T, token string) string { return apptest.Header(t, token)["kid"].(string) }

func TestTheStatusOfTheKeysSaysWhatSignsWhatIsNextAndThatAllIsWell(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	a.AwaitKeys(t)
	active, next := keyOf(t, a, opal, "ES256", "active"), keyOf(t, a, opal, "ES256", "next")
	if kidOf(t, opal) != active["kid"] {
		t.Error("the active key is not the one that signs")
	}
	if got := a.Admin(t, opal, http.MethodGet, "/keys/"+next["kid"].(string), nil); got.Status != http.StatusOK || got.Text("state") != "next" {
		t.Errorf("a key: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/keys/no-such-key", nil); got.Status != http.StatusNotFound {
		t.Errorf("no key: %d %s", got.Status, got.Raw)
	}
	s := a.Admin(t, opal, http.MethodGet, "/keys/status", nil)
	if s.Status != http.StatusOK || len(s.JSON["attention"].([]any)) != 0 || s.JSON["may_sign"] != true || s.Text("default_algorithm") != "ES256" {
		t.Fatalf("status: %d %s", s.Status, s.Raw)
	}
	if s.Text("master_key") != masterID(t, apptest.MasterKey) || len(s.JSON["other_master_keys"].([]any)) != 0 {
		t.Errorf("master keys: %s", s.Raw)
	}
	schedule := s.JSON["schedule"].(map[string]any)
	if schedule["period"] != 30*86400.0 || schedule["lead"] != 2*86400.0 || schedule["min_lead"].(float64) > 2*86400 || schedule["lease"].(float64) <= 0 ||
		!strings.HasPrefix(schedule["cache_control"].(string), "public, max-age=300,") {
		t.Errorf("schedule: %v", schedule)
	}
	rings := s.JSON["rings"].([]any)
	if len(rings) != 2 {
		t.Fatalf("%d rings", len(rings))
	}
	ring := rings[0].(map[string]any)
	signs, waits, step := ring["active"].(map[string]any), ring["next"].(map[string]any), ring["next_step"].(map[string]any)
	if ring["algorithm"] != "ES256" || signs["kid"] != active["kid"] || signs["age"].(float64) <= 0 || waits["kid"] != next["kid"] ||
		!at(t, waits["earliest_at"]).Equal(at(t, waits["published_at"]).Add(48*time.Hour)) || !at(t, waits["activated_at"]).Equal(at(t, signs["retired_at"])) ||
		step["state"] != "active" || step["kid"] != next["kid"] || step["at"] != waits["activated_at"] || ring["configured"] != true {
		t.Errorf("ring: %v", ring)
	}
}

func TestTheStatusOfTheKeysCountsWhoChoseAnAlgorithmAndWhoHoldsAKey(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	a.AwaitKeys(t)
	exec(t, a, "UPDATE client SET id_token_algorithm = 'RS256' WHERE id IN ('spa', 'web')")
	exec(t, a, "UPDATE resource_server SET signing_algorithm = 'RS256' WHERE audience = $1", apptest.Orders)
	tag := a.Get(t, "/.well-known/jwks.json").Header.Get("ETag")
	exec(t, a, "INSERT INTO jwks_holder (address, agent, etag, seen_at) VALUES ('192.0.2.1', 'up to date', $1, now()), ('192.0.2.2', 'behind', '\"x\"', now()), ('192.0.2.3', 'long gone', '\"x\"', now() - interval '2 days')", tag)
	rings := a.Admin(t, opal, http.MethodGet, "/keys/status", nil).JSON["rings"].([]any)
	if rs := rings[1].(map[string]any); rs["algorithm"] != "RS256" || rs["clients"] != 2.0 || rs["resource_servers"] != 1.0 {
		t.Errorf("%v", rs)
	}
	held := rings[0].(map[string]any)["next"].(map[string]any)["held"].(map[string]any)
	laggards := held["laggards"].([]any)
	if held["holding"] != 1.0 || held["lacking"] != 1.0 || len(laggards) != 1 || laggards[0].(map[string]any)["agent"] != "behind" || laggards[0].(map[string]any)["address"] != "192.0.2.2" {
		t.Errorf("%v", held)
	}
}

func TestAStatusDoesNotTakeWhatItCouldNotCountForNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	conn := connect(t, a)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE pending_link IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	s := a.Admin(t, opal, http.MethodGet, "/keys/status", nil)
	if s.Status != http.StatusOK || !strings.Contains(s.Raw, `"code":"not_counted","urgent":false`) || !strings.Contains(s.Raw, `"other_master_keys":[]`) {
		t.Errorf("%d %s", s.Status, s.Raw)
	}
}

func TestOnlyAdministratorsOfTheInstallationSeeAndChangeKeys(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithInstallation(machines()))
	opal := a.AdminToken(t, apptest.Opal, "signet")
	active := keyOf(t, a, opal, "ES256", "active")["kid"].(string)
	keysNow := func() string { return a.Get(t, "/.well-known/jwks.json").Raw }
	a.AwaitKeys(t)
	before := keysNow()
	reader, greta, ofTenant := machineToken(t, a, "robot-reader"), a.AdminToken(t, apptest.Greta, "globex"), machineToken(t, a, "robot-of-initech")
	for _, c := range []struct {
		who, token string
		reads      int
	}{{"a reader of the installation", reader, http.StatusOK}, {"an administrator of a tenant", greta, http.StatusForbidden}, {"a machine of a tenant", ofTenant, http.StatusForbidden}} {
		for _, path := range []string{"/keys", "/keys/status", "/keys/" + active} {
			if got := a.Admin(t, c.token, http.MethodGet, path, nil); got.Status != c.reads || c.reads != http.StatusOK && strings.Contains(got.Raw, active) {
				t.Errorf("%s, %s: %d %s", c.who, path, got.Status, got.Raw)
			}
		}
		for path, body := range map[string]any{"/keys/rotate": map[string]any{}, "/keys/" + active + "/revoke": map[string]any{"compromised": true}, "/keys/nobodys/revoke": map[string]any{"compromised": true}} {
			if got := a.Admin(t, c.token, http.MethodPost, path, body); got.Status != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", c.who, path, got.Status, got.Raw)
			}
		}
	}
	if keysNow() != before || keyOf(t, a, opal, "ES256", "active")["kid"] != active {
		t.Error("the keys are others")
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action IN ('key.rotated', 'key.revoked')"); n != 0 {
		t.Errorf("%d acts are on record", n)
	}
}

func TestARotationWaitsUntilVerifiersHoldTheNextKey(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	active, next := keyOf(t, a, opal, "ES256", "active"), keyOf(t, a, opal, "ES256", "next")
	a.AwaitKeys(t)
	out := a.Admin(t, opal, http.MethodPost, "/keys/rotate", nil, "Idempotency-Key: one")
	rotated := items(t, out)
	if len(rotated) != 2 || rotated[0]["algorithm"] != "ES256" || rotated[0]["kid"] != next["kid"] || rotated[0]["signs"] != false || rotated[1]["algorithm"] != "RS256" ||
		!at(t, rotated[0]["signs_at"]).Equal(at(t, next["published_at"]).Add(48*time.Hour)) {
		t.Errorf("rotate: %d %s", out.Status, out.Raw)
	}
	if kidOf(t, machine(t, a)) != active["kid"] {
		t.Error("the next key signs before verifiers hold it")
	}
	again := a.Admin(t, opal, http.MethodPost, "/keys/rotate", nil, "Idempotency-Key: one")
	if again.Raw != out.Raw || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %s", again.Status, again.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/keys/rotate", map[string]any{"algorithm": "ES256"}, "Idempotency-Key: one"); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("the key for something else: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/keys/rotate", map[string]any{"algorithm": "EdDSA"}); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Raw, "body.algorithm") {
		t.Errorf("an algorithm that is not in use: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'key.rotated' AND target IN ('ES256', 'RS256') AND actor LIKE 'usr_%' AND address <> ''"); n != 2 {
		t.Errorf("%d rotations are on record", n)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'key.planned' AND target = $1 AND actor LIKE 'usr_%' AND detail->>'step' = 'rotate'", next["kid"]); n != 1 {
		t.Errorf("%d plans of the next key are on record", n)
	}
}

func TestAKeyThatVerifiersHoldTakesOverAtOnce(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	active, next := keyOf(t, a, opal, "ES256", "active"), keyOf(t, a, opal, "ES256", "next")
	before := machine(t, a)
	aged(t, a, "3 days")
	eventually(t, "the replica has heard", func() bool {
		return at(t, keyOf(t, a, opal, "ES256", "next")["published_at"]).Before(time.Now().Add(-48 * time.Hour))
	})
	out := a.Admin(t, opal, http.MethodPost, "/keys/rotate", map[string]any{"algorithm": "ES256"})
	rotated := items(t, out)
	if len(rotated) != 1 || rotated[0]["kid"] != next["kid"] || rotated[0]["signs"] != true {
		t.Fatalf("rotate: %d %s", out.Status, out.Raw)
	}
	if kidOf(t, machine(t, a)) != next["kid"] {
		t.Error("the next key does not sign")
	}
	if was := keyOf(t, a, opal, "ES256", "retiring"); was["kid"] != active["kid"] {
		t.Errorf("retiring: %v", was)
	}
	if fresh := keyOf(t, a, opal, "ES256", "next"); !at(t, fresh["activated_at"]).After(time.Now().Add(29 * 24 * time.Hour)) {
		t.Errorf("next: %v", fresh)
	}
	if !introspect(t, a, "api", before, true) {
		t.Error("a token of the key that retires is inactive")
	}
}

func TestNothingThatAStolenKeySignedCountsAnyMore(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	tokens := a.Tokens(t, "spa", apptest.Grace, "scope=openid orders:read offline_access")
	access := tokens.Text("access_token")
	v, err := verify.New(t.Context(), verify.Config{Issuer: a.URL, Audience: apptest.Orders})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	stolen, next := keyOf(t, a, opal, "ES256", "active")["kid"].(string), keyOf(t, a, opal, "ES256", "next")["kid"].(string)
	revoke := "/keys/" + stolen + "/revoke"
	for _, body := range []any{nil, map[string]any{}, map[string]any{"compromised": false}} {
		if got := a.Admin(t, opal, http.MethodPost, revoke, body); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Raw, "/keys/rotate") {
			t.Errorf("%v: %d %s", body, got.Status, got.Raw)
		}
	}
	if got := a.Admin(t, opal, http.MethodPost, "/keys/unknown/revoke", map[string]any{"compromised": true}); got.Status != http.StatusNotFound {
		t.Errorf("an unknown key: %d %s", got.Status, got.Raw)
	}
	if !introspect(t, a, "api", access, true) || a.Get(t, "/userinfo", apptest.Bearer(access)).Status != http.StatusOK {
		t.Fatal("the token is not good at first")
	}

	out := a.Admin(t, opal, http.MethodPost, revoke, map[string]any{"compromised": true})
	if out.Status != http.StatusOK {
		t.Fatalf("revoke: %d %s", out.Status, out.Raw)
	}
	signs, fresh, key := out.JSON["signs"].(map[string]any), out.JSON["next"].(map[string]any), out.JSON["key"].(map[string]any)
	if signs["kid"] != next || signs["state"] != "active" || fresh["state"] != "next" || fresh["kid"] == stolen || key["state"] != "removed" ||
		at(t, out.JSON["followers_until"]).Sub(at(t, key["compromised_at"])) != 450*time.Second ||
		at(t, out.JSON["unreachable_until"]).Sub(at(t, out.JSON["followers_until"])) != 24*time.Hour {
		t.Errorf("revoke: %s", out.Raw)
	}
	if kidOf(t, machine(t, a)) != next {
		t.Error("the next key does not sign")
	}
	if !introspect(t, a, "api", access, false) || a.Get(t, "/userinfo", apptest.Bearer(access)).Status != http.StatusUnauthorized {
		t.Error("a token of the stolen key is good")
	}
	if got := a.Admin(t, opal, http.MethodGet, "/keys", nil); got.Status != http.StatusUnauthorized { // signed by it as well
		t.Errorf("an administrator's token of the stolen key: %d", got.Status)
	}
	if err := v.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), access); err == nil {
		t.Error("a service takes a token of the stolen key")
	}
	jwks := a.Get(t, "/.well-known/jwks.json")
	if strings.Contains(jwks.Raw, stolen) || !strings.Contains(jwks.Raw, fresh["kid"].(string)) || !strings.HasPrefix(jwks.Header.Get("Cache-Control"), "public, max-age=60,") {
		t.Errorf("JWKS: %s %s", jwks.Header.Get("Cache-Control"), jwks.Raw)
	}
	if got := a.PostForm(t, "/token", apptest.RefreshForm("spa", tokens.Text("refresh_token"))); got.Status != http.StatusOK || kidOf(t, got.Text("access_token")) != next {
		t.Errorf("a refresh: %d %s", got.Status, got.Raw)
	}

	opal = a.AdminToken(t, apptest.Opal, "signet")
	again := a.Admin(t, opal, http.MethodPost, revoke, map[string]any{"compromised": true})
	if again.Status != http.StatusOK || again.JSON["key"].(map[string]any)["compromised_at"] != key["compromised_at"] || again.JSON["signs"].(map[string]any)["kid"] != next {
		t.Errorf("again: %d %s", again.Status, again.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'key.revoked' AND target = $1 AND actor LIKE 'usr_%'", stolen); n != 1 {
		t.Errorf("%d revocations are on record", n)
	}
	eventually(t, "the private half is destroyed", func() bool {
		return records(t, a, "SELECT count(*) FROM signing_key WHERE kid = $1 AND erased_at IS NOT NULL", stolen) == 1
	})
	attention := a.Admin(t, opal, http.MethodGet, "/keys/status", nil).JSON["attention"].([]any)
	if !slices.ContainsFunc(attention, func(v any) bool {
		found := v.(map[string]any)
		return found["code"] == "revoked" && found["kid"] == stolen && found["urgent"] == false
	}) {
		t.Errorf("%v", attention)
	}
}
