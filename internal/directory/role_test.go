package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// faulty lists the fields that an error refuses.
func faulty(t *testing.T, err error) []string {
	t.Helper()
	var out []string
	var walk func(err error)
	walk = func(err error) {
		switch e := err.(type) { //nolint:errorlint // the tree is walked here
		case *admin.FieldError:
			if !errors.Is(e, errdefs.ErrInvalid) || e.Text == "" {
				t.Errorf("%v is no fault of a field", e)
			}
			out = append(out, e.Field)
		case interface{ Unwrap() []error }:
			for _, sub := range e.Unwrap() {
				walk(sub)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return out
}

func TestARoleNameFitsIntoTokensHeadersAndPaths(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"a": true, "0": true, "clerk": true, "ROLE_ADMIN": true, "orders:read": true, "a.b-c_d:e": true, strings.Repeat("a", 64): true,
		"": false, " ": false, "a b": false, "a,b": false, "a/b": false, "a\n": false, "ä": false, "a\x00": false, `a"b`: false, "%2e": false,
		".": false, "..": false, "-a": false, "a-": false, "_a": false, ":a": false, "a:": false, strings.Repeat("a", 65): false,
	} {
		err := directory.CheckRoleName("roles[3]", name)
		if (err == nil) != ok || err != nil && !slices.Equal(faulty(t, err), []string{"roles[3]"}) {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && name != "" && len(name) > 3 && strings.Contains(err.Error(), name) {
			t.Errorf("%q is repeated in %v", name, err)
		}
	}
}

func TestEveryFaultOfARoleIsNamedByItsField(t *testing.T) {
	t.Parallel()
	read := directory.Permission{Audience: "https://orders.example", Slug: "orders:read"}
	many := func(n int) (out []directory.Permission) {
		for i := range n {
			out = append(out, directory.Permission{Audience: "a", Slug: fmt.Sprint(i)})
		}
		return out
	}
	names := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint("r", i))
		}
		return out
	}
	for what, c := range map[string]struct {
		role directory.Role
		want []string
	}{
		"nothing wrong":        {directory.Role{Name: "a", Description: "é", Permissions: []directory.Permission{read}, Includes: []string{"b", "c"}}, nil},
		"as much as there may": {directory.Role{Name: "a", Description: strings.Repeat("é", 500), Permissions: many(1000), Includes: names(100)}, nil},
		"everything": {directory.Role{Name: "a b", Description: strings.Repeat("x", 501), Permissions: []directory.Permission{{Slug: "x"}, read, {Audience: "a b", Slug: "x"}, read, {Audience: "a"}}, Includes: []string{"b", "", "b"}}, []string{
			"name", "description", "permissions[0].audience", "permissions[2].audience", "permissions[3]", "permissions[4].slug", "includes[1]", "includes[2]",
		}},
		"itself":               {directory.Role{Name: "a", Includes: []string{"b", "a"}}, []string{"includes[1]"}},
		"too much":             {directory.Role{Name: "a", Permissions: many(1001), Includes: names(101)}, []string{"permissions", "includes"}},
		"a slug with a blank":  {directory.Role{Name: "a", Permissions: []directory.Permission{{Audience: "a", Slug: "x y"}}}, []string{"permissions[0].slug"}},
		"a NUL":                {directory.Role{Name: "a", Description: "x\x00"}, []string{"description"}},
		"a broken description": {directory.Role{Name: "a", Description: "\xff"}, []string{"description"}},
	} {
		if got := faulty(t, c.role.Check()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestATemplateHoldsNothingOverAllTenantsAndLeavesNewOnesAnAdministrator(t *testing.T) {
	t.Parallel()
	manage, all := directory.Permission{Audience: admin.Audience, Slug: admin.TenantManage}, directory.Permission{Audience: admin.Audience, Slug: admin.InstallationRead}
	for what, c := range map[string]struct {
		template directory.Template
		want     []string
	}{
		"an ordinary one":              {directory.Template{Name: "reader"}, nil},
		"administrators":               {directory.Template{Name: "admin", Permissions: []directory.Permission{manage}}, nil},
		"administrators without power": {directory.Template{Name: "admin"}, []string{"permissions"}},
		"over all tenants":             {directory.Template{Name: "reader", Permissions: []directory.Permission{manage, all}}, []string{"permissions[1]"}},
		"the same slug of another":     {directory.Template{Name: "reader", Permissions: []directory.Permission{{Audience: "https://orders.example", Slug: admin.InstallationRead}}}, nil},
	} {
		if got := faulty(t, c.template.Check()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestADifferenceIsWhatAChangeAddsAndTakesAway(t *testing.T) {
	t.Parallel()
	added, removed := directory.Difference([]string{"c", "a", "b"}, []string{"d", "b", "a", "d", "0"}, strings.Compare)
	if !slices.Equal(added, []string{"0", "d"}) || !slices.Equal(removed, []string{"c"}) {
		t.Errorf("%v, %v", added, removed)
	}
	if added, removed := directory.Difference([]string{"a"}, []string{"a", "a"}, strings.Compare); added != nil || removed != nil {
		t.Errorf("%v, %v", added, removed)
	}
}

func TestEveryFaultOfAnAccountIsNamedByItsField(t *testing.T) {
	t.Parallel()
	good := directory.User{Email: "Ada@acme.example", Name: "Ada", GivenName: "Ada", FamilyName: "L", Picture: "https://p.example/a.png", Locale: "pt-BR"}
	for what, c := range map[string]struct {
		change func(*directory.User)
		want   []string
	}{
		"nothing wrong":        {func(*directory.User) {}, nil},
		"the least":            {func(u *directory.User) { *u = directory.User{Email: "a@b"} }, nil},
		"no address":           {func(u *directory.User) { u.Email = "ada" }, []string{"email"}},
		"a line break":         {func(u *directory.User) { u.Name = "A\nB" }, []string{"name"}},
		"names too long":       {func(u *directory.User) { u.GivenName, u.FamilyName = strings.Repeat("x", 201), "\xff" }, []string{"given_name", "family_name"}},
		"an http picture":      {func(u *directory.User) { u.Picture = "http://p.example/a.png" }, []string{"picture"}},
		"a script":             {func(u *directory.User) { u.Picture = "javascript:alert(1)" }, []string{"picture"}},
		"data":                 {func(u *directory.User) { u.Picture = "data:image/png;base64,AAAA" }, []string{"picture"}},
		"a picture with login": {func(u *directory.User) { u.Picture = "https://a:b@p.example/" }, []string{"picture"}},
		"a long picture":       {func(u *directory.User) { u.Picture = "https://p.example/" + strings.Repeat("x", 2048) }, []string{"picture"}},
		"an underscore":        {func(u *directory.User) { u.Locale = "en_GB" }, []string{"locale"}},
		"a script tag":         {func(u *directory.User) { u.Locale = "zh-Hant-TW" }, nil},
		"an empty part":        {func(u *directory.User) { u.Locale = "en-" }, []string{"locale"}},
		"beyond ASCII":         {func(u *directory.User) { u.Locale = "ſn" }, []string{"locale"}},
	} {
		u := good
		c.change(&u)
		if got := faulty(t, u.Check()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestEveryFaultOfANewAccountsMembershipsIsNamedByItsField(t *testing.T) {
	t.Parallel()
	n := directory.NewUser{User: directory.User{Email: "a@b"}, Memberships: []directory.NewMembership{
		{Tenant: acme, Roles: []string{"ok", "not ok", "ok"}}, {Tenant: globex, Attributes: []byte(`[1]`)}, {Tenant: acme},
	}}
	want := []string{"memberships[0].roles[1]", "memberships[0].roles[2]", "memberships[1].attributes", "memberships[2].tenant"}
	if got := faulty(t, n.Check()); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	n.Memberships = make([]directory.NewMembership, directory.MaxMemberships+1)
	if got := faulty(t, n.Check()); !slices.Equal(got, []string{"memberships"}) {
		t.Errorf("%v", got)
	}
	m := directory.Member{Roles: make([]string, directory.MaxMemberRoles+1), Attributes: []byte(`nonsense`), Tenant: id.Tenant{}}
	if got := faulty(t, m.Check()); !slices.Equal(got, []string{"roles", "attributes"}) {
		t.Errorf("%v", got)
	}
}

func TestAttributesAreASmallFlatObject(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for raw, ok := range map[string]bool{
		"": true, "{}": true, `{"a":[1,"b",null,{"c":true}]}`: true, nested(8): true, `{"a":"` + strings.Repeat("x", 4088) + `"}`: true,
		"null": false, "[]": false, "1": false, `"a"`: false, "{": false, "{} {}": false, nested(9): false, `{"a":` + strings.Repeat("[", 8) + "1" + strings.Repeat("]", 8) + "}": false,
		`{"a\u0000":1}`: false, `{"a":["\u0000"]}`: false, `{"a":"` + strings.Repeat("x", 4089) + `"}`: false,
	} {
		if got := faulty(t, directory.CheckAttributes([]byte(raw))); (len(got) == 0) != ok {
			t.Errorf("%.60s: %v", raw, got)
		}
	}
}

func TestAnAddressIsSoughtByItsBeginningInLowerCase(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", " Ada@AC": "ada@ac", "ÄDA": "äda", "100%_": "100%_"} {
		if got, err := directory.CheckAddressPrefix("q", in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"a\x00", "\xff", strings.Repeat("a", 255)} {
		if _, err := directory.CheckAddressPrefix("q", in); !slices.Equal(faulty(t, err), []string{"q"}) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
