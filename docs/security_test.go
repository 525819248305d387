package docs_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
)

// What security.md says and no other test shows.

func TestACodeThatIsTooOldYieldsNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code := a.Code(t, "spa", apptest.Grace)
	execute(t, a, "UPDATE authorization_code SET expires_at = now() WHERE expires_at <= now() + interval '60 seconds'")
	if out := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)); out.Error() != "invalid_grant" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
}

// A server that forgets to look at the error of its store answers 200.
func TestARevocationThatWasNotStoredIsNotReportedAsDone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	tokens := a.Tokens(t, "spa", apptest.Grace)
	execute(t, a, "ALTER TABLE revocation RENAME TO away")
	for _, kind := range []string{"access_token", "refresh_token"} {
		out := a.PostForm(t, "/revoke", url.Values{"token": {tokens.Text(kind)}, "client_id": {"spa"}})
		if out.Status < http.StatusInternalServerError || out.Error() == "" {
			t.Errorf("%s: %d %s", kind, out.Status, out.Raw)
		}
	}
	execute(t, a, "ALTER TABLE away RENAME TO revocation")
	if out := a.PostForm(t, "/token", apptest.RefreshForm("spa", tokens.Text("refresh_token"))); out.Status != http.StatusOK {
		t.Errorf("a revocation that failed did half of its work: %d %s", out.Status, out.Raw)
	}
}

func execute(t *testing.T, a *apptest.App, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
