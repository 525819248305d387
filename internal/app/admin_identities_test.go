package app_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// linked links Linus, who belongs to globex, to a connector, with tokens if they are given.
func linked(t *testing.T, a *apptest.App, reference, subject string, tokens connector.Tokens) (user, identity string) {
	t.Helper()
	master, err := envelope.ParseMaster(secret.New(apptest.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	i := id.NewIdentity(time.Now())
	var sealed []byte
	if !tokens.Access.Empty() {
		if sealed, err = connector.NewKeeper(envelope.New(master)).SealTokens(i, tokens); err != nil {
			t.Fatal(err)
		}
	}
	var u [16]byte
	err = connect(t, a).QueryRow(context.Background(), `INSERT INTO identity (id, connector_id, issuer, subject, user_id, email, label, sealed_tokens)
		SELECT $1, c.id, c.issuer, $2, u.id, 'linus@partner.example', 'linus.t', $3 FROM connector c, user_account u
		 WHERE c.reference = $4 AND u.email_normalized = $5 RETURNING user_id`, i.UUID(), subject, sealed, reference, apptest.Linus).Scan(&u)
	if err != nil {
		t.Fatal(err)
	}
	return id.UserFromUUID(u).String(), i.String()
}

func TestIdentitiesAreSeenAndUnlinkedByThoseWhoHaveTheirConnector(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, greta, ada := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex"), a.AdminToken(t, apptest.Ada, "acme")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", googleFields("joins_tenant_id", "globex")))
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "globex", "slug", "okta")))
	user, atGoogle := linked(t, a, "google", "g-1", connector.Tokens{})
	_, atOkta := linked(t, a, "globex.okta", "o-1", connector.Tokens{})
	of := "/users/" + user + "/identities"
	if got := entries(a.Admin(t, opal, http.MethodGet, of, nil), "id"); !slices.Equal(got, []string{atGoogle, atOkta}) {
		t.Errorf("the installation sees %v", got)
	}
	if got := a.Admin(t, greta, http.MethodGet, of, nil); !slices.Equal(entries(got, "id"), []string{atOkta}) || !strings.Contains(got.Raw, `"subject":"o-1"`) || !strings.Contains(got.Raw, `"tokens_kept":false`) {
		t.Errorf("the tenant sees %s", got.Raw)
	}
	if got := entries(a.Admin(t, greta, http.MethodGet, "/connectors/globex.okta/identities", nil), "user_id"); !slices.Equal(got, []string{user}) {
		t.Errorf("at its connector: %v", got)
	}
	for _, c := range []struct {
		what, token, method, path string
		status                    int
	}{
		{"a person of another tenant", ada, http.MethodGet, of, 404},
		{"another's identity", ada, http.MethodDelete, of + "/" + atOkta, 404},
		{"the installation's identity", greta, http.MethodDelete, of + "/" + atGoogle, 404},
		{"somebody else's identity", opal, http.MethodDelete, "/users/" + id.NewUser(time.Now()).String() + "/identities/" + atOkta, 404},
		{"no identity", opal, http.MethodDelete, of + "/idn_x", 404},
		{"its own", greta, http.MethodDelete, of + "/" + atOkta, 204},
		{"its own, again", greta, http.MethodDelete, of + "/" + atOkta, 404},
		{"the installation's, by it", opal, http.MethodDelete, of + "/" + atGoogle, 204},
	} {
		if got := a.Admin(t, c.token, c.method, c.path, nil); got.Status != c.status {
			t.Errorf("%s: %d %s, want %d", c.what, got.Status, got.Raw, c.status)
		}
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'identity.unlinked' AND target = $1 AND detail ->> 'subject' = 'o-1' AND actor LIKE 'usr_%'", atOkta); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestKeptTokensAreHandedOutOnRecord(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal, greta := a.AdminToken(t, apptest.Opal, "signet"), a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", googleFields("joins_tenant_id", "globex")))
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "globex", "slug", "okta", "keep_tokens", true)))
	expiry := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	user, kept := linked(t, a, "globex.okta", "o-1", connector.Tokens{Access: secret.New("at-1"), Refresh: secret.New("rt-1"), Type: "Bearer", Scope: "openid", Expiry: expiry})
	_, without := linked(t, a, "globex.okta", "o-2", connector.Tokens{})
	_, elsewhere := linked(t, a, "google", "g-1", connector.Tokens{Access: secret.New("at-2")})
	of := "/users/" + user + "/identities/"
	got := a.Admin(t, greta, http.MethodPost, of+kept+"/tokens", nil)
	if got.Status != http.StatusOK || got.Text("access_token") != "at-1" || got.Text("refresh_token") != "rt-1" || got.Text("expires_at") != "2030-01-02T03:04:05Z" || got.JSON["id_token"] != nil || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("kept: %d %s %v", got.Status, got.Raw, got.Header)
	}
	if got := a.Admin(t, greta, http.MethodPost, of+without+"/tokens", nil); got.Status != http.StatusConflict {
		t.Errorf("not kept: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, greta, http.MethodPost, of+elsewhere+"/tokens", nil); got.Status != http.StatusNotFound {
		t.Errorf("of the installation's connector: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodPost, of+kept+"/tokens", nil); got.Status != http.StatusNotFound {
		t.Errorf("of another tenant: %d %s", got.Status, got.Raw)
	}
	if list := a.Admin(t, greta, http.MethodGet, "/users/"+user+"/identities", nil); strings.Contains(list.Raw, "at-1") {
		t.Errorf("a list holds tokens: %s", list.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'identity.tokens_read'"); n != 1 {
		t.Errorf("%d records", n)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'identity.tokens_read' AND target = $1 AND detail::text NOT LIKE '%at-1%'", kept); n != 1 {
		t.Errorf("%d records of it", n)
	}
}
