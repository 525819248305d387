package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// upstreamSecret is what providers gave in these tests; it never comes back.
const upstreamSecret = "what-the-provider-gave-and-nobody-sees-again"

// googleFields is the three fields of a connector to Google.
func googleFields(more ...any) map[string]any {
	return sent(append([]any{"kind", "google", "client_id", "1234.apps.googleusercontent.com", "client_secret", upstreamSecret}, more...)...)
}

// oktaFields is the three fields of a connector to any OpenID Provider.
func oktaFields(more ...any) map[string]any {
	return sent(append([]any{"issuer", "https://acme.okta.example", "client_id", "0oa1b2", "client_secret", upstreamSecret}, more...)...)
}

// sent is a body of names and values; later ones win, nil leaves a name out.
func sent(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
		}
	}
	return out
}

func TestThreeFieldsMakeAConnectorThatSaysWhatToRegister(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	made := a.Admin(t, opal, http.MethodPost, "/connectors", googleFields(), "Idempotency-Key: k")
	again := a.Admin(t, opal, http.MethodPost, "/connectors", googleFields(), "Idempotency-Key: k")
	if made.Status != http.StatusCreated || again.Text("id") != made.Text("id") || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("%d %s\n%d %s", made.Status, made.Raw, again.Status, again.Raw)
	}
	for name, want := range map[string]any{
		"reference": "google", "slug": "google", "kind": "google", "name": "Google", "issuer": "https://accounts.google.com", "secret_set": true,
		"redirect_uri": a.URL + "/upstream/google/callback", "backchannel_logout_uri": a.URL + "/upstream/google/logout", "client_id": "1234.apps.googleusercontent.com",
	} {
		if made.JSON[name] != want {
			t.Errorf("%s is %v, want %v", name, made.JSON[name], want)
		}
	}
	theirs := a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "acme"))
	if theirs.Text("reference") != "acme.acme-okta-example" || theirs.Text("kind") != "oidc" || theirs.Text("redirect_uri") != a.URL+"/upstream/acme.acme-okta-example/callback" {
		t.Errorf("of an issuer: %d %s", theirs.Status, theirs.Raw)
	}
	byReference := a.Admin(t, opal, http.MethodGet, "/connectors/acme.acme-okta-example", nil)
	if byReference.Text("id") != theirs.Text("id") || byReference.Header.Get("ETag") != `"1"` {
		t.Errorf("by its reference: %d %s", byReference.Status, byReference.Raw)
	}
	first := a.Admin(t, opal, http.MethodGet, "/connectors?limit=1", nil)
	second := a.Admin(t, opal, http.MethodGet, "/connectors?limit=1&cursor="+first.Text("next_cursor"), nil)
	if got := append(entries(first, "reference"), entries(second, "reference")...); !slices.Equal(got, []string{"google", "acme.acme-okta-example"}) || second.Text("next_cursor") != "" {
		t.Errorf("the list: %v", got)
	}
	if got := entries(a.Admin(t, opal, http.MethodGet, "/connectors?tenant=acme", nil), "reference"); !slices.Equal(got, []string{"acme.acme-okta-example"}) {
		t.Errorf("of acme: %v", got)
	}
	for _, answer := range []apptest.Answer{made, again, theirs, byReference, first, second} {
		if strings.Contains(answer.Raw, upstreamSecret) {
			t.Errorf("an answer holds the secret: %s", answer.Raw)
		}
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.created' AND target = $1 AND actor LIKE 'usr_%' AND detail::text NOT LIKE '%' || $2 || '%'", made.Text("id"), upstreamSecret); n != 1 {
		t.Errorf("%d records", n)
	}
	if n := records(t, a, "SELECT count(*) FROM connector WHERE position($1::bytea IN sealed_secret) > 0", []byte(upstreamSecret)); n != 0 {
		t.Error("the secret is stored as it is")
	}
}

