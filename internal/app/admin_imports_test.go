package app_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/importer"
)

// rowOf is a row as the administration takes it.
func rowOf(r importer.Row) map[string]any {
	var memberships []map[string]any
	for _, m := range r.Memberships {
		memberships = append(memberships, map[string]any{"tenant": m.Tenant, "roles": m.Roles})
	}
	return map[string]any{
		"email": r.Email, "email_verified": r.EmailVerified, "name": r.Name, "given_name": r.GivenName, "family_name": r.FamilyName,
		"picture": r.Picture, "locale": r.Locale, "password_hash": r.PasswordHash, "disabled": r.Disabled, "memberships": memberships,
	}
}

func TestPeopleOfAKeycloakRealmSignInWithTheirPasswords(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	f, err := os.Open("../importer/testdata/keycloak.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := importer.SurveyKeycloak(f, importer.KeycloakOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for people := x.People(0, f); ; {
		e, err := people.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Reason == "" && len(e.Row.Memberships) > 0 && e.Row.Memberships[0].Tenant == "harbour" {
			e.Row.Memberships = []importer.Membership{{Tenant: "acme"}} // with the roles of their realm in another test
			rows = append(rows, rowOf(e.Row))
		}
	}
	got := a.Admin(t, opal, http.MethodPost, "/imports/users", map[string]any{"rows": rows})
	if got.Status != http.StatusOK || strings.Count(got.Raw, `"created"`) != 6 {
		t.Fatalf("imported: %d %s", got.Status, got.Raw)
	}
	for _, email := range []string{"ann@harbour.example", "ben@harbour.example", "cam@harbour.example", "dee@harbour.example", "eli@harbour.example"} {
		b := a.Browser(t)
		p := b.SignIn(b.Get(a.AuthorizeURL("web")), email, "correct horse battery")
		if p.Code(t) == "" {
			t.Errorf("%s: not signed in", email)
		}
		user, err := a.DB.Directory().FindUserByEmail(t.Context(), email)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := a.DB.Directory().FindPassword(t.Context(), user.ID); err != nil || !strings.HasPrefix(c.Encoded, "$argon2id$v=19$m=19456,") {
			t.Errorf("%s: the imported hash was not replaced by one of today's: %v", email, err)
		}
	}
	b := a.Browser(t)
	if p := b.SignIn(b.Get(a.AuthorizeURL("web")), "ann@harbour.example", "correct horse batterz"); p.Away != nil {
		t.Error("another password signs in")
	}
}

func TestOnlyTheInstallationImportsPeople(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	body := map[string]any{"rows": []map[string]any{{"email": "eve@example.com", "memberships": []map[string]any{{"tenant": "acme", "roles": []string{"admin"}}}}}}
	if got := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodPost, "/imports/users", body); got.Status != http.StatusForbidden {
		t.Errorf("a tenant's administrator: %d %s", got.Status, got.Raw)
	}
	opal := a.AdminToken(t, apptest.Opal, "signet")
	for what, c := range map[string]struct {
		body   any
		status int
	}{
		"no rows":          {map[string]any{"rows": []any{}}, 422},
		"too many rows":    {map[string]any{"rows": make([]struct{}, 1001)}, 422},
		"an unknown field": {map[string]any{"rows": []map[string]any{{"email": "a@example.com", "password": "hunter2"}}}, 422},
		"a body too large": {map[string]any{"rows": []map[string]any{{"email": strings.Repeat("x", 5<<20)}}}, 413},
	} {
		if got := a.Admin(t, opal, http.MethodPost, "/imports/users", c.body); got.Status != c.status || strings.Contains(got.Raw, "hunter2") {
			t.Errorf("%s: %d %.300s", what, got.Status, got.Raw)
		}
	}
	full := make([]map[string]any, importer.MaxBatch)
	for i := range full { // as long as the sender makes a batch at most
		full[i] = map[string]any{"email": strings.Repeat("x", i%3) + "nobody", "name": strings.Repeat("é", 500)}
	}
	if got := a.Admin(t, opal, http.MethodPost, "/imports/users", map[string]any{"rows": full}); got.Status != http.StatusOK || strings.Count(got.Raw, `"rejected"`) != importer.MaxBatch {
		t.Errorf("a full batch: %d %.300s", got.Status, got.Raw)
	}
	body["dry_run"] = true
	if got := a.Admin(t, opal, http.MethodPost, "/imports/users", body); got.Status != http.StatusOK || !strings.Contains(got.Raw, `"created"`) || strings.Contains(got.Raw, "usr_") {
		t.Errorf("a dry run: %d %s", got.Status, got.Raw)
	}
	if _, err := a.DB.Directory().FindUserByEmail(t.Context(), "eve@example.com"); err == nil {
		t.Error("a dry run made an account")
	}
}
