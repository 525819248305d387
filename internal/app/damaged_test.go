package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// What becomes of sealed values that something else than Signet has changed.

// damage changes the last byte of a sealed value: a bit of the tag.
func damage(t *testing.T, a *apptest.App, table, column, where string, args ...any) {
	t.Helper()
	tag, err := connect(t, a).Exec(t.Context(), "UPDATE "+table+" SET "+column+" = set_byte("+column+", length("+column+") - 1, get_byte("+column+", length("+column+") - 1) # 1) WHERE "+where, args...)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%s: %d rows, %v", table, tag.RowsAffected(), err)
	}
}

func TestADamagedClientSecretConcernsItsConnectorAlone(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	other := federation{App: f.App, provider: apptest.NewProvider(t)}
	c := other.provider.Connector()
	c.Slug = "other"
	other.provider.SignedIn(person(map[string]any{"sub": "other", "email": "other@partner.example"}))
	other.connector = f.AddConnector(t, c, other.provider.Secret)
	f.enters(t, "before")
	damage(t, f.App, "connector", "sealed_secret", "id = $1", f.connector.ID.UUID())
	eventually(t, "the replica hears of it", func() bool {
		p := f.through(f.Browser(t))
		return p.Status >= http.StatusBadRequest
	})
	for range 2 {
		if p := f.through(f.Browser(t)); p.Status != http.StatusInternalServerError || !p.HasForm("/upstream/partner") || !strings.Contains(p.Body, "Other ways to sign in") {
			t.Errorf("%d\n%s", p.Status, p.Body)
		}
	}
	if log := f.Log.String(); !strings.Contains(log, "the client secret cannot be opened: set it again") || strings.Contains(log, f.provider.Secret.Reveal()) {
		t.Error("the log does not say what to do")
	}
	f.others(t, "damaged", other)
	opal := f.AdminToken(t, apptest.Opal, "signet")
	if out := f.Admin(t, opal, http.MethodPost, "/connectors/partner/test", nil); out.Status != http.StatusConflict || !strings.Contains(out.Raw, "set it again") {
		t.Errorf("the test of it: %d %s", out.Status, out.Raw)
	}
	if out := f.Admin(t, opal, http.MethodPatch, "/connectors/partner", map[string]any{"client_secret": f.provider.Secret.Reveal()}, "If-Match: *"); out.Status != http.StatusOK {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	f.enters(t, "after it was set again")
}

func TestADamagedAttemptOrLinkBeginsAgain(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	b := f.Browser(t)
	p := b.Through("partner")
	damage(t, f.App, "upstream_attempt", "sealed", "true")
	if p = b.Follow(p); p.Status < 400 || signedIn(p) {
		t.Fatalf("%d\n%s", p.Status, p.Body)
	}
	page(t, "damaged attempt", p)
	form := p.Form(t, "/upstream/partner")
	if p = b.Follow(b.Post(form.Action, form.Fields)); p.Status != http.StatusOK || p.URL.Path != "/account" { // where to is lost
		t.Errorf("%d at %s\n%s", p.Status, p.URL, p.Body)
	}

	jane := apptest.Jane()
	jane["sub"], jane["email"] = "another", apptest.Grace
	f.provider.SignedIn(jane)
	b = f.Browser(t)
	p = b.Follow(b.Through("partner"))
	damage(t, f.App, "pending_link", "sealed", "true")
	if p = b.Get(p.URL.String()); p.Status < 400 {
		t.Errorf("%d\n%s", p.Status, p.Body)
	}
	page(t, "damaged link", p)
	done(t, f.Tokens(t, "spa", apptest.Grace))
}

func TestADamagedLetterDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	s, err := writer(t).Seal(mail.Message{Kind: mail.ResetPassword, To: apptest.Ada, Name: "Ada", Link: secret.New("https://id.example/#x"), LinkExpires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	s.Body[len(s.Body)-1] ^= 1
	if err := a.DB.Mail().Enqueue(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	enqueue(t, a, mail.Message{Kind: mail.PasswordChanged, To: apptest.Grace, At: time.Now()})
	a.Mail(t, apptest.Grace)
	eventually(t, "the damaged one is given up", func() bool {
		return records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'mail.undelivered' AND detail->>'reason' LIKE '%damaged%'") == 1
	})
	a.NoMail(t, apptest.Ada)
}

func TestTokensOfAProviderThatAreDamagedAreNotHandedOut(t *testing.T) {
	t.Parallel()
	f := federate(t, func(c *connector.Connector) { c.KeepTokens = true })
	f.enters(t, "before")
	damage(t, f.App, "identity", "sealed_tokens", "true")
	opal := f.AdminToken(t, apptest.Opal, "signet")
	list := f.Admin(t, opal, http.MethodGet, "/connectors/partner/identities", nil)
	path := "/users/" + entries(list, "user_id")[0] + "/identities/" + entries(list, "id")[0] + "/tokens"
	out := f.Admin(t, opal, http.MethodPost, path, nil)
	if out.Status != http.StatusConflict || !strings.Contains(out.Raw, "sign in") {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	f.enters(t, "again")
	if out := f.Admin(t, opal, http.MethodPost, path, nil); out.Status != http.StatusOK {
		t.Errorf("after signing in again: %d %s", out.Status, out.Raw)
	}
}

// What refresh tokens and pending sign-ins are signed with stays in the memory of replicas that run.
func TestADamagedRootSecretIsKeptByThoseWhoHaveItAndKeepsOthersFromStarting(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	c := connect(t, a)
	exec := func(sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	refresh := a.Tokens(t, "spa", apptest.Grace, "scope=openid offline_access").Text("refresh_token")
	exec("CREATE TABLE safe AS SELECT * FROM system_secret")
	restore := "DELETE FROM system_secret; INSERT INTO system_secret SELECT * FROM safe; NOTIFY signet_keys"
	for n, c := range []struct{ sql, says string }{
		{"UPDATE system_secret SET sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1)", "sealed value is damaged"},
		{"UPDATE system_secret SET sealed = 'nothing of ours'", "sealed value is damaged"},
		{"DELETE FROM system_secret", "the row is gone from system_secret"},
	} {
		exec(c.sql + "; NOTIFY signet_keys")
		eventually(t, c.sql, func() bool {
			return strings.Count(a.Log.String(), "the root secret is damaged in the database; going on with the copy in memory") == n+1
		})
		if !strings.Contains(a.Log.String(), c.says) {
			t.Errorf("%s: the log does not say %q", c.sql, c.says)
		}
		out := a.PostForm(t, "/refresh", apptest.RefreshForm("spa", refresh))
		if refresh = out.Text("refresh_token"); out.Status != http.StatusOK {
			t.Fatalf("%s: refresh: %d %s", c.sql, out.Status, out.Raw)
		}
		done(t, a.Tokens(t, "spa", apptest.Grace))
		if c.says == "sealed value is damaged" {
			if err := startAgain(t, a); err == nil || !strings.Contains(err.Error(), "restore this row of the table system_secret from a backup") || strings.Contains(err.Error(), apptest.MasterKey) {
				t.Errorf("%s: the start of another: %v", c.sql, err)
			}
		}
		exec(restore)
		// The key ring goes on loading: what happens to keys is noticed.
		second := apptest.Start(t, apptest.WithDatabase(a.DSN), apptest.With("SIGNET_ISSUER", a.URL))
		second.URL = second.Public
		if out = second.PostForm(t, "/refresh", apptest.RefreshForm("spa", refresh)); out.Status != http.StatusOK {
			t.Fatalf("%s: refresh elsewhere once it is restored: %d %s", c.sql, out.Status, out.Raw)
		}
		refresh = out.Text("refresh_token")
		second.Stop(t)
	}
	// Without a backup there is a way on, which costs every token.
	a.Stop(t)
	exec("DELETE FROM system_secret WHERE purpose = 'root'")
	if err := startAgain(t, a); err == nil || !strings.Contains(err.Error(), "the root secret is gone") {
		t.Errorf("the start without it: %v", err)
	}
	exec("DELETE FROM signing_key")
	again := apptest.Start(t, apptest.WithDatabase(a.DSN))
	if out := again.PostForm(t, "/refresh", apptest.RefreshForm("spa", refresh)); out.Error() != "invalid_grant" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	done(t, again.Tokens(t, "spa", apptest.Grace))
}

// startAgain starts another replica in vain.
func startAgain(t *testing.T, a *apptest.App) error {
	t.Helper()
	c, err := config.Load(config.Source{Environ: []string{
		"SIGNET_ISSUER=" + a.URL, "DATABASE_URL=" + a.DSN, "SIGNET_KEYS_MASTER=" + apptest.MasterKey,
		"SIGNET_SERVER_LISTEN=127.0.0.1:0", "SIGNET_OPS_LISTEN=127.0.0.1:0",
	}}, config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	return app.Run(ctx, app.Options{Config: c, Log: slog.New(slog.DiscardHandler), Now: time.Now})
}
