package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
)

// events asks for the audit log until an event of the action is there: tokens and denials are
// written a moment after they were answered.
func events(t *testing.T, a *apptest.App, token, query, action string) apptest.Answer {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := a.Admin(t, token, http.MethodGet, "/audit?"+query, nil)
		if got.Status != http.StatusOK || action == "" || strings.Contains(got.Raw, `"`+action+`"`) {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s in %s", action, got.Raw)
		}
	}
}

func TestEverythingThatHappenedIsInTheAuditLogAndNoSecretIs(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Ada, "acme")
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, "not her passphrase at all")
	tokens := a.Tokens(t, "spa", apptest.Grace)
	done(t, a.Admin(t, opal, http.MethodPatch, "/tenants/acme", map[string]any{"name": "Acme 2"}, "If-Match: *"))
	if got := a.Admin(t, ada, http.MethodPost, "/tenants", map[string]any{"slug": "mine", "name": "Mine"}); got.Status != http.StatusForbidden {
		t.Errorf("a tenant made by another's administrator: %d %s", got.Status, got.Raw)
	}

	for _, action := range []string{"session.signed_in", "session.sign_in_failed", "token.issued", "grant.authorized", "tenant.updated", "admin.denied"} {
		got := events(t, a, opal, "limit=200", action)
		for what, secret := range map[string]string{
			"a password": "passphrase", "an access token": tokens.Text("access_token"), "a refresh token": tokens.Text("refresh_token"),
		} {
			if secret != "" && strings.Contains(got.Raw, secret) {
				t.Errorf("the log holds %s", what)
			}
		}
	}
	got := events(t, a, opal, "action=tenant", "tenant.updated")
	item := got.JSON["items"].([]any)[0].(map[string]any)
	if !strings.HasPrefix(item["actor"].(string), "usr_") || !strings.HasPrefix(item["target"].(string), "ten_") || item["address"] != "127.0.0.1" ||
		item["request_id"] == "" || item["detail"].(map[string]any)["fields"] != "name" {
		t.Errorf("the act: %v", item)
	}

	// The tenant's administrator sees what concerns the tenant, and nothing of others.
	own := events(t, a, ada, "limit=200", "token.issued")
	tenant := item["tenant_id"].(string)
	for _, e := range own.JSON["items"].([]any) {
		if e.(map[string]any)["tenant_id"] != tenant {
			t.Errorf("an event of another tenant: %v", e)
		}
	}
	if got := a.Admin(t, ada, http.MethodGet, "/audit?tenant=globex", nil); got.Status != http.StatusNotFound {
		t.Errorf("another's log: %d %s", got.Status, got.Raw)
	}
}

func TestTheAuditLogIsReadInPagesTowardsThePast(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for range 5 {
		done(t, a.Admin(t, opal, http.MethodPatch, "/tenants/acme", map[string]any{"name": "Acme"}, "If-Match: *"))
	}
	seen, cursor := 0, ""
	last := time.Now().Add(time.Hour)
	for {
		got := a.Admin(t, opal, http.MethodGet, "/audit?limit=2&action=tenant.updated&tenant=acme&cursor="+cursor, nil)
		for _, e := range got.JSON["items"].([]any) {
			at, err := time.Parse(time.RFC3339, e.(map[string]any)["at"].(string))
			if err != nil || at.After(last) {
				t.Errorf("%v after %v: %v", at, last, err)
			}
			last = at
			seen++
		}
		if cursor = got.Text("next_cursor"); cursor == "" {
			break
		}
	}
	if seen != 5 {
		t.Errorf("%d events", seen)
	}
}

func TestWhoHasAccessTodayIsOneQuestion(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ada := a.AdminToken(t, apptest.Ada, "acme")
	today := time.Now().UTC().Format(time.DateOnly)
	got := a.Admin(t, ada, http.MethodGet, "/audit/access?tenant=acme&limit=200&on="+today, nil)
	if got.Status != http.StatusOK || !strings.Contains(got.Raw, apptest.Grace) || !strings.Contains(got.Raw, `"orders:read"`) || strings.Contains(got.Raw, apptest.Linus) {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	for query, status := range map[string]int{
		"tenant=globex&on=" + today: 404, "tenant=nobody&on=" + today: 404, "tenant=acme&on=2026-02-30": 422, "tenant=acme": 422, "on=" + today: 422,
		"tenant=acme&user=nobody&on=" + today:                               422,
		"tenant=acme&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z": 422,
		"tenant=acme&since=2025-01-02T00:00:00Z&until=2026-01-04T00:00:00Z": 422,
		"tenant=acme&since=2026-01-02T00:00:00Z&until=2026-01-03T00:00:00Z": 200,
	} {
		if got := a.Admin(t, ada, http.MethodGet, "/audit/access?"+query, nil); got.Status != status {
			t.Errorf("%s: %d %s", query, got.Status, got.Raw)
		}
	}
	grace := a.AdminToken(t, apptest.Grace, "acme")
	if got := a.Admin(t, grace, http.MethodGet, "/audit", nil); got.Status != http.StatusForbidden {
		t.Errorf("a clerk: %d %s", got.Status, got.Raw)
	}
}
