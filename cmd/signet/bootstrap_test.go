package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// bootstrapped runs signet bootstrap against a database and returns the exit code and output.
func bootstrapped(t *testing.T, dsn string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password.txt")
	if err := os.WriteFile(password, []byte("a long passphrase for tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	args = append([]string{"bootstrap", "--tenant", "acme", "--email", "ada@acme.example", "--password-file", password}, args...)
	code = run(t.Context(), args, []string{"DATABASE_URL=" + dsn}, &out, &errs)
	return code, out.String(), errs.String()
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func TestBootstrapIsAuditedWithWhomItGaveWhichRoleAndWithoutACaller(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	if code, _, errs := bootstrapped(t, dsn); code != 0 {
		t.Fatal(errs)
	}
	if code, _, errs := bootstrapped(t, dsn, "--role", "clerk", "--client", "shop", "--redirect-uri", "https://shop.example/cb"); code != 0 {
		t.Fatal(errs)
	}
	rows, err := connect(t, dsn).Query(t.Context(), `
		SELECT concat_ws('|', action, email, slug, client_id, detail->>'tenant', detail->>'roles', address || request_id)
		FROM audit_event e JOIN user_account u ON u.id = e.user_id JOIN tenant t ON t.id = e.tenant_id ORDER BY e.at, e.id`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := "installation.bootstrapped|ada@acme.example|acme||acme|admin|\n" +
		"installation.bootstrapped|ada@acme.example|signet||signet|admin|\n" + // the first person of all
		"installation.bootstrapped|ada@acme.example|acme|shop|acme|clerk|"
	if strings.Join(got, "\n") != want {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// The secret is printed once: a failure that comes after it was stored must not swallow it.
func TestABootstrapThatCannotBeAuditedFailsAndStillShowsTheSecret(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	if _, err := connect(t, dsn).Exec(t.Context(), "ALTER TABLE audit_event ADD CONSTRAINT none CHECK (action = '')"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := bootstrapped(t, dsn, "--confidential", "--client", "shop", "--redirect-uri", "https://shop.example/cb")
	if code == 0 || !strings.Contains(errs, "everything was stored, but not the audit event") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if !strings.Contains(out, "secret  ") {
		t.Errorf("the secret is lost: %s", out)
	}
}

// administrators lists who holds a permission of the administration in a tenant.
func administrators(t *testing.T, dsn, tenant, permission string) string {
	t.Helper()
	rows, err := connect(t, dsn).Query(t.Context(), `
		SELECT u.email FROM membership_role mr
		  JOIN tenant t ON t.id = mr.tenant_id AND t.slug = $1
		  JOIN role_permission rp ON rp.tenant_id = mr.tenant_id AND rp.role = mr.role AND rp.audience = 'urn:signet:admin' AND rp.permission = $2
		  JOIN user_account u ON u.id = mr.user_id ORDER BY 1`, tenant, permission)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestTheFirstPersonAdministersTheInstallationAndLaterOnesWhenToldTo(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	for _, step := range []struct {
		args []string
		says bool
		want string
	}{
		{[]string{"--email", "bob@acme.example", "--installation-admin=false"}, false, ""},
		{[]string{"--email", "bob@acme.example"}, false, ""}, // who is there already is not promoted in passing
		{[]string{"--email", "ada@acme.example"}, true, "ada@acme.example"},
		{[]string{"--email", "cleo@acme.example"}, false, "ada@acme.example"},
		{[]string{"--email", "ada@acme.example", "--installation-admin=false"}, false, "ada@acme.example"}, // nothing is taken away
		{[]string{"--email", "dora@acme.example", "--installation-admin"}, true, "ada@acme.example dora@acme.example"},
	} {
		code, out, errs := bootstrapped(t, dsn, step.args...)
		if code != 0 {
			t.Fatal(errs)
		}
		got := administrators(t, dsn, "signet", "installation:manage")
		if got != step.want {
			t.Errorf("after %v: %q, want %q", step.args, got, step.want)
		}
		if strings.Contains(out, "administers the whole installation") != step.says {
			t.Errorf("after %v it says: %s", step.args, out)
		}
	}
	// The role of that name comes with what makes an administrator of the tenant.
	if got := administrators(t, dsn, "acme", "tenant:manage"); got != "ada@acme.example bob@acme.example cleo@acme.example dora@acme.example" {
		t.Errorf("acme is administered by %q", got)
	}
}
