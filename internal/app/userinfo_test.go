package app_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
)

// Userinfo answers from memory. What is remembered of a person must not outlast a change of it,
// whoever made it and wherever.

// userinfo is the answer for the token at one replica.
func userinfo(t *testing.T, a *apptest.App, token string) apptest.Answer {
	t.Helper()
	return (&apptest.App{URL: a.Public}).Get(t, "/userinfo", apptest.Bearer(token))
}

// soon is a second, on a machine that is not busy.
const soon = 5 * time.Second

// changes are made by somebody else in the database, and show in userinfo for a clerk of acme.
var changes = []struct {
	what, sql string
	shows     func(apptest.Answer) bool
}{
	{"a name", "UPDATE user_account SET name = 'Amazing Grace' WHERE email = 'grace@acme.example'",
		func(out apptest.Answer) bool { return out.JSON["name"] == "Amazing Grace" }},
	{"a role more", "INSERT INTO membership_role SELECT m.tenant_id, m.user_id, 'admin' FROM membership m JOIN user_account u ON u.id = m.user_id WHERE u.email = 'grace@acme.example'",
		func(out apptest.Answer) bool { return rolesAre(out, "admin", "clerk") }},
	{"a role less", "DELETE FROM role WHERE name = 'clerk'",
		func(out apptest.Answer) bool { return rolesAre(out, "admin") }},
	{"the tenant's slug", "UPDATE tenant SET slug = 'acme-2' WHERE slug = 'acme'",
		func(out apptest.Answer) bool { return out.JSON["tenant"] == "acme-2" }},
	{"a disabled account", "UPDATE user_account SET disabled_at = now() WHERE email = 'grace@acme.example'", refused},
	{"an enabled account", "UPDATE user_account SET disabled_at = NULL", answered},
	{"a disabled tenant", "UPDATE tenant SET disabled_at = now() WHERE slug = 'acme-2'", refused},
	{"an enabled tenant", "UPDATE tenant SET disabled_at = NULL", answered},
	{"a membership that ended", "DELETE FROM membership WHERE user_id = (SELECT id FROM user_account WHERE email = 'grace@acme.example')", refused},
	{"a membership anew", "INSERT INTO membership (tenant_id, user_id) SELECT t.id, u.id FROM tenant t, user_account u WHERE t.slug = 'acme-2' AND u.email = 'grace@acme.example'",
		func(out apptest.Answer) bool { return answered(out) && rolesAre(out) }},
	{"a deleted person", "DELETE FROM user_account WHERE email = 'grace@acme.example'", refused},
}

func answered(out apptest.Answer) bool { return out.Status == http.StatusOK }
func refused(out apptest.Answer) bool  { return out.Status == http.StatusUnauthorized }

func rolesAre(out apptest.Answer, want ...string) bool {
	var got []string
	roles, ok := out.JSON["roles"].([]any)
	for _, r := range roles {
		got = append(got, r.(string))
	}
	return ok && slices.Equal(got, want)
}

func TestUserinfoShowsChangesOnEveryReplica(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	for _, c := range changes {
		for _, replica := range []*apptest.App{a, b} {
			if out := userinfo(t, replica, token); c.shows(out) {
				t.Fatalf("%s shows before it is made: %d %s", c.what, out.Status, out.Raw)
			}
		}
		exec(t, a, c.sql)
		made := time.Now()
		for _, replica := range []*apptest.App{a, b} {
			eventually(t, c.what, func() bool { return c.shows(userinfo(t, replica, token)) })
		}
		if d := time.Since(made); d > soon {
			t.Errorf("%s: it took %s", c.what, d)
		}
	}
}

func TestUserinfoShowsChangesWhileAnnouncementsAreLost(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	ctx, stop := context.WithCancel(t.Context())
	killed, done := make(chan struct{}), make(chan struct{})
	conn := connect(t, a)
	go func() { // whenever the listener comes back, its connection is ended
		defer close(done)
		for first := true; ctx.Err() == nil; {
			var n int
			err := conn.QueryRow(context.WithoutCancel(ctx), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'signet listener'`).Scan(&n)
			if err != nil {
				t.Error(err)
				return
			}
			if n > 0 && first {
				first = false
				close(killed)
			}
		}
	}()
	defer func() { stop(); <-done }()
	<-killed
	for _, c := range changes {
		if out := userinfo(t, a, token); c.shows(out) {
			t.Fatalf("%s shows before it is made: %d %s", c.what, out.Status, out.Raw)
		}
		exec(t, a, c.sql)
		made := time.Now()
		eventually(t, c.what, func() bool { return c.shows(userinfo(t, a, token)) })
		if d := time.Since(made); d > soon {
			t.Errorf("%s: it took %s", c.what, d)
		}
		for range 20 { // and what was remembered before does not come back
			if out := userinfo(t, a, token); !c.shows(out) {
				t.Errorf("%s is gone again: %d %s", c.what, out.Status, out.Raw)
			}
		}
	}
}

func TestUserinfoShowsWhatChangedInAnInterruptionOfAnnouncements(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	conn := connect(t, a)
	for n, name := range []string{"One", "Two", "Three"} {
		eventually(t, "an answer", func() bool { return answered(userinfo(t, a, token)) })
		err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE user_account SET name = $1 WHERE email = $2", name, apptest.Grace)
			if err == nil {
				_, err = tx.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signet listener'`)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		made := time.Now()
		eventually(t, "the new name", func() bool { return userinfo(t, a, token).JSON["name"] == name })
		if d := time.Since(made); d > soon {
			t.Errorf("change %d: it took %s", n, d)
		}
		if out := fromMemory(t, a, token); out.JSON["name"] != name { // what was remembered before does not come back
			t.Errorf("change %d, when announcements are heard again: %s", n, out.Raw)
		}
	}
}

// fromMemory waits until userinfo is answered without the table of people.
func fromMemory(t *testing.T, a *apptest.App, token string) (out apptest.Answer) {
	t.Helper()
	conn := connect(t, a)
	rename := func(from, to string) {
		if _, err := conn.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an answer from memory", func() bool {
		if !answered(userinfo(t, a, token)) {
			t.Fatal("no answer with the table")
		}
		rename("user_account", "hidden")
		defer rename("hidden", "user_account")
		out = userinfo(t, a, token)
		return answered(out)
	})
	return out
}

func TestUserinfoAsksTheDatabaseOnceForAPersonWhoDoesNotChange(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	grace, ada := a.Tokens(t, "spa", apptest.Grace).Text("access_token"), a.Tokens(t, "spa", apptest.Ada).Text("access_token")
	if out := fromMemory(t, a, grace); out.Status != http.StatusOK {
		t.Fatalf("from memory: %d %s", out.Status, out.Raw)
	}
	exec(t, a, "ALTER TABLE user_account RENAME TO hidden")
	if out := userinfo(t, a, ada); out.Status < 500 {
		t.Errorf("somebody not asked for before, without the table: %d %s", out.Status, out.Raw)
	}
}
