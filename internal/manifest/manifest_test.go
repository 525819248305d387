package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/manifest"
	"github.com/signet-id/signet/pkg/adminclient"
)

// nothing is an environment and a directory without secrets, save that of the example.
func nothing() manifest.Secrets {
	return manifest.Secrets{
		Env: func(name string) (string, bool) {
			return apptest.Password, name == "NORA_PASSWORD" || name == "STAFF_SECRET"
		},
		File: func(string) ([]byte, error) { return nil, os.ErrNotExist },
	}
}

func administrator(t *testing.T, app *apptest.App) *adminclient.Client {
	t.Helper()
	return &adminclient.Client{BaseURL: app.URL, Token: adminclient.StaticToken(app.AdminToken(t, apptest.Opal, "signet"))}
}

func compare(t *testing.T, api *adminclient.Client, document []byte) *manifest.Comparison {
	t.Helper()
	d, err := manifest.Parse("test.yaml", document, nothing())
	if err != nil {
		t.Fatal(err)
	}
	c, err := manifest.Compare(t.Context(), api, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func apply(t *testing.T, api *adminclient.Client, document []byte, o manifest.Options) {
	t.Helper()
	if err := compare(t, api, document).Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// unchanged fails when there is anything to do.
func unchanged(t *testing.T, api *adminclient.Client, document []byte) {
	t.Helper()
	if plan := compare(t, api, document).Plan; !plan.Empty() {
		t.Errorf("there is something to do:\n%s", printed(t, plan))
	}
}

func export(t *testing.T, api *adminclient.Client) []byte {
	t.Helper()
	b, err := manifest.Export(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func printed(t *testing.T, p *manifest.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Print(&b, false, func(s string) string { return s }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// odd holds values that YAML or JSON could take for something else.
const odd = `version: 1
resource_servers:
  - audience: urn:example:odd
    name: "yes"
    permissions:
      - {slug: "1:2", description: "null"}
      - {slug: x, description: "colon: and # more"}
tenants:
  - slug: odd
    name: "0x10"
    attributes:
      text: "12"
      number: 12
      big: 123456789012
      fraction: 0.25
      truth: true
      word: "true"
      none: null
      nested: {list: [1, "2026-01-01", [], {}], "key with: colon": "- dash"}
      empty: ""
      lines: " two\nlines \t"
      unicode: "é 株式 \U0001F600"
    roles:
      - {name: base, description: "on"}
      - {name: top, includes: [base], permissions: {"urn:example:odd": ["1:2"]}}
    members:
      - {email: opal@signet.example, roles: [top, base], attributes: {a: {b: [c]}}, suspended: true}
    connectors:
      - slug: okta
        name: "Okta: staff"
        issuer: https://odd.okta.example
        client_id: "0123"
        client_secret: {env: STAFF_SECRET}
        scopes: [groups]
        provision: true
        authoritative: true
        default_roles: [base]
        groups_claim: realm_access.roles
        role_mappings: [{group: "yes", role: top}, {group: "12", role: base}]
      - {slug: staff, issuer: https://staff.odd.example, client_id: "null", disabled: true, hidden: true}
    domains:
      - {domain: odd.example, connector: okta, verified: true}
      - {domain: claimed.example}
      - {domain: through.example, connector: everybody}
    only_connectors: true
  - {slug: closed, name: Closed, disabled: true, roles: [], members: []}
connectors:
  - {slug: everybody, kind: oidc, name: Everybody, issuer: https://id.example, client_id: "1e3", joins: odd, provision: true, keep_tokens: true}
  - {slug: staff, issuer: https://staff.example, client_id: c, assume_verified: true}
users:
  - {email: off@example.org, name: "~", disabled: true}
clients:
  - id: 'weird: "id" & #1 + more/%2F'
    tenant: odd
    name: "- dash"
    auth_method: none
    redirect_uris: ["https://x.example/?a=b&c=%20"]
    grant_types: []
    access_token_lifetime: 90
  - id: hasura
    name: Hasura
    auth_method: none
    redirect_uris: [https://h.example/cb]
    grant_types: [refresh_token, authorization_code]
    claims:
      - name: https://hasura.io/jwt/claims
        value: {x-hasura-default-role: "user", x-hasura-user-id: "${user.id}", "n": 1.50}
        tokens: [id_token]
`

func TestAnExportMakesTheSameInstallationAgain(t *testing.T) {
	t.Parallel()
	from := administrator(t, apptest.Start(t))
	apply(t, from, []byte(odd), manifest.Options{})
	unchanged(t, from, []byte(odd))
	document := export(t, from)
	unchanged(t, from, document)

	to := administrator(t, apptest.Start(t, apptest.Bare()))
	made := 0
	apply(t, to, document, manifest.Options{Made: func(manifest.MadeSecret) { made++ }})
	unchanged(t, to, document)
	if made == 0 {
		t.Error("confidential clients got no secret, or nobody was told")
	}
	if again := export(t, to); !bytes.Equal(again, document) {
		t.Errorf("the second export is another:\n%s\nbefore it was:\n%s", again, document)
	}
}

func TestTheExampleIsACompanyOfTwoOrganizations(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t, apptest.Bare())
	api := administrator(t, app)
	example, err := os.ReadFile("../../examples/signet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, api, example, manifest.Options{})
	unchanged(t, api, example)
	nora, err := api.ListUsers(t.Context(), adminclient.ListUsersParams{Email: "nora@example.com"})
	if err != nil || len(nora.Items) != 1 {
		t.Fatalf("%v, %v", nora, err)
	}
	member, err := adminclient.Collect(api.AllUserMemberships(t.Context(), nora.Items[0].ID, adminclient.ListUserMembershipsParams{}))
	if err != nil || len(member) != 2 {
		t.Errorf("memberships: %v, %v", member, err)
	}
}

const two = `version: 1
tenants:
  - slug: acme
    roles:
      - {name: admin, permissions: {https://orders.example: [orders:read]}}
`

func TestWhatWouldBeLostIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	before := export(t, api)
	c := compare(t, api, []byte(strings.Replace(two, "slug: acme", "slug: acme\n    name: Renamed", 1)))
	loss, ok := errors.AsType[*manifest.LossError](c.Apply(t.Context(), manifest.Options{}))
	if !ok || !errors.Is(loss, errdefs.ErrDenied) {
		t.Fatalf("got %v", loss)
	}
	for _, want := range []string{"role acme/clerk", "permissions of role acme/admin: https://orders.example orders:write"} {
		if !strings.Contains(loss.Error(), want) {
			t.Errorf("%q is not among the losses: %v", want, loss)
		}
	}
	if after := export(t, api); !bytes.Equal(before, after) {
		t.Error("something was changed")
	}
}

func TestAThingThatSomebodyElseChangedMeanwhileIsAConflict(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	c := compare(t, api, []byte("version: 1\ntenants:\n  - {slug: acme, name: Mine}\n"))
	_, etag, err := api.GetTenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	theirs := "Theirs"
	if _, _, err := api.UpdateTenant(t.Context(), "acme", adminclient.UpdateTenantBody{Name: &theirs}, adminclient.IfMatch(etag)); err != nil {
		t.Fatal(err)
	}
	err = c.Apply(t.Context(), manifest.Options{})
	if !errors.Is(err, errdefs.ErrConflict) || !strings.Contains(err.Error(), "tenant acme: somebody changed its name") {
		t.Errorf("got %v", err)
	}
	if a, _, err := api.GetTenant(t.Context(), "acme"); err != nil || a.Name != theirs {
		t.Errorf("overwritten: %v, %v", a, err)
	}
}

func TestACompleteListLosesWhatItDoesNotHave(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	document := []byte("version: 1\ncomplete: [clients]\nclients:\n  - id: spa\n")
	plan := compare(t, api, document).Plan
	if text := printed(t, plan); !strings.Contains(text, "- client legacy:id/with+odd chars\n") || strings.Contains(text, "signet-cli") || strings.Contains(text, "client spa") {
		t.Errorf("the plan is\n%s", text)
	}
	apply(t, api, document, manifest.Options{AllowLoss: true})
	unchanged(t, api, document)
	for c, err := range api.AllClients(t.Context(), adminclient.ListClientsParams{}) {
		if err != nil || c.ID != "spa" && c.ID != "signet-cli" {
			t.Errorf("%v, %v", c.ID, err)
		}
	}
}

func TestWhatTheServerRefusesEndsTheApplicationAndIsNamed(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	for name, c := range map[string]struct{ document, want string }{
		"a person without an account": {"tenants:\n  - slug: acme\n    members:\n      - {email: ada@acme.example, roles: [admin]}\n      - {email: grace@acme.example, roles: [clerk]}\n      - {email: who@example.org}\n", "member acme/who@example.org: there is no account"},
		"a permission of nobody":      {"tenants:\n  - slug: globex\n    roles:\n      - {name: viewer, permissions: {https://orders.example: [orders:read]}}\n      - admin\n      - member\n      - {name: x, permissions: {https://nowhere.example: [x]}}\n", "role globex/x: "},
		"the last administrator":      {"tenants:\n  - slug: globex\n    members:\n      - {email: linus@globex.example}\n      - {email: ada@acme.example}\n      - {email: greta@globex.example, roles: [viewer]}\n", "greta@globex.example: "},
		"an owner that changes":       {"clients:\n  - {id: acme-spa, tenant: globex}\n", "line 3: tenant: the client acme-spa has \"acme\" and keeps it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := manifest.Parse("test.yaml", []byte("version: 1\n"+c.document), nothing())
			if err != nil {
				t.Fatal(err)
			}
			changes, err := manifest.Compare(t.Context(), api, d)
			if err == nil {
				err = changes.Apply(t.Context(), manifest.Options{AllowLoss: true})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestACancelledApplicationEnds(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	c := compare(t, api, []byte(odd))
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Apply(ctx, manifest.Options{Done: func(*manifest.Step) { cancel() }})
	stopped, ok := errors.AsType[*manifest.StepError](err)
	if !ok || !errors.Is(err, context.Canceled) || stopped.Done != 1 {
		t.Fatalf("got %v", err)
	}
	apply(t, api, []byte(odd), manifest.Options{}) // goes on from there
	unchanged(t, api, []byte(odd))
}

func TestBothSecretsOfAClientAreReplacedAtOnce(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	api := administrator(t, app)
	source := nothing()
	source.Env = func(name string) (string, bool) { return "the secret that is called " + name + " 0123456789", true }
	document := func(names string) *manifest.Comparison {
		t.Helper()
		d, err := manifest.Parse("test.yaml", []byte("version: 1\nclients:\n  - {id: 'ma: chine', name: M, grant_types: [client_credentials], secrets: ["+names+"]}\n"), source)
		if err != nil {
			t.Fatal(err)
		}
		c, err := manifest.Compare(t.Context(), api, d)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	works := func(name string) bool {
		secret, _ := source.Env(name)
		out := app.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) {
			r.SetBasicAuth(url.QueryEscape("ma: chine"), url.QueryEscape(secret))
		})
		return out.Error() != "invalid_client"
	}
	for _, step := range []struct {
		names string
		good  []string
		bad   []string
	}{
		{"{env: A}", []string{"A"}, []string{"B"}},
		{"{env: A}, {env: B}", []string{"A", "B"}, nil},
		{"{env: C}, {env: D}", []string{"C", "D"}, []string{"A", "B"}},
		{"{env: E}", []string{"E"}, []string{"A", "B", "C", "D"}},
	} {
		if err := document(step.names).Apply(t.Context(), manifest.Options{AllowLoss: true}); err != nil {
			t.Fatalf("%s: %v", step.names, err)
		}
		if plan := document(step.names).Plan; !plan.Empty() {
			t.Errorf("%s: there is something to do:\n%s", step.names, printed(t, plan))
		}
		for _, name := range step.good {
			if !works(name) {
				t.Errorf("%s: %s is refused", step.names, name)
			}
		}
		for _, name := range step.bad {
			if works(name) {
				t.Errorf("%s: %s still works", step.names, name)
			}
		}
	}
	if strings.Contains(app.Log.String(), "the secret that is called") {
		t.Error("a secret is in the log")
	}
}

func TestATenantThatACompleteListDoesNotHaveIsDeletedWithAllInIt(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	document := []byte("version: 1\ncomplete: [tenants]\ntenants:\n  - slug: acme\n")
	if text := printed(t, compare(t, api, document).Plan); text != "- tenant globex\n0 to create, 0 to change, 1 to delete.\n" {
		t.Errorf("the plan is\n%s", text)
	}
	apply(t, api, document, manifest.Options{AllowLoss: true})
	unchanged(t, api, document)
	if _, _, err := api.GetTenant(t.Context(), "globex"); !adminclient.IsNotFound(err) {
		t.Errorf("globex is still there: %v", err)
	}
}

func TestConnectorsAndDomainsAreChangedAndTakenAwayInAnOrderThatWorks(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	const before = `version: 1
tenants:
  - slug: acme
    connectors:
      - {slug: one, issuer: https://one.example, client_id: a, client_secret: {env: STAFF_SECRET}}
      - {slug: two, issuer: https://two.example, client_id: b}
    domains:
      - {domain: acme.example, connector: one, verified: true}
      - gone.example
connectors:
  - {slug: shared, issuer: https://shared.example, client_id: c, joins: globex}
`
	apply(t, api, []byte(before), manifest.Options{})
	unchanged(t, api, []byte(before))
	one, _, err := api.GetConnector(t.Context(), "acme.one")
	if err != nil || !one.SecretSet {
		t.Fatalf("%+v, %v", one, err)
	}

	const after = `version: 1
complete: [connectors]
tenants:
  - slug: acme
    connectors:
      - {slug: two, issuer: https://two.example, client_id: B, name: Two}
      - {slug: three, issuer: https://three.example, client_id: d}
    domains:
      - {domain: acme.example, connector: three}
connectors: []
`
	c := compare(t, api, []byte(after))
	if losses, ok := errors.AsType[*manifest.LossError](c.Apply(t.Context(), manifest.Options{})); !ok || !strings.Contains(losses.Error(), "connector acme/one") || !strings.Contains(losses.Error(), "domain acme/gone.example") || !strings.Contains(losses.Error(), "connector shared") {
		t.Errorf("losses: %v", losses)
	}
	apply(t, api, []byte(after), manifest.Options{AllowLoss: true})
	unchanged(t, api, []byte(after))
	d, _, err := api.GetDomain(t.Context(), "acme", "acme.example")
	three, _, errThree := api.GetConnector(t.Context(), "acme.three")
	if err != nil || errThree != nil || d.ConnectorID != three.ID || d.VerifiedAt.IsZero() {
		t.Errorf("the domain leads to %s (%v), verified %s: %v", d.ConnectorID, err, d.VerifiedAt, errThree)
	}
}

func TestAConnectorGetsItsSecretAnewWithAnotherIssuer(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t))
	const document = `version: 1
connectors:
  - {slug: staff, issuer: %s, client_id: a%s}
`
	const named = ", client_secret: {env: STAFF_SECRET}"
	apply(t, api, fmt.Appendf(nil, document, "https://one.example", named), manifest.Options{})
	apply(t, api, fmt.Appendf(nil, document, "https://two.example", named), manifest.Options{})
	c := compare(t, api, fmt.Appendf(nil, document, "https://thief.example", ""))
	if err := c.Apply(t.Context(), manifest.Options{}); err == nil || !strings.Contains(err.Error(), "client_secret") {
		t.Errorf("without the secret: %v", err)
	}
	if staff, _, err := api.GetConnector(t.Context(), "staff"); err != nil || staff.Issuer != "https://two.example" || !staff.SecretSet {
		t.Errorf("%+v, %v", staff, err)
	}
}

func TestWhatTheEnvironmentOfTheServerDeclaresIsNotTheDocuments(t *testing.T) {
	t.Parallel()
	api := administrator(t, apptest.Start(t, apptest.With("SIGNET_OIDC_ISSUER", "https://id.example"), apptest.With("SIGNET_OIDC_CLIENT_ID", "c")))
	if document := string(export(t, api)); strings.Contains(document, "https://id.example") || !strings.Contains(document, "\nconnectors: []") {
		t.Errorf("exported:\n%s", document)
	}
	unchanged(t, api, []byte("version: 1\ncomplete: [connectors]\nconnectors: []\n"))
}

func TestAFileChoosesWhatIsSignedWithAmongTheAlgorithmsInUse(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t) // ES256 and RS256
	api := administrator(t, app)
	document := func(server, client string) []byte {
		return fmt.Appendf(nil, "version: 1\nresource_servers:\n  - {audience: \"https://stock.example\", name: Stock, signing_algorithm: %q}\n"+
			"clients:\n  - {id: stock, name: Stock, auth_method: none, grant_types: [], id_token_algorithm: %q}\n", server, client)
	}
	for _, alg := range []string{"RS256", "ES256", ""} {
		apply(t, api, document(alg, alg), manifest.Options{})
		unchanged(t, api, document(alg, alg))
	}
	apply(t, api, document("RS256", "RS256"), manifest.Options{})
	exported, err := manifest.Export(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"signing_algorithm: RS256", "id_token_algorithm: RS256"} {
		if !bytes.Contains(exported, []byte(want)) {
			t.Errorf("the export lacks %s:\n%s", want, exported)
		}
	}
	unchanged(t, api, exported)
	for what, document := range map[string][]byte{"signing_algorithm": document("EdDSA", "RS256"), "id_token_algorithm": document("RS256", "EdDSA")} {
		err := compare(t, api, document).Apply(t.Context(), manifest.Options{})
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "is not in use here: choose among ES256, RS256") {
			t.Errorf("%s: %v", what, err)
		}
		unchanged(t, api, exported)
	}
}
