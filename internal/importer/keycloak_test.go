package importer

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

// An export in the form of Keycloak 26: the hashes are of "correct horse battery", made by
// Python's hashlib and by the reference implementation of argon2.
//
//go:embed testdata/keycloak.json
var harbour string

func survey(t testing.TB, text string, o KeycloakOptions) *Export {
	t.Helper()
	x, err := SurveyKeycloak(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestRealmsBecomeTenantsWithTheirRolesAndGroups(t *testing.T) {
	t.Parallel()
	want := []Realm{
		{Name: "harbour", DisplayName: "Harbour & Sons", Tenant: "harbour", Users: 12, Clients: 2, Roles: []RealmRole{
			{Name: "pilot", From: "pilot", Description: "Brings ships in"},
			{Name: "realm-admin", From: "admin", Description: "Runs the realm", Includes: []string{"pilot"}},
			{Name: "harbour-guest", From: "harbour guest"},
			{Name: "group.staff", From: "/staff", Includes: []string{"pilot"}},
			{Name: "group.staff.dock-hands", From: "/staff/dock hands", Includes: []string{"group.staff"}},
		}},
		{Name: "Admin", Tenant: "admin-realm", Users: 1}, // "admin" is a reserved slug
	}
	x := survey(t, harbour, KeycloakOptions{})
	if !reflect.DeepEqual(x.Realms, want) {
		t.Errorf("got  %+v\nwant %+v", x.Realms, want)
	}
	if x.Users() != 13 {
		t.Errorf("%d users", x.Users())
	}
}

func TestPeopleOfRealmsAreReadOneByOne(t *testing.T) {
	t.Parallel()
	x := survey(t, harbour, KeycloakOptions{})
	got := all(t, x.People(0, strings.NewReader(harbour)))
	in := func(roles ...string) []Membership { return []Membership{{Tenant: "harbour", Roles: roles}} }
	want := []struct {
		at, reason string
		skipped    bool
		row        Row
	}{
		{at: "realm harbour, users[0]", row: Row{
			Email: "Ann@harbour.example", EmailVerified: true, Name: "Ann Archer", GivenName: "Ann", FamilyName: "Archer", Locale: "pt-BR",
			Picture: "https://harbour.example/ann.png", Memberships: in("group.staff.dock-hands", "harbour-guest", "realm-admin"),
		}},
		{at: "realm harbour, users[1]", row: Row{Email: "ben@harbour.example", Name: "Ben", GivenName: "Ben", Memberships: in("pilot")}},
		{at: "realm harbour, users[2]", row: Row{Email: "cam@harbour.example", Memberships: in("group.staff")}},
		{at: "realm harbour, users[3]", row: Row{Email: "dee@harbour.example", Memberships: in()}},
		{at: "realm harbour, users[4]", row: Row{Email: "eli@harbour.example", Memberships: in()}},
		{at: "realm harbour, users[5]", row: Row{Email: "fay@harbour.example", Disabled: true, Memberships: in()}},
		{at: "realm harbour, users[6]", reason: `user "gus" has no e-mail address`},
		{at: "realm harbour, users[7]", reason: "service account", skipped: true},
		{at: "realm harbour, users[8]", reason: "plain text", row: Row{Email: "hal@harbour.example"}},
		{at: "realm harbour, users[9]", reason: "argon2 with 262144 KiB and 1000 passes", row: Row{Email: "ivy@harbour.example"}},
		{at: "realm harbour, users[10]", reason: "enabled is of another kind"},
		{at: "realm harbour, users[11]", reason: `does not describe the realm role "smuggler"`, row: Row{Email: "kim@harbour.example"}},
		{at: "realm Admin, users[0]", row: Row{
			Email: "zoe@admin.example", EmailVerified: true, Name: "Zoe Zinc", GivenName: "Zoe", FamilyName: "Zinc", Memberships: []Membership{{Tenant: "admin-realm"}},
		}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	h, err := password.New(password.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		e := got[i]
		if e.At != w.at || e.Skipped != w.skipped || !strings.Contains(e.Reason, w.reason) || (e.Reason == "") != (w.reason == "") || strings.Contains(e.Reason, "hunter2") {
			t.Errorf("got %s: %q %v, want %s: %q", e.At, e.Reason, e.Skipped, w.at, w.reason)
		}
		if e.Reason != "" {
			if e.Row.Email != w.row.Email {
				t.Errorf("%s: address %q", e.At, e.Row.Email)
			}
			continue
		}
		if encoded := e.Row.PasswordHash; encoded != "" {
			if r, err := h.Verify(t.Context(), encoded, secret.New("correct horse battery")); err != nil || !r.Match || !r.Rehash {
				t.Errorf("%s: the password does not verify: %+v, %v", e.At, r, err)
			}
			if r, err := h.Verify(t.Context(), encoded, secret.New("correct horse batterz")); err != nil || r.Match {
				t.Errorf("%s: another password verifies: %+v, %v", e.At, r, err)
			}
		} else if i < 5 {
			t.Errorf("%s: no password", e.At)
		}
		e.Row.PasswordHash = ""
		if err := e.Row.Check(); err != nil {
			t.Errorf("%s: %v", e.At, err)
		}
		if !reflect.DeepEqual(e.Row, w.row) {
			t.Errorf("%s: got %+v, want %+v", e.At, e.Row, w.row)
		}
	}
	left := x.LeftOut()
	if len(left) != 5 || !slices.Contains(left, "second factors and passkeys, to be set up again (1)") || !slices.Contains(left, "roles of clients (1)") {
		t.Errorf("left out: %q", left)
	}
}

func TestRolesCanBeRenamedAndLeftOut(t *testing.T) {
	t.Parallel()
	x := survey(t, harbour, KeycloakOptions{Roles: map[string]string{"admin": "admin", "pilot": "", "/staff": "crew"}})
	e, err := x.People(0, strings.NewReader(harbour)).Next()
	if err != nil || !slices.Equal(e.Row.Memberships[0].Roles, []string{"admin", "group.staff.dock-hands", "harbour-guest"}) {
		t.Errorf("%+v, %v", e, err)
	}
	if !slices.ContainsFunc(x.Realms[0].Roles, func(r RealmRole) bool { return r.Name == "crew" && len(r.Includes) == 0 }) {
		t.Errorf("%+v", x.Realms[0].Roles)
	}
}

// An export of many people has them in files of their own, without the roles of the realm.
func TestAFileOfPeopleAloneNamesRolesAsTheFileOfTheRealmDoes(t *testing.T) {
	t.Parallel()
	const text = `{"realm":"harbour","users":[{"email":"a@example.com","enabled":true,"realmRoles":["default-roles-harbour","admin","harbour guest"],"groups":["/staff/dock hands"]}]}`
	got := all(t, survey(t, text, KeycloakOptions{}).People(0, strings.NewReader(text)))
	if len(got) != 1 || got[0].Reason != "" || !slices.Equal(got[0].Row.Memberships[0].Roles, []string{"group.staff.dock-hands", "harbour-guest", "realm-admin"}) {
		t.Errorf("%+v", got)
	}
}

func TestPeopleInFilesOfTheirOwnBelongToTheRealmOfThatName(t *testing.T) {
	t.Parallel()
	realm := `{"realm":"harbour","roles":{"realm":[{"name":"admin"}]},"clients":[{}]}`
	people := []string{
		`{"realm":"harbour","users":[{"email":"a@example.com","enabled":true,"realmRoles":["admin"]}]}`,
		`{"realm":"harbour","users":[{"email":"b@example.com","enabled":true,"realmRoles":["nobody knows"]},{"email":"c@example.com"}]}`,
	}
	for _, first := range []bool{true, false} { // whichever is read first
		x := NewExport(KeycloakOptions{Tenant: "port"})
		files := append([]string{realm}, people...)
		if !first {
			files = []string{people[0], realm, people[1]}
		}
		for i, text := range files {
			if err := x.Survey(fmt.Sprintf("file-%d", i), strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Complete(); err != nil {
			t.Fatal(err)
		}
		if len(x.Realms) != 1 || x.Users() != 3 || x.Realms[0].Clients != 1 || len(x.Realms[0].Roles) != 1 || x.Realms[0].Tenant != "port" {
			t.Fatalf("%+v", x.Realms)
		}
		got := all(t, x.People(2, strings.NewReader(people[1])))
		if len(got) != 2 || got[0].At != "file-2, users[0]" || !strings.Contains(got[0].Reason, "nobody knows") || got[1].Row.Memberships[0].Tenant != "port" {
			t.Errorf("%+v", got)
		}
	}
	x := NewExport(KeycloakOptions{})
	if err := x.Survey("broken.json", strings.NewReader(`{"realm":`)); err == nil || !strings.Contains(err.Error(), "broken.json: byte ") {
		t.Errorf("got %v", err)
	}
}

func TestExportsThatWouldMixThingsUpAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		o    KeycloakOptions
		want string
	}{
		"one slug for two realms":  {`[{"realm":"A b"},{"realm":"a-b"}]`, KeycloakOptions{}, `both become the tenant a-b`},
		"one tenant for two":       {`[{"realm":"a"},{"realm":"b"}]`, KeycloakOptions{Tenant: "acme"}, "2 realms"},
		"a reserved tenant":        {`{"realm":"a"}`, KeycloakOptions{Tenant: "signet"}, "another slug"},
		"no name":                  {`{"users":[]}`, KeycloakOptions{}, "does not name its realm"},
		"one name for two roles":   {`{"realm":"a","roles":{"realm":[{"name":"a b"},{"name":"a-b"}]}}`, KeycloakOptions{}, "both become the role"},
		"roles in a circle":        {`{"realm":"a","roles":{"realm":[{"name":"x","composites":{"realm":["y"]}},{"name":"y","composites":{"realm":["x"]}}]}}`, KeycloakOptions{}, "includes itself"},
		"a role without a letter":  {`{"realm":"a","roles":{"realm":[{"name":"??"}]}}`, KeycloakOptions{}, "no role can be called"},
		"no JSON":                  {`email,name`, KeycloakOptions{}, "JSON"},
		"no object":                {`[1]`, KeycloakOptions{}, "byte 1"},
		"the end is missing":       {`{"realm":"a","users":[{"email":`, KeycloakOptions{}, "ends in the middle"},
		"brackets that cross":      {`{"realm":"a","x":[{]}}`, KeycloakOptions{}, "closes nothing"},
		"two texts":                {`{"realm":"a"} {}`, KeycloakOptions{}, "follows"},
		"a role of another kind":   {`{"realm":"a","roles":{"realm":[{"name":7}]}}`, KeycloakOptions{}, "name is of another kind"},
		"nested without an end":    {`{"realm":"a","x":` + strings.Repeat("[", 100), KeycloakOptions{}, "nested too deeply"},
		"a missing comma":          {`{"realm":"a" "x":1}`, KeycloakOptions{}, `JSON has ','`},
		"a member without a value": {`{"realm":"a","x":,"y":1}`, KeycloakOptions{}, "a value is missing"},
	} {
		if _, err := SurveyKeycloak(strings.NewReader(c.text), c.o); !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestAnEntryThatIsTooLongIsRejectedAlone(t *testing.T) {
	t.Parallel()
	text := `{"realm":"a","users":[{"email":"` + strings.Repeat("x", maxElement) + `"},{"email":"b@example.com","enabled":true}]}`
	x := survey(t, text, KeycloakOptions{})
	people := x.People(0, strings.NewReader(text))
	got := all(t, people)
	if len(got) != 2 || !strings.Contains(got[0].Reason, "longer than") || got[1].Row.Email != "b@example.com" {
		t.Errorf("got %.200v", got)
	}
	if people.s.value.Cap() > 4*maxElement {
		t.Errorf("%d bytes are held", people.s.value.Cap())
	}
}

// readers gives out a file piece by piece that nobody holds as a whole.
func endless(users int) io.Reader {
	var parts []io.Reader
	parts = append(parts, strings.NewReader(`{"realm":"a","users":[`))
	for i := range users {
		comma := ","
		if i == 0 {
			comma = ""
		}
		parts = append(parts, strings.NewReader(fmt.Sprintf(`%s{"email":"u%d@example.com","enabled":true}`, comma, i)))
	}
	return io.MultiReader(append(parts, strings.NewReader(`]}`))...)
}

func TestPeopleAreCountedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	x, err := SurveyKeycloak(endless(2000), KeycloakOptions{})
	if err != nil || x.Users() != 2000 {
		t.Fatalf("%+v, %v", x, err)
	}
	got := all(t, x.People(0, endless(2000)))
	if len(got) != 2000 || got[1999].At != "realm a, users[1999]" || got[1999].Row.Email != "u1999@example.com" {
		t.Errorf("%d, %+v", len(got), got[len(got)-1])
	}
	if _, err := x.People(0, strings.NewReader(`[{"realm":"a"},{"realm":"b"}]`)).Next(); err == nil {
		t.Error("another file was taken for the one that was surveyed")
	}
}

func FuzzKeycloakEndsAndTheTwoReadingsAgree(f *testing.F) {
	f.Add([]byte(harbour))
	f.Add([]byte(`{"realm":"a","users":[{"email":"a@example.com"},{}],"users":[null]}`))
	f.Add([]byte(`[{"realm":"a","users":null},{"realm":"b","groups":[{"name":"g","subGroups":[{"name":"h"}]}],"users":[{"groups":["/g/h"]}]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := SurveyKeycloak(bytes.NewReader(text), KeycloakOptions{})
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) {
				t.Fatalf("of no kind: %v", err)
			}
			return
		}
		people, n := x.People(0, bytes.NewReader(text)), int64(0)
		for {
			e, err := people.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("the survey read it all, then: %v", err)
			}
			n++
			_ = e.Row.Check()
		}
		if n != x.Users() {
			t.Fatalf("%d people, %d surveyed", n, x.Users())
		}
	})
}
