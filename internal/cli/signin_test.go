package cli

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/apptest"
)

// terminal is a person at a terminal, with a browser.
type terminal struct {
	*CLI
	out, err bytes.Buffer
}

func newTerminal(t *testing.T, app *apptest.App, email string, environ ...string) *terminal {
	t.Helper()
	term := &terminal{}
	term.CLI = &CLI{
		Environ: append([]string{EnvCredentials + "=" + filepath.Join(t.TempDir(), "credentials.json")}, environ...),
		Stdin:   strings.NewReader(""), Stdout: &term.out, Stderr: &term.err, Now: time.Now,
		Open: func(_ context.Context, address string) error {
			b := app.Browser(t)
			p := b.SignIn(b.Get(address), email, apptest.Password)
			if p.Away == nil {
				t.Fatalf("not sent back: %s", p.Body)
			}
			go func() {
				if res, err := http.Get(p.Away.String()); err == nil {
					_ = res.Body.Close()
				}
			}()
			return nil
		},
	}
	return term
}

// run runs one command line and returns what it printed.
func (term *terminal) run(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	term.out.Reset()
	term.err.Reset()
	// Flags start anew with each process.
	term.server, term.organization, term.format, term.yes = "", "", "", false
	root := &cobra.Command{Use: "signet", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(term.Commands()...)
	root.SetOut(&term.out)
	root.SetErr(&term.err)
	root.SetArgs(args)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = root.ExecuteContext(ctx)
	return term.out.String(), err
}

func (term *terminal) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := term.run(t, args...)
	if err != nil {
		t.Fatalf("signet %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func TestAPersonSignsInAdministersAndSignsOut(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	term := newTerminal(t, app, apptest.Opal)
	if _, err := term.run(t, "login"); err == nil || !strings.Contains(err.Error(), "name the server") {
		t.Errorf("without a server: %v", err)
	}
	if out := term.must(t, "login", "--server", app.URL); !strings.Contains(out, "Signed in to "+app.URL+" as "+apptest.Opal+" in signet.") {
		t.Error(out)
	}
	if out := term.must(t, "whoami", "-o", "json"); !strings.Contains(out, `"email": "`+apptest.Opal+`"`) || !strings.Contains(out, `"organization": "signet"`) {
		t.Error(out)
	}
	if out := term.must(t, "tenant", "list"); !strings.Contains(out, "acme") || !strings.Contains(out, "globex") {
		t.Error(out)
	}
	file, err := term.credentials()
	if err != nil {
		t.Fatal(err)
	}
	before, err := file.Read()
	if err != nil {
		t.Fatal(err)
	}

	// Signing in again ends what was before; signing out ends the rest.
	term.must(t, "login")
	after, err := file.Read()
	if err != nil || len(after.All) != 1 {
		t.Fatalf("%d accounts, %v", len(after.All), err)
	}
	refused := func(token string) {
		t.Helper()
		if out := app.PostForm(t, "/token", apptest.RefreshForm("signet-cli", token)); out.Error() != "invalid_grant" {
			t.Errorf("the refresh token lives on: %d %s", out.Status, out.Raw)
		}
	}
	refused(before.All[0].RefreshToken.Reveal())
	if out := term.must(t, "logout"); !strings.Contains(out, "Signed out of "+app.URL) {
		t.Error(out)
	}
	refused(after.All[0].RefreshToken.Reveal())
	if _, err := term.run(t, "tenant", "list"); err == nil || !strings.Contains(err.Error(), "signet login") {
		t.Errorf("after signing out: %v", err)
	}
	for _, a := range append(before.All, after.All...) {
		for _, token := range []string{a.AccessToken.Reveal(), a.RefreshToken.Reveal()} {
			if strings.Contains(app.Log.String(), token) || strings.Contains(term.err.String()+term.out.String(), token) {
				t.Error("a token was printed")
			}
		}
	}
}

func TestOnePersonIsSignedInToSeveralOrganizations(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	term := newTerminal(t, app, apptest.Ada)
	term.must(t, "login", "--server", app.URL, "--organization", "globex")
	term.must(t, "login", "--server", app.URL, "--organization", "acme")
	if out := term.must(t, "whoami", "--all"); strings.Count(out, apptest.Ada) != 2 || !strings.Contains(out, "*  "+app.URL+"  acme") {
		t.Error(out)
	}
	// Ada administers acme and is a viewer of globex.
	if out := term.must(t, "tenant", "list"); !strings.Contains(out, "acme") || strings.Contains(out, "globex") {
		t.Error(out)
	}
	if _, err := term.run(t, "tenant", "list", "--organization", "globex"); err == nil || !strings.Contains(err.Error(), "You act as "+apptest.Ada+" in globex") {
		t.Errorf("as a viewer: %v", err)
	}
	if _, err := term.run(t, "tenant", "list", "--organization", "initech"); err == nil || !strings.Contains(err.Error(), "signet login --organization initech") {
		t.Errorf("as nobody: %v", err)
	}
}

func TestAClientAdministersWithItsSecretFromAFile(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	for _, c := range []struct{ environ, want string }{
		{EnvClientID + "=machine", EnvURL},
		{EnvURL + "=" + app.URL + "\n" + EnvClientID + "=machine", EnvSecretFile},
		{EnvURL + "=" + app.URL + "\n" + EnvClientID + "=machine\n" + EnvClientSecret + "=a\n" + EnvSecretFile + "=b", "not both"},
		{EnvURL + "=" + app.URL + "\n" + EnvClientID + "=machine\n" + EnvClientSecret + "=wrong secret", "invalid_client"},
		{EnvURL + "=http://id.example.com\n" + EnvToken + "=x", "must be https"},
	} {
		term := newTerminal(t, app, "", strings.Split(c.environ, "\n")...)
		if _, err := term.run(t, "tenant", "list"); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong secret") {
			t.Errorf("%q: %v, want %q", c.environ, err, c.want)
		}
	}
}

func TestAMachineOfTheInstallationAdministers(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	const secret = "a-secret-of-a-machine-0123456789"
	made := app.Admin(t, app.AdminToken(t, apptest.Opal, "signet"), "POST", "/clients", map[string]any{
		"id": "ops: nightly/1", "name": "Nightly", "grant_types": []string{"client_credentials"}, "audiences": []string{"urn:signet:admin"},
		"scopes": []string{"installation:read", "installation:manage"}, "secret": secret,
	})
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	term := newTerminal(t, app, "", EnvURL+"="+app.URL, EnvClientID+"=ops: nightly/1", EnvSecretFile+"="+file)
	if out := term.must(t, "whoami"); !strings.Contains(out, "ops: nightly/1") || !strings.Contains(out, "installation:manage") {
		t.Error(out)
	}
	if out := term.must(t, "tenant", "create", "initech"); !strings.Contains(out, "initech") {
		t.Error(out)
	}
	if strings.Contains(app.Log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

func TestOnATerminalADestructiveCommandAsks(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false} {
		var asked bytes.Buffer
		c := &CLI{Interactive: true, Stdin: strings.NewReader(answer), Stderr: &asked}
		if err := c.confirm("Delete %s?", "ac\x1b[2Jme"); (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
		if !strings.Contains(asked.String(), "Delete ac\ufffd[2Jme? [y/N]") {
			t.Errorf("asked %q", asked.String())
		}
	}
}

func TestTablesAlignByWhatIsSeen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tab := table{w: &out, bold: true}
	if err := tab.write([][]string{{"A", "B"}, {"株式", "x"}, {"é", "y"}, {"e\u0301", "z"}}); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[1mA     B\x1b[0m\n株式  x\né     y\ne\u0301     z\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
