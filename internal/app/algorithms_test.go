package app_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

// service is the resource server of these tests that chose the algorithm.
func service(alg keys.Algorithm) string {
	return "https://" + strings.ToLower(string(alg)) + ".example"
}

// undecided is a resource server that chose none.
const undecided = "https://undecided.example"

var everyAlgorithm = []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA}

// startWithAlgorithms runs an installation where one resource server chose each algorithm. The public
// client tab and the machine worker may ask for tokens for any; rp-ALGORITHM chose its ID tokens'.
func startWithAlgorithms(t *testing.T, opts ...apptest.Option) *apptest.App {
	t.Helper()
	in := installation.Installation{ResourceServers: []installation.ResourceServer{{Audience: undecided, Name: "Undecided"}}}
	all := []string{undecided}
	for _, alg := range everyAlgorithm {
		all = append(all, service(alg))
		in.ResourceServers = append(in.ResourceServers, installation.ResourceServer{Audience: service(alg), Name: string(alg), SigningAlgorithm: alg})
	}
	add := func(c client.Client) { in.Clients = append(in.Clients, installation.Client{Client: c}) }
	public := client.Client{
		ID: "tab", Name: "Tab", AuthMethod: client.AuthNone, GrantTypes: []string{client.GrantAuthorizationCode, client.GrantRefreshToken},
		RedirectURIs: []string{apptest.Callback}, Scopes: []string{"openid", "profile", "email", "offline_access"}, Audiences: all, SkipConsent: true,
	}
	add(public)
	secrets := []client.Secret{{Hash: apptest.Secret.Hash()}}
	add(client.Client{ID: "worker", Name: "Worker", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantClientCredentials}, Audiences: all, Secrets: secrets})
	for _, alg := range everyAlgorithm {
		add(client.Client{ID: client.ID("api-" + alg), Name: "API", AuthMethod: client.AuthBasic, ServesAudience: service(alg), Secrets: secrets})
		c := public
		c.ID, c.Audiences, c.IDTokenAlgorithm = client.ID("rp-"+alg), []string{undecided}, alg
		add(c)
	}
	return apptest.Start(t, append([]apptest.Option{
		apptest.With("SIGNET_KEYS_ALGORITHMS", "ES256,RS256,EdDSA"), apptest.WithInstallation(in),
	}, opts...)...)
}

// signedWith fails unless a token has that alg.
func signedWith(t *testing.T, what, token string, alg keys.Algorithm) {
	t.Helper()
	if got := apptest.Header(t, token)["alg"]; got != string(alg) {
		t.Errorf("%s is signed with %v, want %s", what, got, alg)
	}
}

func TestAnAccessTokenIsSignedWithWhatItsResourceServerChose(t *testing.T) {
	t.Parallel()
	a := startWithAlgorithms(t)
	provider, err := oidc.NewProvider(context.Background(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	tab := a.Tokens(t, "tab", apptest.Grace, "resource="+undecided)
	signedWith(t, "a token for who chose nothing", tab.Text("access_token"), keys.ES256)
	for _, alg := range everyAlgorithm {
		machine := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {service(alg)}}, apptest.Basic("worker"))
		person := a.Tokens(t, "tab", apptest.Grace, "resource="+service(alg))
		// Both are given the same thing to check: any algorithm that Signet knows, and this one alone.
		wide, err1 := verify.New(t.Context(), verify.Config{Issuer: a.URL, Audience: service(alg)})
		narrow, err2 := verify.New(t.Context(), verify.Config{Issuer: a.URL, Audience: service(alg), Algorithms: []keys.Algorithm{alg}})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		foreign := provider.Verifier(&oidc.Config{ClientID: service(alg), SupportedSigningAlgs: []string{string(alg)}})
		for who, token := range map[string]string{"a machine": machine.Text("access_token"), "a person": person.Text("access_token")} {
			signedWith(t, string(alg)+" of "+who, token, alg)
			for name, v := range map[string]*verify.Verifier{"pkg/verify": wide, "pkg/verify with this algorithm alone": narrow} {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("%s of %s: %s: %v", alg, who, name, err)
				}
			}
			if _, err := foreign.Verify(t.Context(), token); err != nil {
				t.Errorf("%s of %s: go-oidc: %v", alg, who, err)
			}
			if !introspect(t, a, "api-"+string(alg), token, true) {
				t.Errorf("%s of %s: introspection says no", alg, who)
			}
		}
		if out := a.Get(t, "/userinfo", apptest.Bearer(person.Text("access_token"))); out.Status != http.StatusOK {
			t.Errorf("%s: userinfo: %d %s", alg, out.Status, out.Raw)
		}
		if size := len(machine.Text("access_token")); size > 1500 {
			t.Errorf("%s: %d bytes", alg, size)
		}
	}
}