func TestARefusedConnectorNamesItsFields(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	greta := a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", googleFields()))
	for what, c := range map[string]struct {
		body   map[string]any
		status int
		fields []string
	}{
		"no kind, no issuer":          {sent("client_id", "x"), 422, []string{"body.slug", "body.kind", "body.name"}},
		"a secret that is missing":    {googleFields("slug", "g2", "client_secret", nil), 422, []string{"body.client_secret"}},
		"a slug with a dot":           {oktaFields("slug", "a.b"), 422, []string{"body.slug"}},
		"a slug that is taken":        {googleFields(), 409, []string{"body.slug"}},
		"an issuer in the clear":      {oktaFields("issuer", "http://idp.example"), 422, []string{"body.issuer"}},
		"a tenant that is not":        {oktaFields("tenant_id", "initech"), 422, []string{"body.tenant_id"}},
		"people join what is not":     {oktaFields("joins_tenant_id", "initech"), 422, []string{"body.joins_tenant_id"}},
		"a tenant's joins another":    {oktaFields("tenant_id", "acme", "joins_tenant_id", "globex"), 422, []string{"body.joins_tenant_id"}},
		"roles of nobody":             {oktaFields("default_roles", []string{"clerk"}), 422, []string{"body.joins"}},
		"a role that is not":          {oktaFields("tenant_id", "acme", "default_roles", []string{"clerk", "boss"}), 422, []string{"body.default_roles[1]"}},
		"a mapped role that is not":   {oktaFields("tenant_id", "acme", "groups_claim", "groups", "role_mappings", []any{map[string]any{"group": "g", "role": "boss"}}), 422, []string{"body.role_mappings[0].role"}},
		"mappings without claim":      {oktaFields("tenant_id", "acme", "role_mappings", []any{map[string]any{"group": "g", "role": "clerk"}}), 422, []string{"body.groups_claim"}},
		"groups of Google":            {googleFields("slug", "g2", "groups_claim", "groups"), 422, []string{"body.groups_claim"}},
		"a hosted domain of another":  {oktaFields("hosted_domains", []string{"acme.example"}), 422, []string{"body.hosted_domains"}},
		"authority without a tenant":  {oktaFields("authoritative", true), 422, []string{"body.authoritative"}},
		"a scope of two words":        {oktaFields("scopes", []string{"a b"}), 422, []string{"body.scopes"}},
		"a secret that is no text":    {oktaFields("client_secret", 7), 422, []string{"body.client_secret"}},
		"a field that there is not":   {oktaFields("secret", "x"), 422, []string{"body.secret"}},
		"a kind that nobody speaks":   {oktaFields("kind", "saml"), 422, []string{"body.kind"}},
		"a client that is not named":  {googleFields("slug", "g2", "client_id", nil), 422, []string{"body.client_id"}},
		"a name with a line break":    {googleFields("slug", "g2", "name", "Goo\ngle"), 422, []string{"body.name"}},
		"claims of a group unbounded": {oktaFields("groups_claim", strings.Repeat("g", 300)), 422, []string{"body.groups_claim"}},
	} {
		got := a.Admin(t, opal, http.MethodPost, "/connectors", c.body)
		if got.Status != c.status || !slices.Equal(faulty(got), c.fields) || strings.Contains(got.Raw, upstreamSecret) {
			t.Errorf("%s: %d %s, want %d of %v", what, got.Status, got.Raw, c.status, c.fields)
		}
	}
	if got := a.Admin(t, greta, http.MethodPost, "/connectors", oktaFields("joins_tenant_id", "globex")); got.Status != http.StatusForbidden || !slices.Equal(faulty(got), []string{"body.joins_tenant_id"}) {
		t.Errorf("a tenant administrator sets joins_tenant_id: %d %s", got.Status, got.Raw)
	}
}

