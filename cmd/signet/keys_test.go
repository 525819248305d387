package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
)

func TestRewrapSaysWhatIsLeftAndWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	before := apptest.Start(t, apptest.WithDatabase(dsn))
	add := func(slug string) connector.Connector {
		return before.AddConnector(t, connector.Connector{Slug: slug, Kind: connector.OIDC, Name: slug, Issuer: "https://idp.example", ClientID: slug}, secret.New("its secret"))
	}
	add("good")
	bad := add("bad")
	before.Stop(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("UPDATE connector SET sealed_secret = set_byte(sealed_secret, 100, get_byte(sealed_secret, 100) # 1) WHERE reference = 'bad'")
	const present = "mJ0pQvWw0Wq6dYy1lJxkq3m3b9Qh2Z5s8Tt4uV7xYz0="
	a := apptest.Start(t, apptest.WithDatabase(dsn), apptest.With("SIGNET_KEYS_MASTER", present), apptest.With("SIGNET_KEYS_MASTER_PREVIOUS", apptest.MasterKey))
	env := []string{"SIGNET_URL=" + a.URL, "SIGNET_TOKEN=" + a.AdminToken(t, apptest.Opal, "signet")}
	rewrap := func() (int, string, string) {
		var out, log bytes.Buffer
		return run(t.Context(), []string{"keys", "rewrap"}, env, &out, &log), out.String(), log.String()
	}
	code, out, log := rewrap()
	if code != 1 || !strings.Contains(out, "connector "+bad.ID.String()+": sealed value is damaged") || !strings.Contains(log, "what is listed cannot be brought under") || strings.Contains(out, "Nothing is left") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	// Somebody is changing a value all the while.
	exec("DELETE FROM connector WHERE reference = 'bad'")
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "UPDATE connector SET sealed_secret = '\\x01' WHERE reference = 'good'"); err != nil {
		t.Fatal(err)
	}
	if code, out, log := rewrap(); code != 0 || !strings.Contains(out, "Nothing is left") { // it was brought under the key before
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A replica that was forgotten still seals under the former key.
	forgotten := apptest.Start(t, apptest.WithDatabase(dsn), apptest.With("SIGNET_KEYS_MASTER_PREVIOUS", present))
	forgotten.AddConnector(t, connector.Connector{Slug: "late", Kind: connector.OIDC, Name: "late", Issuer: "https://idp.example", ClientID: "late"}, secret.New("its secret"))
	if tx, err = conn.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM connector FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if code, out, log := rewrap(); code != 1 || !strings.Contains(out, "remaining   1") || !strings.Contains(log, "make sure that every replica has master key") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, out, log := rewrap(); code != 0 || !strings.Contains(out, "rewrapped   1") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
}

func TestRevokingAKeyAsksAndSaysWhatHappensAndForHowLongVerifiersMayAcceptIt(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	call := func(args ...string) (int, string, string) {
		var out, log bytes.Buffer
		env := []string{"SIGNET_URL=" + a.URL, "SIGNET_TOKEN=" + a.AdminToken(t, apptest.Opal, "signet")}
		return run(t.Context(), append([]string{"keys"}, args...), env, &out, &log), out.String(), log.String()
	}
	_, listed, _ := call("list")
	var kid string
	for line := range strings.Lines(listed) {
		if f := strings.Fields(line); f[1] == "ES256" && f[2] == "active" {
			kid = f[0]
		}
	}
	if code, out, log := call("revoke", kid, "--compromised"); code != 1 || out != "" ||
		!strings.Contains(log, "Every token that it signed is refused from now on") || !strings.Contains(log, "The next key signs at once") || !strings.Contains(log, "say --yes") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	code, out, log := call("revoke", kid, "--compromised", "--yes")
	if code != 0 || !strings.Contains(out, kid) || !strings.Contains(out, "signs now") || !strings.Contains(out, "at the latest by verifiers that follow the headers") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	if code, out, log := call("status", "--check"); code != 0 || !strings.Contains(out, "NOTE The key was revoked at ") || !strings.Contains(out, "max-age=60,") {
		t.Errorf("%d\n%s\n%s", code, out, log)
	}
	if _, out, _ := call("list"); strings.Contains(out, kid) {
		t.Errorf("a removed key is listed\n%s", out)
	}
	if _, out, _ := call("list", "--all"); !strings.Contains(out, kid+"  ES256  removed, stolen") {
		t.Errorf("the removed key is not listed\n%s", out)
	}
}

func TestTheStatusOfKeysSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	env := []string{"SIGNET_URL=" + a.URL, "SIGNET_TOKEN=" + a.AdminToken(t, apptest.Opal, "signet")}
	conn, err := pgx.Connect(t.Context(), a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// A key that nobody can open any more, and another master key's work.
	if _, err := conn.Exec(t.Context(), `UPDATE signing_key SET sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1) WHERE activated_at <= now() AND algorithm = 'ES256'`); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"keys", "status", "--check"}, env, &out, &log)
		if code == 1 && strings.Contains(out.String(), "LOOK What is stored of the key cannot be opened") &&
			strings.Contains(out.String(), "Do not restart replicas before its last token has expired") && strings.Contains(log.String(), "the keys need attention: 1 urgent") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d\n%s\n%s", code, out.String(), log.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