func TestAClientChoosesWhatItsIDTokensAreSignedWith(t *testing.T) {
	t.Parallel()
	a := startWithAlgorithms(t)
	provider, err := oidc.NewProvider(context.Background(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := strs(a.Get(t, "/.well-known/openid-configuration").JSON["id_token_signing_alg_values_supported"]); !slices.Equal(got, []string{"ES256", "RS256", "EdDSA"}) {
		t.Errorf("advertised: %v", got)
	}
	for _, alg := range everyAlgorithm {
		id := "rp-" + string(alg)
		b := a.Browser(t)
		out := a.PostForm(t, "/token", apptest.RedeemForm(id, b.SignIn(b.Get(a.AuthorizeURL(id)), apptest.Grace, apptest.Password).Code(t)))
		for what, out := range map[string]apptest.Answer{"first": out, "refreshed": a.PostForm(t, "/token", apptest.RefreshForm(id, out.Text("refresh_token")))} {
			idToken, err := provider.Verifier(&oidc.Config{ClientID: id, SupportedSigningAlgs: []string{string(alg)}}).Verify(t.Context(), out.Text("id_token"))
			if err != nil {
				t.Fatalf("%s, %s: %v", alg, what, err)
			}
			if err := idToken.VerifyAccessToken(out.Text("access_token")); err != nil {
				t.Errorf("%s, %s: at_hash: %v", alg, what, err)
			}
			signedWith(t, "the access token beside it", out.Text("access_token"), keys.ES256)
			if p := b.Get(a.AuthorizeURL(id, "prompt=none", "id_token_hint="+out.Text("id_token"))); p.Away == nil || p.Away.Query().Get("code") == "" {
				t.Errorf("%s, %s: as a hint: %d, sent to %v", alg, what, p.Status, p.Away)
			}
		}
	}
}

func TestTheFirstAlgorithmOfTheSettingIsTheDefault(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"EdDSA, RS256", "RS256"} {
		a := apptest.Start(t, apptest.With("SIGNET_KEYS_ALGORITHMS", setting))
		names := strings.Split(setting, ", ")
		out := a.Tokens(t, "spa", apptest.Grace)
		signedWith(t, "an access token", out.Text("access_token"), keys.Algorithm(names[0]))
		signedWith(t, "an ID token", out.Text("id_token"), keys.Algorithm(names[0]))
		if got := strs(a.Get(t, "/.well-known/openid-configuration").JSON["id_token_signing_alg_values_supported"]); !slices.Equal(got, names) {
			t.Errorf("advertised: %v", got)
		}
	}
}

// One token for services that expect different algorithms cannot be had (RFC 8707 §2), but one for
// each can, of the same grant; and asking for the wrong thing costs neither code nor refresh token.
func TestOneTokenIsNotForServicesThatExpectDifferentAlgorithms(t *testing.T) {
	t.Parallel()
	a := startWithAlgorithms(t)
	refused := func(what string, out apptest.Answer) {
		t.Helper()
		if out.Status != http.StatusBadRequest || out.Error() != "invalid_target" || !strings.Contains(out.Text("error_description"), "one token for each") {
			t.Errorf("%s: %d %s", what, out.Status, out.Raw)
		}
	}
	machine := func(resources ...string) apptest.Answer {
		return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": resources}, apptest.Basic("worker"))
	}
	refused("a machine", machine(service(keys.RS256), service(keys.EdDSA)))
	refused("a machine, the default and another", machine(undecided, service(keys.EdDSA)))
	if out := machine(undecided, service(keys.ES256)); out.Status != http.StatusOK || len(strs(apptest.Claims(t, out.Text("access_token"))["aud"])) != 2 {
		t.Errorf("two that expect the same: %d %s", out.Status, out.Raw)
	}

	b := a.Browser(t)
	both := a.AuthorizeURL("tab", "resource="+service(keys.RS256)) + "&resource=" + url.QueryEscape(service(keys.EdDSA))
	form := apptest.RedeemForm("tab", b.SignIn(b.Get(both), apptest.Ada, apptest.Password).Code(t))
	refused("a code for both", a.PostForm(t, "/token", form))
	form["resource"] = []string{service(keys.RS256), service(keys.EdDSA)}
	refused("a code, both named", a.PostForm(t, "/token", form))
	form["resource"] = []string{service(keys.RS256)}
	out := a.PostForm(t, "/token", form)
	if out.Status != http.StatusOK {
		t.Fatalf("the code was spent: %d %s", out.Status, out.Raw)
	}
	signedWith(t, "narrowed", out.Text("access_token"), keys.RS256)

	token := out.Text("refresh_token")
	next := func(kv ...string) apptest.Answer {
		f := apptest.RefreshForm("tab", token)
		for i := 0; i < len(kv); i += 2 {
			f.Add(kv[i], kv[i+1])
		}
		return a.PostForm(t, "/token", f)
	}
	refused("a refresh for both", next())
	refused("a refresh, both named", next("resource", service(keys.RS256), "resource", service(keys.EdDSA)))
	refused("a switch to another tenant for both", next("organization", "globex"))
	if out = next("resource", service(keys.EdDSA), "organization", "globex"); out.Status != http.StatusOK || apptest.Claims(t, out.Text("access_token"))["tenant"] != "globex" {
		t.Errorf("a switch for one: %d %s", out.Status, out.Raw)
	}
	signedWith(t, "switched", out.Text("access_token"), keys.EdDSA)
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.RS256} {
		if out = next("resource", service(alg)); out.Status != http.StatusOK {
			t.Fatalf("the refresh token was spent: %d %s", out.Status, out.Raw)
		}
		signedWith(t, "refreshed", out.Text("access_token"), alg)
		token = out.Text("refresh_token")
	}

	opal := a.AdminToken(t, apptest.Opal, "signet")
	preview := "/tenants/signet/token-preview?client=worker&resource=" + url.QueryEscape(service(keys.EdDSA))
	if got := a.Admin(t, opal, http.MethodGet, preview+"&resource="+url.QueryEscape(undecided), nil); got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{"query.resource"}) {
		t.Errorf("a preview of one for both: %d %s", got.Status, got.Raw)
	}
	got := a.Admin(t, opal, http.MethodGet, preview, nil)
	if access, _ := got.JSON["access_token"].(map[string]any); access["algorithm"] != "EdDSA" {
		t.Errorf("preview: %d %s", got.Status, got.Raw)
	}
}