func TestAConnectorIsEditedAsItWasReadAndKeepsItsSecret(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "acme", "slug", "okta")))
	stored := func() string {
		t.Helper()
		var sealed []byte
		if err := connect(t, a).QueryRow(t.Context(), "SELECT sealed_secret FROM connector WHERE reference = 'acme.okta'").Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		return string(sealed)
	}
	before := stored()
	if got := a.Admin(t, opal, http.MethodPatch, "/connectors/acme.okta", sent("name", "Okta")); got.Status != http.StatusPreconditionRequired {
		t.Errorf("unread: %d %s", got.Status, got.Raw)
	}
	mapping := []any{map[string]any{"group": "cn=staff,o=acme", "role": "clerk"}}
	got := a.Admin(t, opal, http.MethodPatch, "/connectors/acme.okta", sent("name", "Okta", "provision", true, "groups_claim", "groups", "role_mappings", mapping, "hidden", true, "disabled", true, "scopes", []string{"groups"}), `If-Match: "1"`)
	if got.Status != http.StatusOK || got.Header.Get("ETag") != `"2"` || got.Text("name") != "Okta" || got.JSON["provision"] != true || got.JSON["hidden"] != true || got.Text("disabled_at") == "" || fmt.Sprint(got.JSON["role_mappings"]) != fmt.Sprint(mapping) {
		t.Errorf("edited: %d %s", got.Status, got.Raw)
	}
	if stored() != before || got.JSON["secret_set"] != true {
		t.Error("an edit of something else changed the secret")
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/connectors/acme.okta", sent("name", "Late"), `If-Match: "1"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d %s", got.Status, got.Raw)
	}
	got = a.Admin(t, opal, http.MethodPatch, "/connectors/acme.okta", sent("client_secret", upstreamSecret+"-2", "disabled", false), `If-Match: "2"`)
	if got.Status != http.StatusOK || strings.Contains(got.Raw, upstreamSecret) || stored() == before || got.Text("disabled_at") != "" {
		t.Errorf("another secret: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/connectors/acme.okta", sent("client_secret", ""), `If-Match: "3"`); got.Status != http.StatusOK || got.JSON["secret_set"] != false {
		t.Errorf("no secret: %d %s", got.Status, got.Raw)
	}
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", googleFields()))
	if got := a.Admin(t, opal, http.MethodPatch, "/connectors/google", sent("client_secret", ""), `If-Match: "1"`); got.Status != 422 || !slices.Equal(faulty(got), []string{"body.client_secret"}) {
		t.Errorf("Google without secret: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.updated' AND detail ->> 'fields' = 'client_secret disabled'"); n != 1 {
		t.Errorf("%d records name the fields", n)
	}
}

// Who may edit a connector need not know its secret, and an issuer of their own would be told it.
func TestAStoredSecretIsNotSentToAnotherIssuer(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	greta := a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, greta, http.MethodPost, "/connectors", oktaFields("slug", "okta")))
	edit := func(version int, more ...any) apptest.Answer {
		t.Helper()
		return a.Admin(t, greta, http.MethodPatch, "/connectors/globex.okta", sent(more...), fmt.Sprintf(`If-Match: "%d"`, version))
	}
	if got := edit(1, "issuer", "https://thief.example"); got.Status != 422 || !slices.Equal(faulty(got), []string{"body.client_secret"}) {
		t.Errorf("another issuer: %d %s", got.Status, got.Raw)
	}
	if got := edit(1, "issuer", "https://acme.okta.example", "client_id", "0oa2"); got.Status != http.StatusOK {
		t.Errorf("the same issuer: %d %s", got.Status, got.Raw)
	}
	if got := edit(2, "issuer", "https://other.example", "client_secret", upstreamSecret); got.Status != http.StatusOK || got.Text("issuer") != "https://other.example" {
		t.Errorf("with its secret: %d %s", got.Status, got.Raw)
	}
	if got := edit(3, "issuer", "https://public.example", "client_secret", ""); got.Status != http.StatusOK || got.JSON["secret_set"] != false {
		t.Errorf("without any: %d %s", got.Status, got.Raw)
	}
	if got := edit(4, "issuer", "https://another.example"); got.Status != http.StatusOK {
		t.Errorf("a public client's: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.updated' AND detail ->> 'issuer' = 'https://other.example'"); n != 1 {
		t.Errorf("%d records say where people are sent now", n)
	}
}

