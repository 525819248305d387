package app_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/keys"
)

const jwksPath = "/.well-known/jwks.json"

// conditional sets If-None-Match, a line for each condition.
func conditional(conditions ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header["If-None-Match"] = conditions }
}

func called(agent string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("User-Agent", agent) }
}

func TestIfNoneMatchIsReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	settled(t, a)
	full := a.Get(t, jwksPath)
	etag := full.Header.Get("ETag")
	for name, c := range map[string]struct {
		conditions []string
		status     int
	}{
		"the tag":                       {[]string{etag}, 304},
		"made weak":                     {[]string{"W/" + etag}, 304},
		"one of a list":                 {[]string{`"x", W/"y",` + etag + ` , "z"`}, 304},
		"in the second of two lines":    {[]string{`"x"`, `"y", ` + etag}, 304},
		"an asterisk":                   {[]string{" * "}, 304},
		"another":                       {[]string{`"x"`}, 200},
		"without quotes":                {[]string{strings.Trim(etag, `"`)}, 200},
		"part of another":               {[]string{`"a` + strings.Trim(etag, `"`) + `"`}, 200},
		"a small w":                     {[]string{"w/" + etag}, 200},
		"an asterisk in a tag":          {[]string{`"a,*,b"`}, 200},
		"an asterisk in a list":         {[]string{`"a", *`}, 200},
		"nothing":                       {[]string{""}, 200},
		"more than a header line holds": {[]string{strings.Repeat(`"x",`, 5000)}, 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			out := a.Get(t, jwksPath, conditional(c.conditions...), func(r *http.Request) { r.Method = method })
			h := out.Header
			if out.Status != c.status || h.Get("ETag") != etag || h.Get("Cache-Control") != full.Header.Get("Cache-Control") ||
				h.Get("Access-Control-Allow-Origin") != "*" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" ||
				len(h["Set-Cookie"])+len(h["Vary"]) > 0 {
				t.Errorf("%s %s: %d %v", method, name, out.Status, h)
			}
			body, length, kind := full.Raw, strconv.Itoa(len(full.Raw)), keys.DocumentType
			if method == http.MethodHead || c.status == 304 {
				body = ""
			}
			if c.status == 304 {
				length, kind = "", ""
			}
			if out.Raw != body || h.Get("Content-Length") != length || h.Get("Content-Type") != kind {
				t.Errorf("%s %s: %d bytes, %v", method, name, len(out.Raw), h)
			}
		}
	}
}

func TestTheKeySetIsServedWhileTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	settled(t, a)
	before := a.Get(t, jwksPath)
	etag := before.Header.Get("ETag")
	comeBack := takeDatabase(t, a)
	for range 50 {
		if out := a.Get(t, jwksPath); out.Status != http.StatusOK || out.Raw != before.Raw {
			t.Fatalf("%d %s", out.Status, out.Raw)
		}
		if out := a.Get(t, jwksPath, conditional(etag), called("verifier/1")); out.Status != http.StatusNotModified || out.Header.Get("ETag") != etag {
			t.Fatalf("%d %s", out.Status, out.Raw)
		}
	}
	if out := a.Get(t, "/.well-known/openid-configuration"); out.Status != http.StatusOK {
		t.Errorf("discovery: %d", out.Status)
	}
	comeBack()
	if seen := sightings(t, a); len(seen) != 1 || seen[0].Agent != "verifier/1" || seen[0].ETag != etag {
		t.Errorf("what was noted meanwhile: %+v", seen)
	}
}

func TestConditionalRequestsShowWhoHoldsWhichKeys(t *testing.T) {
	t.Parallel()
	proxied := apptest.With("SIGNET_SERVER_TRUSTED_PROXIES", "127.0.0.1/32")
	a := apptest.Start(t, proxied)
	settled(t, a)
	etag := a.Get(t, jwksPath).Header.Get("ETag")
	for _, c := range []struct{ agent, address, condition string }{
		{"current", "192.0.2.1", etag},
		{"behind a compressing proxy", "2001:db8::1", "W/" + etag},
		{"inventive", "192.0.2.3", `"` + strings.Repeat("A", 43) + `"`},
		{"whatever it is", "192.0.2.4", "*"},
	} {
		a.Get(t, jwksPath, conditional(c.condition), called(c.agent), func(r *http.Request) { r.Header.Set("X-Forwarded-For", c.address) })
	}
	a.Get(t, jwksPath, called("new here"))
	seen := sightings(t, a)
	if len(seen) != 2 {
		t.Fatalf("%+v", seen)
	}
	for _, s := range seen {
		want := map[string]string{"current": "192.0.2.1", "behind a compressing proxy": "2001:db8::1"}[s.Agent]
		if s.Address.String() != want || s.ETag != etag || time.Since(s.SeenAt).Abs() > time.Minute {
			t.Errorf("%+v", s)
		}
	}
}

func TestWhoStillHoldsAFormerSetShows(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	settled(t, a)
	former := a.Get(t, jwksPath).Header.Get("ETag")
	for _, agent := range []string{"quick", "slow"} {
		a.Get(t, jwksPath, conditional(former), called(agent))
	}
	exec(t, a, "UPDATE signing_key SET removed_at = now() WHERE algorithm = 'ES256' AND activated_at > now()")
	var current string
	eventually(t, "another set", func() bool {
		current = a.Get(t, jwksPath).Header.Get("ETag")
		return current != former
	})
	if out := a.Get(t, jwksPath, conditional(former), called("slow")); out.Status != http.StatusOK {
		t.Errorf("%d for a former tag", out.Status)
	}
	a.Get(t, jwksPath, conditional(former), called("late"))
	a.Get(t, jwksPath, conditional(current), called("quick"))
	held := map[string]string{}
	for _, s := range sightings(t, a) {
		held[s.Agent] = s.ETag
	}
	if len(held) != 3 || held["slow"] != former || held["late"] != former || held["quick"] != current {
		t.Errorf("%v, want quick to hold %s and the others %s", held, current, former)
	}
}

// sightings ends the application, which stores what it noted, and returns that.
func sightings(t *testing.T, a *apptest.App) []holder.Sighting {
	t.Helper()
	a.Stop(t)
	var seen []holder.Sighting
	eventually(t, "the store", func() (ok bool) {
		var err error
		seen, err = a.DB.Keys().Holders(t.Context(), time.Now().Add(-time.Hour))
		return err == nil
	})
	slices.SortFunc(seen, func(a, b holder.Sighting) int { return strings.Compare(a.Agent, b.Agent) })
	return seen
}

// takeDatabase lets nobody connect to the application's database any more and ends all
// connections, until the function that it returns is called.
func takeDatabase(t *testing.T, a *apptest.App) (comeBack func()) {
	t.Helper()
	c, err := pgx.ParseConfig(a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	name := c.Database
	c.Database = "postgres"
	admin, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	allow := func(whether string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), "ALTER DATABASE "+pgx.Identifier{name}.Sanitize()+" ALLOW_CONNECTIONS "+whether); err != nil {
			t.Fatal(err)
		}
	}
	allow("false")
	eventually(t, "the end of all connections", func() bool {
		var n int
		err := admin.QueryRow(t.Context(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1", name).Scan(&n)
		return err == nil && n == 0
	})
	ready := func(status int) {
		t.Helper()
		eventually(t, "readiness to notice", func() bool {
			res, err := http.Get(a.OpsURL + "/readyz")
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == status
		})
	}
	ready(http.StatusServiceUnavailable)
	return func() { allow("true"); ready(http.StatusOK) }
}