func TestARefreshFollowsAChangedChoiceAtOnceAndARetryDoesToo(t *testing.T) {
	t.Parallel()
	a := startWithAlgorithms(t)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	path := "/resource-servers/" + entries(a.Admin(t, opal, http.MethodGet, "/resource-servers?audience_prefix="+undecided, nil), "id")[0]
	choose := func(alg keys.Algorithm) {
		t.Helper()
		got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"signing_algorithm": alg}, "If-Match: *")
		if got.Status != http.StatusOK || got.Text("signing_algorithm") != string(alg) {
			t.Fatalf("%s: %d %s", alg, got.Status, got.Raw)
		}
	}
	before := a.Tokens(t, "tab", apptest.Grace, "resource="+undecided)
	choose(keys.EdDSA)
	first := a.PostForm(t, "/token", apptest.RefreshForm("tab", before.Text("refresh_token")))
	signedWith(t, "refreshed", first.Text("access_token"), keys.EdDSA)
	choose(keys.RS256)
	// The answer to the first was lost: the successor is the same, its access token of now.
	again := a.PostForm(t, "/token", apptest.RefreshForm("tab", before.Text("refresh_token")))
	if again.Status != http.StatusOK || again.Text("refresh_token") != first.Text("refresh_token") {
		t.Errorf("retried: %d %s", again.Status, again.Raw)
	}
	signedWith(t, "retried", again.Text("access_token"), keys.RS256)
	choose("")
	last := a.PostForm(t, "/token", apptest.RefreshForm("tab", again.Text("refresh_token")))
	signedWith(t, "by default again", last.Text("access_token"), keys.ES256)
	for _, out := range []apptest.Answer{before, first, again, last} {
		if got := a.Get(t, "/userinfo", apptest.Bearer(out.Text("access_token"))); got.Status != http.StatusOK {
			t.Errorf("one of before is refused: %d %s", got.Status, got.Raw)
		}
	}
}

