package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestAnAddressIsNormalizedToLowerCaseWithoutSpace(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada@acme.example":                         "ada@acme.example",
		"  Ada@ACME.Example\t":                     "ada@acme.example",
		"ÄDA@acme.example":                         "äda@acme.example",
		"a.b+tag@acme.example":                     "a.b+tag@acme.example",
		"o'hara@acme.example":                      "o'hara@acme.example",
		"ada@xn--bcher-kva.example":                "ada@xn--bcher-kva.example",
		strings.Repeat("a", 241) + "@acme.example": strings.Repeat("a", 241) + "@acme.example", // 254 bytes
	} {
		if got, err := directory.NormalizeEmail(in); err != nil || got != want {
			t.Errorf("%q became %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"empty":                       "",
		"blank":                       "  ",
		"no at sign":                  "ada",
		"no local part":               "@acme.example",
		"no domain":                   "ada@",
		"a display name":              "Ada <ada@acme.example>",
		"angle brackets":              "<ada@acme.example>",
		"two addresses":               "ada@acme.example, eve@acme.example",
		"a comment":                   "ada@acme.example (Ada)",
		"a space within":              "ada love@acme.example",
		"a line break within":         "ada@acme.example\r\nBcc: eve@acme.example",
		"a NUL":                       "ada\x00@acme.example",
		"invalid UTF-8":               "ada\xff@acme.example",
		"255 bytes":                   strings.Repeat("a", 242) + "@acme.example",
		"a Kelvin sign for a k":       "\u212aevin@acme.example",
		"a dotted capital I for an i": "l\u0130nus@acme.example",
		"a Kelvin sign in the domain": "ada@\u212aelvin.example",
		"two at signs":                "ada@eve@acme.example",
		"a quoted local part":         `"ada love"@acme.example`,
	} {
		if got, err := directory.NormalizeEmail(in); !errors.Is(err, errdefs.ErrInvalid) || got != "" {
			t.Errorf("%s: %q became %q, %v", name, in, got, err)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	for _, s := range []string{
		"Ada@Acme.Example", " a@b ", "\u212a@x.y", "\u0130@x.y", "ẞ@x.y", "Ⱥ@x.y", "a\xff@b.c", `"q"@x.y`, "a@[127.0.0.1]", "a@b\u00a0", "<a@b>", "a@b (c)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := directory.NormalizeEmail(s)
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) || once != "" {
				t.Fatalf("%q: %q, %v", s, once, err)
			}
			return
		}
		if twice, err := directory.NormalizeEmail(once); err != nil || twice != once {
			t.Fatalf("%q became %q and then %q, %v", s, once, twice, err)
		}
		if len(once) > directory.MaxEmail || !utf8.ValidString(once) || !strings.Contains(once, "@") || strings.ContainsAny(once, " \r\n\t\x00<>,") {
			t.Fatalf("%q became %q", s, once)
		}
		// Nobody becomes a person of another spelling: ASCII comes from ASCII alone.
		ascii := func(s string) string {
			return strings.ToLower(strings.Map(func(r rune) rune {
				if r >= utf8.RuneSelf {
					return -1
				}
				return r
			}, strings.TrimSpace(s)))
		}
		if ascii(s) != ascii(once) {
			t.Fatalf("%q became %q: another's letters", s, once)
		}
	})
}

func TestASlugIsALabelOfADomainNameAndNoPathOfOurs(t *testing.T) {
	t.Parallel()
	for slug, ok := range map[string]bool{
		"acme": true, "a": true, "0": true, "a-b": true, "a--b": true, strings.Repeat("a", 63): true, "login2": true,
		"": false, "-a": false, "a-": false, "-": false, "Acme": false, "a_b": false, "a.b": false, "a b": false, "a/b": false,
		"ä": false, "acme\n": false, strings.Repeat("a", 64): false,
		"admin": false, "api": false, "static": false, "signet": false, "login": false, "logout": false, "well-known": false,
	} {
		err := directory.CheckSlug(slug)
		if (err == nil) != ok || err != nil && !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%q: %v", slug, err)
		}
		if _, parsed := id.ParseTenant(slug); ok && parsed == nil {
			t.Errorf("%q is also an identifier", slug)
		}
	}
}

func TestAPersonIsActiveWhileAccountTenantAndMembershipStand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*directory.Subject)
		ok     bool
	}{
		"all stand":            {func(*directory.Subject) {}, true},
		"account disabled":     {func(s *directory.Subject) { s.User.DisabledAt = noon }, false},
		"tenant disabled":      {func(s *directory.Subject) { s.Tenant.DisabledAt = noon }, false},
		"membership withdrawn": {func(s *directory.Subject) { s.Member = false }, false},
	} {
		s := directory.Subject{Member: true}
		c.change(&s)
		if err := s.Active(); (err == nil) != c.ok || err != nil && !errors.Is(err, errdefs.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATokenCarriesThePermissionsOfItsAudiencesSortedAndOnce(t *testing.T) {
	t.Parallel()
	s := directory.Subject{Permissions: []directory.Permission{
		{Audience: "b", Slug: "z"}, {Audience: "a", Slug: "y"}, {Audience: "b", Slug: "y"}, {Audience: "c", Slug: "secret"},
	}}
	for _, c := range []struct{ audiences, want []string }{
		{nil, []string{}},
		{[]string{"unknown"}, []string{}},
		{[]string{"b"}, []string{"y", "z"}},
		{[]string{"a", "b"}, []string{"y", "z"}},
	} {
		if got := s.PermissionsFor(c.audiences); !slices.Equal(got, c.want) || got == nil {
			t.Errorf("for %v: %v, want %v", c.audiences, got, c.want)
		}
	}
}

func TestAPersonWithoutANameIsGreetedByAddress(t *testing.T) {
	t.Parallel()
	if got := (directory.User{Email: "a@b"}).DisplayName(); got != "a@b" {
		t.Error(got)
	}
	if got := (directory.User{Email: "a@b", Name: "Ada"}).DisplayName(); got != "Ada" {
		t.Error(got)
	}
}