// TestWhoMayDoWhatToConnectors goes through the rights: administrators of a tenant have its own, see of
// the installation's those whose people join it, without who this server is there, and nothing else.
func TestWhoMayDoWhatToConnectors(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	greta := a.AdminToken(t, apptest.Greta, "globex")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", googleFields("joins_tenant_id", "globex", "provision", true, "default_roles", []string{"viewer"})))
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", sent("kind", "github", "client_id", "Iv1", "client_secret", upstreamSecret)))
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "acme", "slug", "okta")))
	// Theirs belongs to their tenant without saying so.
	mine := a.Admin(t, greta, http.MethodPost, "/connectors", oktaFields("slug", "okta", "authoritative", true, "default_roles", []string{"viewer"}))
	if mine.Status != http.StatusCreated || mine.Text("reference") != "globex.okta" || mine.Text("client_id") == "" {
		t.Fatalf("of their own: %d %s", mine.Status, mine.Raw)
	}
	if got := entries(a.Admin(t, greta, http.MethodGet, "/connectors", nil), "reference"); !slices.Equal(got, []string{"google", "globex.okta"}) {
		t.Errorf("they see %v", got)
	}
	seen := a.Admin(t, greta, http.MethodGet, "/connectors/google", nil)
	if seen.Text("name") != "Google" || fmt.Sprint(seen.JSON["default_roles"]) != "[viewer]" || seen.JSON["client_id"] != nil || seen.JSON["redirect_uri"] != nil || seen.JSON["secret_set"] != false {
		t.Errorf("the installation's: %d %s", seen.Status, seen.Raw)
	}
	for _, c := range []struct {
		what, method, path string
		body               any
		status             int
	}{
		{"another tenant's", http.MethodGet, "/connectors/acme.okta", nil, 404},
		{"another tenant's, edited", http.MethodPatch, "/connectors/acme.okta", sent("name", "Mine"), 404},
		{"another tenant's, deleted", http.MethodDelete, "/connectors/acme.okta?force=true", nil, 404},
		{"another tenant's, tested", http.MethodPost, "/connectors/acme.okta/test", nil, 404},
		{"another tenant's people", http.MethodGet, "/connectors/acme.okta/identities", nil, 404},
		{"one that joins nobody", http.MethodGet, "/connectors/github", nil, 404},
		{"the installation's, edited", http.MethodPatch, "/connectors/google", sent("name", "Mine"), 403},
		{"the installation's, deleted", http.MethodDelete, "/connectors/google", nil, 403},
		{"the installation's, tested", http.MethodPost, "/connectors/google/test", nil, 403},
		{"the installation's people", http.MethodGet, "/connectors/google/identities", nil, 403},
		{"their own, edited", http.MethodPatch, "/connectors/globex.okta", sent("hidden", true), 200},
		{"their own, joined to another", http.MethodPatch, "/connectors/globex.okta", sent("joins_tenant_id", "acme"), 403},
		{"their own, made another's", http.MethodPost, "/connectors", oktaFields("tenant_id", "acme", "slug", "x"), 422},
		{"their own, gone", http.MethodDelete, "/connectors/globex.okta", nil, 204},
	} {
		if got := a.Admin(t, greta, c.method, c.path, c.body, "If-Match: *"); got.Status != c.status {
			t.Errorf("%s: %d %s, want %d", c.what, got.Status, got.Raw, c.status)
		}
	}
	if got := a.Admin(t, a.AdminToken(t, apptest.Ada, "acme"), http.MethodGet, "/connectors", nil); !slices.Equal(entries(got, "reference"), []string{"acme.okta"}) {
		t.Errorf("acme sees %s", got.Raw)
	}
}