func TestWhatDoesNotSignCannotBeChosenAndWhatWasChosenStays(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t) // ES256 and RS256
	opal := a.AdminToken(t, apptest.Opal, "signet")
	refused := func(what string, got apptest.Answer, location, says string) {
		t.Helper()
		if got.Status != http.StatusUnprocessableEntity || !slices.Equal(faulty(got), []string{location}) || !strings.Contains(got.Raw, says) {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	server := a.Admin(t, opal, http.MethodPost, "/resource-servers", map[string]any{"audience": "https://stock.example", "name": "Stock", "signing_algorithm": "RS256"})
	if server.Status != http.StatusCreated || server.Text("signing_algorithm") != "RS256" {
		t.Fatalf("%d %s", server.Status, server.Raw)
	}
	made := a.Admin(t, opal, http.MethodPost, "/clients", map[string]any{"id": "stock-app", "name": "S", "grant_types": []string{}, "id_token_algorithm": "RS256"})
	done(t, made)
	for path, body := range map[string]map[string]any{
		"/resource-servers": {"audience": "https://new.example", "name": "New"}, "/clients": {"id": "new", "name": "N", "grant_types": []string{}},
	} {
		field := map[string]string{"/resource-servers": "signing_algorithm", "/clients": "id_token_algorithm"}[path]
		existing := map[string]string{"/resource-servers": path + "/" + server.Text("id"), "/clients": path + "/stock-app"}[path]
		for alg, says := range map[string]string{"EdDSA": "choose among ES256, RS256. The setting keys.algorithms adds one", "none": "use ES256, RS256 or EdDSA", "HS256": "use ES256", "es256": "use ES256"} {
			body[field] = alg
			refused("new, "+alg, a.Admin(t, opal, http.MethodPost, path, body), "body."+field, says)
			refused("edited, "+alg, a.Admin(t, opal, http.MethodPatch, existing, map[string]any{field: alg}, "If-Match: *"), "body."+field, says)
		}
		if got := a.Admin(t, opal, http.MethodGet, existing, nil); got.Text(field) != "RS256" {
			t.Errorf("a refused edit did something: %s", got.Raw)
		}
	}
	// An algorithm that was chosen while it was in use: whoever edits something else is not in its way.
	exec(t, a, "UPDATE resource_server SET signing_algorithm = 'EdDSA' WHERE audience = 'https://stock.example'")
	exec(t, a, "UPDATE client SET id_token_algorithm = 'EdDSA' WHERE id = 'stock-app'")
	for path, field := range map[string]string{"/resource-servers/" + server.Text("id"): "signing_algorithm", "/clients/stock-app": "id_token_algorithm"} {
		if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{"name": "Renamed", field: "EdDSA"}, "If-Match: *"); got.Status != http.StatusOK || got.Text(field) != "EdDSA" {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
		if got := a.Admin(t, opal, http.MethodPatch, path, map[string]any{field: ""}, "If-Match: *"); got.Status != http.StatusOK || got.Text(field) != "" {
			t.Errorf("%s, the default again: %d %s", path, got.Status, got.Raw)
		}
	}
}
