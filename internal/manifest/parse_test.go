package manifest_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/manifest"
)

func TestEveryFaultOfADocumentIsSaidWithItsLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, document, want string }{
		{"nothing", "", "it is empty: begin with version: 1"},
		{"no YAML", "a: [", "it is not YAML"},
		{"two documents", "version: 1\n---\nversion: 1\n", "more than one YAML document"},
		{"a list", "- version: 1\n", "line 1: expected keys and values here"},
		{"no version", "tenants: []\n", "line 1: say which version of the format this is: version: 1"},
		{"another version", "version: 2\n", "line 1: version: this signet reads version 1"},
		{"a version as text", "version: [1]\n", "version: this signet reads version 1"},
		{"an unknown key", "version: 1\ntenant: []\n", "line 2: tenant is nothing that can be declared: did you mean tenants?"},
		{"a key twice", "version: 1\nversion: 1\n", "line 2: version is there twice, first on line 1"},
		{"an unknown field", "version: 1\ntenants:\n  - slug: a\n    label: x\n", "line 4: label is no field of a tenant; known are slug, name"},
		{"a spelling", "version: 1\nclients:\n  - id: a\n    redirect-uris: []\n", "line 4: redirect-uris is no field of a client: did you mean redirect_uris?"},
		{"no key", "version: 1\ntenants:\n  - name: x\n", "line 3: this tenant has no slug"},
		{"no list", "version: 1\ntenants: {slug: a}\n", "line 2: expected a list of tenants here, each behind a dash"},
		{"text for a list", "version: 1\nclients:\n  - {id: a, scopes: openid}\n", "line 3: scopes: expected a list of texts"},
		{"text for a truth", "version: 1\nclients:\n  - {id: a, skip_consent: \"true\"}\n", "skip_consent: expected true or false"},
		{"a word for a truth", "version: 1\nclients:\n  - {id: a, skip_consent: yes}\n", "skip_consent: expected true or false"},
		{"text for a number", "version: 1\nclients:\n  - {id: a, access_token_lifetime: 5m}\n", "access_token_lifetime: expected a whole number"},
		{"a list for text", "version: 1\ntenants:\n  - {slug: a, name: [x]}\n", "name: expected text"},
		{"a list for permissions", "version: 1\ntenants:\n  - {slug: a, roles: [{name: r, permissions: [x]}]}\n", "permissions: expected permissions by audience"},
		{"a list for attributes", "version: 1\ntenants:\n  - {slug: a, attributes: [x]}\n", "attributes: expected names and values"},
		{"no number of JSON", "version: 1\ntenants:\n  - {slug: a, attributes: {x: .inf}}\n", ".inf is no number of JSON"},
		{"a thing twice", "version: 1\ntenants:\n  - slug: a\n  - slug: a\n", "line 4: the tenant a is there twice, first on line 3"},
		{"a person twice", "version: 1\nusers:\n  - email: a@b.example\n  - email: A@B.example\n", "line 4: the user A@B.example is there twice"},
		{"a value twice", "version: 1\nclients:\n  - {id: a, scopes: [x, x]}\n", "line 3: x is there twice"},
		{"a role of nobody", "version: 1\ntenants:\n  - slug: a\n    roles: [x]\n    members:\n      - {email: a@b.example, roles: [y]}\n", "line 6: roles: the tenant a has no role y"},
		{"an unknown role included", "version: 1\ntenants:\n  - slug: a\n    roles:\n      - {name: x, includes: [y]}\n", "line 5: includes: the tenant a has no role y"},
		{"a cycle", "version: 1\ntenants:\n  - slug: a\n    roles:\n      - {name: x, includes: [y]}\n      - {name: y, includes: [x]}\n", "includes: the role x would include itself, through y"},
		{"people who are all known", "version: 1\ncomplete: [users]\n", "line 2: complete: users cannot be complete"},
		{"a secret in the document", "version: 1\nclients:\n  - id: a\n    secrets: [hunter2]\n", "line 4: secret: name where it is kept"},
		{"a password in the document", "version: 1\nusers:\n  - {email: a@b.example, password: hunter2}\n", "line 3: password: name where it is kept"},
		{"a client secret in the document", "version: 1\nconnectors:\n  - {slug: a, client_secret: hunter2}\n", "line 3: client_secret: name where it is kept"},
		{"a role of no group", "version: 1\ntenants:\n  - slug: a\n    roles: [x]\n    connectors:\n      - {slug: c, role_mappings: [{group: g, role: y}]}\n", "line 6: role_mappings: the tenant a has no role y"},
		{"a domain in upper case", "version: 1\ntenants:\n  - slug: a\n    domains: [A.example]\n", "line 4: the domain A.example: write it in lower case"},
		{"people of a tenant's connector elsewhere", "version: 1\ntenants:\n  - slug: a\n    connectors:\n      - {slug: c, joins: b}\n", "line 5: joins is no field of a connector"},
		{"a secret of two places", "version: 1\nclients:\n  - {id: a, secrets: [{env: X, file: y}]}\n", "secret: name where it is kept"},
		{"a variable that is not set", "version: 1\nclients:\n  - {id: a, secrets: [{env: X}]}\n", "secret: the environment variable X is not set"},
		{"a file that is not there", "version: 1\nclients:\n  - {id: a, secrets: [{file: x}]}\n", "secret: file does not exist"},
		{"a merge", "version: 1\ntenants:\n  - &a {slug: a}\n  - {<<: *a, slug: b}\n", "expected a name here"},
		{"one that is within itself", "version: 1\ntenants:\n  - slug: a\n    attributes: &a {x: *a}\n", "too deep or too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := manifest.Parse("test.yaml", []byte(c.document), nothing())
			if err == nil || !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is repeated: %v", err)
			}
		})
	}
}

func TestADocumentThatUnfoldsWithoutEndIsRefusedSoon(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("version: 1\ntenants:\n  - slug: a\n    attributes:\n      l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for _, i := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		prev := string(i[0] - 1)
		b.WriteString("      l" + i + ": &l" + i + " [" + strings.TrimSuffix(strings.Repeat("*l"+prev+", ", 10), ", ") + "]\n")
	}
	if _, err := manifest.Parse("test.yaml", []byte(b.String()), nothing()); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreFoundWhereTheDocumentSays(t *testing.T) {
	t.Parallel()
	source := manifest.Secrets{
		Env: func(name string) (string, bool) { return "from the environment", name == "SHOP" },
		File: func(name string) ([]byte, error) {
			return map[string][]byte{"x": []byte("from a file\r\n"), "empty": []byte("\n")}[name], nil
		},
	}
	for document, want := range map[string]string{
		"{env: SHOP}": "", "{file: x}": "", "{file: empty}": "is empty", "{env: OTHER}": "is not set", "{}": "name where it is kept", "{env: [x]}": "name where",
	} {
		_, err := manifest.Parse("test.yaml", []byte("version: 1\nclients:\n  - {id: a, secrets: ["+document+"]}\n"), source)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../examples/signet.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add(odd)
	f.Add("version: 1\ntenants: [&a {slug: a, attributes: {x: *a}}]")
	f.Fuzz(func(t *testing.T, document string) {
		d, err := manifest.Parse("f", []byte(document), nothing())
		if (d == nil) == (err == nil) {
			t.Errorf("%v and %v", d, err)
		}
	})
}