func TestAConnectorThatIsUsedIsDeletedByForceAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", oktaFields("tenant_id", "acme", "slug", "okta")))
	done(t, a.Admin(t, opal, http.MethodPut, "/tenants/acme/domains/acme.example", sent("connector_id", "acme.okta", "verified", true)))
	if got := a.Admin(t, opal, http.MethodPatch, "/tenants/acme", sent("only_connectors", true), "If-Match: *"); got.Status != http.StatusOK || got.JSON["only_connectors"] != true {
		t.Fatalf("only connectors: %d %s", got.Status, got.Raw)
	}
	for _, path := range []string{"/connectors/acme.okta", "/connectors/acme.okta?force=true"} { // used, and the only way in
		if got := a.Admin(t, opal, http.MethodDelete, path, nil); got.Status != http.StatusConflict {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	done(t, a.Admin(t, opal, http.MethodPatch, "/tenants/acme", sent("only_connectors", false), "If-Match: *"))
	if got := a.Admin(t, opal, http.MethodDelete, "/connectors/acme.okta", nil, `If-Match: "9"`); got.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodDelete, "/connectors/acme.okta?force=true", nil); got.Status != http.StatusNoContent {
		t.Errorf("by force: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodGet, "/tenants/acme/domains/acme.example", nil); got.Status != http.StatusOK || got.JSON["connector_id"] != nil {
		t.Errorf("its domain: %d %s", got.Status, got.Raw)
	}
	if got := a.Admin(t, opal, http.MethodPatch, "/tenants/acme", sent("only_connectors", true), "If-Match: *"); got.Status != http.StatusConflict || !slices.Equal(faulty(got), []string{"body.only_connectors"}) {
		t.Errorf("a tenant that nobody could enter: %d %s", got.Status, got.Raw)
	}
	if n := records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.deleted' AND detail ->> 'force' = 'true' AND detail ->> 'reference' = 'acme.okta'"); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestWhatTheSettingsDeclareIsNotChangedHere(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_GOOGLE_CLIENT_ID", "1234"), apptest.With("SIGNET_GOOGLE_CLIENT_SECRET", upstreamSecret))
	opal := a.AdminToken(t, apptest.Opal, "signet")
	if got := a.Admin(t, opal, http.MethodGet, "/connectors/google", nil); got.Text("managed_by") != "environment" || got.JSON["secret_set"] != true {
		t.Fatalf("declared: %d %s", got.Status, got.Raw)
	}
	for method, body := range map[string]any{http.MethodPatch: sent("name", "Mine"), http.MethodDelete: nil} {
		if got := a.Admin(t, opal, method, "/connectors/google", body, "If-Match: *"); got.Status != http.StatusConflict || !strings.Contains(got.Raw, "settings") {
			t.Errorf("%s: %d %s", method, got.Status, got.Raw)
		}
	}
}

func TestATestOfAConnectionSaysInWordsWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_OUTBOUND_ALLOW", "127.0.0.0/8"))
	p := apptest.NewProvider(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	body := sent("issuer", p.URL, "client_id", p.ClientID, "client_secret", p.Secret.Reveal(), "slug", "partner", "tenant_id", "acme")
	test := func(path string, body any) (ok bool, findings string) {
		t.Helper()
		got := a.Admin(t, opal, http.MethodPost, path, body)
		if got.Status != http.StatusOK || strings.Contains(got.Raw, p.Secret.Reveal()) {
			t.Fatalf("%s: %d %s", path, got.Status, got.Raw)
		}
		ok, _ = got.JSON["ok"].(bool)
		return ok, fmt.Sprint(got.JSON["findings"])
	}
	if ok, findings := test("/connectors/test", body); !ok || !strings.Contains(findings, a.URL+"/upstream/acme.partner/callback") {
		t.Errorf("a draft: %v %s", ok, findings)
	}
	if n := records(t, a, "SELECT count(*) FROM connector"); n != 0 {
		t.Error("a draft was stored")
	}
	if ok, findings := test("/connectors/test", sent("issuer", p.URL, "client_id", p.ClientID, "client_secret", "another", "slug", "partner")); ok {
		t.Errorf("a wrong secret: %s", findings)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/connectors/test", sent("client_id", "x")); got.Status != 422 || len(faulty(got)) == 0 {
		t.Errorf("a draft with faults: %d %s", got.Status, got.Raw)
	}
	done(t, a.Admin(t, opal, http.MethodPost, "/connectors", body))
	if ok, findings := test("/connectors/acme.partner/test", nil); !ok {
		t.Errorf("as it was made: %s", findings)
	}
	p.Down()
	if ok, findings := test("/connectors/acme.partner/test", nil); ok || strings.Contains(findings, "dial tcp") {
		t.Errorf("while it is down: %v %s", ok, findings)
	}
	eventually(t, "four records of tests", func() bool {
		return records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.tested' AND detail ->> 'ok' = 'true'") == 2 &&
			records(t, a, "SELECT count(*) FROM audit_event WHERE action = 'connector.tested' AND detail ->> 'ok' = 'false' AND detail ->> 'wrong' <> ''") == 2
	})
}

// A test is made from this server to where its caller says: nobody may have many.
func TestNobodySearchesANetworkByTests(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	greta, opal := a.AdminToken(t, apptest.Greta, "globex"), a.AdminToken(t, apptest.Opal, "signet")
	refused := 0
	for i := range 32 {
		got := a.Admin(t, greta, http.MethodPost, "/connectors/test", oktaFields("issuer", fmt.Sprintf("https://127.0.0.%d:9", i+1)))
		switch {
		case got.Status == http.StatusTooManyRequests && got.Header.Get("Retry-After") != "":
			refused++
		case got.Status != http.StatusOK || got.JSON["ok"] != false:
			t.Fatalf("test %d: %d %s", i, got.Status, got.Raw)
		}
	}
	if refused != 2 {
		t.Errorf("%d of 32 were held off", refused)
	}
	if got := a.Admin(t, opal, http.MethodPost, "/connectors/test", oktaFields("issuer", "https://127.0.0.1:9")); got.Status != http.StatusOK {
		t.Errorf("somebody else: %d %s", got.Status, got.Raw)
	}
}
