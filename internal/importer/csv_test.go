package importer

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
)

// all reads a source to its end.
func all(t testing.TB, s Source) []Entry {
	t.Helper()
	var out []Entry
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
}

func readCSV(t testing.TB, text string) []Entry {
	t.Helper()
	c, err := NewCSV(strings.NewReader(text), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return all(t, c)
}

func TestRowsOfACSVFileBecomePeople(t *testing.T) {
	t.Parallel()
	const text = "\ufeffEmail,email_verified,name,given_name,family_name,locale,picture,password_hash,tenant,roles,disabled\r\n" +
		"ann@example.com,true,\"Archer, Ann\",Ann,Archer,pt-BR,https://example.com/a.png,$2b$05$abc,globex,clerk; admin viewer,no\r\n" +
		"\r\n" +
		"\"ben@example.com\",,\"Ben \"\"Big\"\"\nBell\",,,,,,,,1\r\n" +
		"cam@example.com,,,,,,,,,," // no line break at the end
	want := []Entry{
		{At: "line 2", Row: Row{
			Email: "ann@example.com", EmailVerified: true, Name: "Archer, Ann", GivenName: "Ann", FamilyName: "Archer", Locale: "pt-BR",
			Picture: "https://example.com/a.png", PasswordHash: "$2b$05$abc",
			Memberships: []Membership{{Tenant: "globex", Roles: []string{"clerk", "admin", "viewer"}}},
		}},
		{At: "lines 4 to 5", Row: Row{Email: "ben@example.com", Name: "Ben \"Big\"\nBell", Disabled: true, Memberships: []Membership{{Tenant: "acme", Roles: []string{}}}}},
		{At: "line 6", Row: Row{Email: "cam@example.com", Memberships: []Membership{{Tenant: "acme", Roles: []string{}}}}},
	}
	got := readCSV(t, text)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestColumnsMayBeSeparatedBySemicolonsOrTabs(t *testing.T) {
	t.Parallel()
	for _, comma := range []string{";", "\t"} {
		got := readCSV(t, "name"+comma+"email\nAnn, the first"+comma+"ann@example.com\n")
		if len(got) != 1 || got[0].Row.Email != "ann@example.com" || got[0].Row.Name != "Ann, the first" {
			t.Errorf("%q: %+v", comma, got)
		}
	}
}

func TestABadRowIsReportedWhereItIsAndTheNextIsRead(t *testing.T) {
	t.Parallel()
	got := readCSV(t, "email,email_verified,tenant,roles\n"+
		"a@example.com,true\n"+
		"b@example.com,perhaps,,\n"+
		"c\"@example.com,,,\"\n"+
		"\xff@example.com,,,\n"+
		"last@example.com,,,\n")
	reasons := []string{"2 columns where the header has 4", "email_verified: use true or false", "quotation marks", "UTF-8", ""}
	if len(got) != len(reasons) {
		t.Fatalf("got %+v", got)
	}
	for i, want := range reasons {
		if at := fmt.Sprintf("line %d", i+2); got[i].At != at || !strings.Contains(got[i].Reason, want) || (got[i].Reason == "") != (want == "") {
			t.Errorf("%s: got %+v, want %q", at, got[i], want)
		}
	}
}

// Somebody's name may hold a line that looks like a row: it does not become one because something
// else is wrong with its record.
func TestTextBetweenQuotationMarksNeverBecomesARow(t *testing.T) {
	t.Parallel()
	const evil = "evil@example.com,$2b$05$x,admin"
	for name, record := range map[string]string{
		"too many columns": "a@example.com,\"x\n" + evil + "\n\",clerk,more",
		"a stray mark":     "\"a\"@example.com,\"x\n" + evil + "\n\",clerk",
	} {
		got := readCSV(t, "email,password_hash,roles\n"+record+"\nlast@example.com,,\n")
		if slices.ContainsFunc(got, func(e Entry) bool { return e.Reason == "" && strings.Contains(e.Row.Email, "evil") }) {
			t.Errorf("%s: %+v", name, got)
		}
		if len(got) != 2 || got[0].Reason == "" || got[1].Row.Email != "last@example.com" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAMarkThatIsNeverClosedEndsTheFileWhereItWasOpened(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]string{"short": "\n", "long": strings.Repeat("x@example.com,\n", 100_000)} {
		c, err := NewCSV(strings.NewReader("email,name\nfirst@example.com,\nopen@example.com,\"Op\n"+rest), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if e, err := c.Next(); err != nil || e.Row.Email != "first@example.com" {
			t.Fatalf("%s: %+v, %v", name, e, err)
		}
		if _, err := c.Next(); !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileWithAnotherHeaderIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "empty",
		"name\nAnn\n":                          "no column email",
		"email,pasword_hash\na,b\n":            `no column "pasword_hash": the columns are email, email_verified`,
		"email,name,Name\n":                    "twice",
		"\xff\xfee\x00m\x00":                   "UTF-16",
		"email,\"name\n":                       "never closed",
		"email," + strings.Repeat("x", 70_000): "longer than",
	} {
		if _, err := NewCSV(strings.NewReader(text), ""); !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzCSVEndsAndHoldsNoMoreThanARecord(f *testing.F) {
	f.Add("email,name\na@example.com,\"A\nB\"\n", false)
	f.Add("email;roles\n\"a\"\"@example.com\";x y\n\n\"", true)
	f.Add("\ufeffemail\tdisabled\r\na\tyes", false)
	f.Fuzz(func(t *testing.T, text string, tenant bool) {
		slug := ""
		if tenant {
			slug = "acme"
		}
		c, err := NewCSV(strings.NewReader(text), slug)
		if err != nil {
			return
		}
		for n := 0; ; n++ {
			e, err := c.Next()
			if err != nil {
				return
			}
			if n > len(text) || e.At == "" || c.record.Len() > maxRecord {
				t.Fatalf("entry %d of %d bytes: %+v", n, len(text), e)
			}
			_ = e.Row.Check()
		}
	})
}
