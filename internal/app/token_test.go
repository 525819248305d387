package app_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/internal/apptest"
)

func TestACodeYieldsTokensThatSayWhoAndWhere(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	out := a.Tokens(t, "spa", apptest.Ada, "scope=openid profile email orders:read")
	if out.Header.Get("Cache-Control") != "no-store" || out.Text("token_type") != "Bearer" || out.JSON["expires_in"] != float64(3600) {
		t.Errorf("response: %v, Cache-Control %q", out.Raw, out.Header.Get("Cache-Control"))
	}
	access := apptest.Claims(t, out.Text("access_token"))
	if h := apptest.Header(t, out.Text("access_token")); h["typ"] != "at+jwt" || h["alg"] != "ES256" || h["kid"] == "" {
		t.Errorf("access token header %v", h)
	}
	for name, want := range map[string]any{
		"iss": a.URL, "client_id": "spa", "scope": "openid profile email orders:read", "tenant": "acme", "acr": "urn:signet:acr:password",
	} {
		if access[name] != want {
			t.Errorf("access token: %s is %v, want %v", name, access[name], want)
		}
	}
	for _, name := range []string{"sub", "exp", "iat", "jti", "auth_time", "sid", "grant_id", "tenant_id", "amr"} {
		if access[name] == nil {
			t.Errorf("access token lacks %s", name)
		}
	}
	if got := strs(access["aud"]); !slices.Equal(got, []string{apptest.Orders, a.URL}) {
		t.Errorf("aud %v", got)
	}
	if got := strs(access["roles"]); !slices.Equal(got, []string{"admin"}) {
		t.Errorf("roles %v", got)
	}
	if got := strs(access["permissions"]); !slices.Equal(got, []string{"orders:read", "orders:write"}) {
		t.Errorf("permissions %v: only those of the token's audience belong there", got)
	}
	if !strings.HasPrefix(access["sub"].(string), "usr_") || !strings.HasPrefix(access["tenant_id"].(string), "ten_") {
		t.Errorf("identifiers: %v", access)
	}

	provider, err := oidc.NewProvider(context.Background(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: "spa"}).Verify(context.Background(), out.Text("id_token"))
	if err != nil {
		t.Fatal(err)
	}
	if id.Nonce != "some-nonce" {
		t.Errorf("nonce %q", id.Nonce)
	}
	if err := id.VerifyAccessToken(out.Text("access_token")); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	idClaims := apptest.Claims(t, out.Text("id_token"))
	if _, leaked := idClaims["rat"]; leaked {
		t.Error("the ID token leaks rat")
	}
	if idClaims["auth_time"] == nil || idClaims["sid"] != access["sid"] || idClaims["email"] != apptest.Ada {
		t.Errorf("ID token %v", idClaims)
	}
}

func strs(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, x.(string))
		}
		return out
	}
	return nil
}

func TestACodeIsBoundToClientRedirectURIAndChallenge(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code := a.Code(t, "spa", apptest.Grace)
	for name, change := range map[string]map[string]string{
		"another client":             {"client_id": "two"},
		"another redirect URI":       {"redirect_uri": "https://app.example/other"},
		"no redirect URI":            {"redirect_uri": ""},
		"another verifier":           {"code_verifier": strings.Repeat("x", 43)},
		"no verifier":                {"code_verifier": ""},
		"a verifier that is none":    {"code_verifier": "short"},
		"the challenge as verifier":  {"code_verifier": apptest.Challenge()},
		"another code":               {"code": "x" + code[1:]},
		"code with a NUL":            {"code": code + "\x00"},
		"no code":                    {"code": ""},
		"confidential client's name": {"client_id": "web"},
	} {
		form := apptest.RedeemForm("spa", code)
		for k, v := range change {
			if v == "" {
				form.Del(k)
			} else {
				form.Set(k, v)
			}
		}
		out := a.PostForm(t, "/token", form)
		if out.Status == http.StatusOK || out.Error() == "server_error" || out.Error() == "" {
			t.Errorf("%s: %d %s", name, out.Status, out.Raw)
		}
	}
	// None of that spent the code: the rightful client still gets its tokens, once.
	if out := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)); out.Status != http.StatusOK {
		t.Errorf("rightful redemption: %d %s", out.Status, out.Raw)
	}
}

// A server that forgets the challenge at the first wrong guess lets the second one pass without any.
func TestAWrongVerifierDoesNotOpenTheWayForNone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for _, client := range []string{"spa", "legacy"} {
		code := a.Code(t, client, apptest.Grace)
		auth := func(*http.Request) {}
		form := apptest.RedeemForm(client, code)
		if client == "legacy" {
			auth = apptest.Basic(client)
			form.Del("client_id")
		}
		wrong := maps.Clone(form)
		wrong["code_verifier"] = []string{strings.Repeat("a", 43)}
		if out := a.PostForm(t, "/token", wrong, auth); out.Error() != "invalid_grant" {
			t.Errorf("%s: wrong verifier: %d %s", client, out.Status, out.Raw)
		}
		form.Del("code_verifier")
		if out := a.PostForm(t, "/token", form, auth); out.Error() != "invalid_grant" {
			t.Errorf("%s: then none: %d %s", client, out.Status, out.Raw)
		}
	}
}

func TestAClientThatOptedOutOfPKCEIsHeldToNoVerifier(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	without := []string{"code_challenge", "code_challenge_method"}
	form := apptest.RedeemForm("legacy", a.Code(t, "legacy", apptest.Grace, without...))
	form.Del("client_id")
	if out := a.PostForm(t, "/token", form, apptest.Basic("legacy")); out.Error() != "invalid_grant" {
		t.Errorf("a verifier for a code without challenge (RFC 9700 §4.8.2): %d %s", out.Status, out.Raw)
	}
	form.Del("code_verifier")
	if out := a.PostForm(t, "/token", form, apptest.Basic("legacy")); out.Status != http.StatusOK {
		t.Errorf("without: %d %s", out.Status, out.Raw)
	}
}

func TestOneOfManyRacersRedeemsACodeAndTheOthersAreErrorsNotFaults(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for range 5 {
		code := a.Code(t, "spa", apptest.Grace)
		out := race(t, 8, func() apptest.Answer { return a.PostForm(t, "/token", apptest.RedeemForm("spa", code)) })
		won := 0
		for _, o := range out {
			switch {
			case o.Status == http.StatusOK:
				won++
			case o.Status != http.StatusBadRequest || o.Error() != "invalid_grant":
				t.Errorf("a loser got %d %s", o.Status, o.Raw)
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 redeemed the code", won)
		}
	}
}

func race(t *testing.T, n int, do func() apptest.Answer) []apptest.Answer {
	t.Helper()
	out := make([]apptest.Answer, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			out[i] = do()
		})
	}
	close(start)
	wg.Wait()
	return out
}

func TestASecondUseOfACodeRevokesWhatTheFirstYielded(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code := a.Code(t, "spa", apptest.Grace)
	first := a.PostForm(t, "/token", apptest.RedeemForm("spa", code))
	if out := a.Get(t, "/userinfo", apptest.Bearer(first.Text("access_token"))); out.Status != http.StatusOK {
		t.Fatalf("userinfo before: %d", out.Status)
	}
	if out := a.PostForm(t, "/token", apptest.RedeemForm("spa", code)); out.Error() != "invalid_grant" {
		t.Fatalf("second use: %d %s", out.Status, out.Raw)
	}
	if out := a.PostForm(t, "/refresh", apptest.RefreshForm("spa", first.Text("refresh_token"))); out.Error() != "invalid_grant" {
		t.Errorf("its refresh token: %d %s", out.Status, out.Raw)
	}
	if out := a.Get(t, "/userinfo", apptest.Bearer(first.Text("access_token"))); out.Status != http.StatusUnauthorized {
		t.Errorf("its access token: %d %s", out.Status, out.Raw)
	}
	if !introspect(t, a, "api", first.Text("access_token"), false) {
		t.Error("its access token is still active for the API")
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	secret := apptest.Secret.Reveal()
	machine := url.Values{"grant_type": {"client_credentials"}}
	with := func(base url.Values, kv ...string) url.Values {
		out := maps.Clone(base)
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = []string{kv[i+1]}
		}
		return out
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
	raw := func(header string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", header) }
	}
	for name, c := range map[string]struct {
		form url.Values
		edit func(*http.Request)
		want string // "" for success
	}{
		"basic":                           {machine, apptest.Basic("machine"), ""},
		"basic, wrong secret":             {machine, func(r *http.Request) { r.SetBasicAuth("machine", "no") }, "invalid_client"},
		"basic, empty secret":             {machine, func(r *http.Request) { r.SetBasicAuth("machine", "") }, "invalid_client"},
		"basic, unknown client":           {machine, func(r *http.Request) { r.SetBasicAuth("nobody", secret) }, "invalid_client"},
		"basic, id with odd characters":   {refresh, apptest.Basic("legacy:id/with+odd chars"), "invalid_grant"},
		"basic, odd id not encoded":       {refresh, func(r *http.Request) { r.SetBasicAuth("legacy:id/with+odd chars", secret) }, "invalid_client"},
		"basic, malformed base64":         {machine, raw("Basic !!!"), "invalid_client"},
		"basic, no colon":                 {machine, raw("Basic bWFjaGluZQ=="), "invalid_client"},
		"basic, malformed escape":         {machine, raw("Basic bWFjaGluZTolenA="), "invalid_client"},
		"bearer instead":                  {machine, raw("Bearer " + secret), "invalid_client"},
		"basic and post at once":          {with(machine, "client_id", "machine", "client_secret", secret), apptest.Basic("machine"), "invalid_request"},
		"basic and another client_id":     {with(machine, "client_id", "spa"), apptest.Basic("machine"), "invalid_request"},
		"basic and the same client_id":    {with(machine, "client_id", "machine"), apptest.Basic("machine"), ""},
		"post for a client of basic":      {with(machine, "client_id", "machine", "client_secret", secret), nil, "invalid_client"},
		"basic for a client of post":      {refresh, apptest.Basic("post"), "invalid_client"},
		"post":                            {with(refresh, "client_id", "post", "client_secret", secret), nil, "invalid_grant"},
		"confidential without its secret": {with(machine, "client_id", "machine"), nil, "invalid_client"},
		"public with a secret":            {with(refresh, "client_id", "spa", "client_secret", "x"), nil, "invalid_client"},
		"public with an empty secret":     {with(refresh, "client_id", "spa", "client_secret", ""), nil, "invalid_grant"}, // RFC 6749 §3.2
		"post, empty secret":              {with(refresh, "client_id", "post", "client_secret", ""), nil, "invalid_client"},
		"basic and an empty post":         {with(machine, "client_id", "", "client_secret", ""), apptest.Basic("machine"), ""},
		"public":                          {with(refresh, "client_id", "spa"), nil, "invalid_grant"},
		"nobody":                          {machine, nil, "invalid_client"},
		"assertion":                       {with(machine, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "a.b.c"), nil, "invalid_client"},
		"first of two secrets":            {refresh, apptest.Basic("rotating"), "invalid_grant"},
		"second of two secrets":           {refresh, func(r *http.Request) { r.SetBasicAuth("rotating", "the+second+secret+of+rotating") }, "invalid_grant"},
		"secret in another case":          {machine, func(r *http.Request) { r.SetBasicAuth("machine", strings.ToUpper(secret)) }, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edit := c.edit
			if edit == nil {
				edit = func(*http.Request) {}
			}
			out := a.PostForm(t, "/token", c.form, edit)
			if out.Error() != c.want || c.want == "" && out.Status != http.StatusOK {
				t.Errorf("%d %s, want %q", out.Status, out.Raw, c.want)
			}
			if c.want == "invalid_client" && (out.Status != http.StatusUnauthorized || !strings.HasPrefix(out.Header.Get("WWW-Authenticate"), "Basic ")) {
				t.Errorf("status %d, WWW-Authenticate %q", out.Status, out.Header.Get("WWW-Authenticate"))
			}
			if c.want != "" && out.Header.Get("Cache-Control") != "no-store" {
				t.Error("an error may be cached")
			}
		})
	}
}

func TestMachinesGetTokensForThemselves(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	ask := func(kv ...string) apptest.Answer {
		form := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(kv); i += 2 {
			form.Add(kv[i], kv[i+1])
		}
		return a.PostForm(t, "/token", form, apptest.Basic("machine"))
	}
	out := ask("scope", "orders:read")
	c := apptest.Claims(t, out.Text("access_token"))
	if c["sub"] != "machine" || c["client_id"] != "machine" || c["scope"] != "orders:read" || c["aud"] != apptest.Orders {
		t.Errorf("claims %v", c)
	}
	for _, absent := range []string{"refresh_token", "id_token"} {
		if out.JSON[absent] != nil {
			t.Errorf("a machine got a %s", absent)
		}
	}
	for _, absent := range []string{"auth_time", "sid", "grant_id", "roles", "amr"} {
		if c[absent] != nil {
			t.Errorf("a machine's token says %s", absent)
		}
	}
	if got := ask().Text("scope"); got != "orders:read orders:write" {
		t.Errorf("scope when none is asked: %q", got)
	}
	if got := apptest.Claims(t, ask("resource", "https://billing.example").Text("access_token"))["aud"]; got != "https://billing.example" {
		t.Errorf("aud with resource: %v", got)
	}
	for name, want := range map[string][]string{
		"foreign scope":    {"invalid_scope", "scope", "admin"},
		"people's scope":   {"invalid_scope", "scope", "openid"},
		"foreign resource": {"invalid_target", "resource", "https://evil.example"},
	} {
		if out := ask(want[1:]...); out.Error() != want[0] {
			t.Errorf("%s: %d %s", name, out.Status, out.Raw)
		}
	}
	// The audience parameter of other servers has no meaning here, as any unknown parameter.
	if out := ask("audience", "https://evil.example"); out.Status != http.StatusOK || apptest.Claims(t, out.Text("access_token"))["aud"] != apptest.Orders {
		t.Errorf("audience: %d %s", out.Status, out.Raw)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"spa"}}
	if out := a.PostForm(t, "/token", form); out.Error() != "unauthorized_client" {
		t.Errorf("a public client: %d %s", out.Status, out.Raw)
	}
}

func TestGrantTypes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for grantType, want := range map[string]string{
		"":         "invalid_request",
		"password": "unsupported_grant_type",
		"implicit": "unsupported_grant_type",
		"urn:ietf:params:oauth:grant-type:device_code": "unsupported_grant_type",
		"refresh_token authorization_code":             "unsupported_grant_type",
		"authorization_code":                           "unauthorized_client",
	} {
		out := a.PostForm(t, "/token", url.Values{"grant_type": {grantType}, "code": {"x"}, "username": {"u"}, "password": {"p"}}, apptest.Basic("machine"))
		if out.Status != http.StatusBadRequest || out.Error() != want {
			t.Errorf("%q: %d %s, want %s", grantType, out.Status, out.Raw, want)
		}
	}
	if out := a.PostForm(t, "/refresh", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine")); out.Error() != "invalid_request" {
		t.Errorf("/refresh with another grant type: %d %s", out.Status, out.Raw)
	}
}

func TestResourceIndicatorsChooseTheAudience(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	both := "&resource=" + url.QueryEscape(apptest.Orders) + "&resource=" + url.QueryEscape("https://billing.example")
	b := a.Browser(t)
	form := apptest.RedeemForm("spa", b.SignIn(b.Get(a.AuthorizeURL("spa", "scope=openid")+both), apptest.Ada, apptest.Password).Code(t))
	form.Set("resource", "https://billing.example")
	out := a.PostForm(t, "/token", form)
	c := apptest.Claims(t, out.Text("access_token"))
	if got := strs(c["aud"]); !slices.Equal(got, []string{"https://billing.example", a.URL}) {
		t.Errorf("aud %v", got)
	}
	if got := strs(c["permissions"]); !slices.Equal(got, []string{"invoices:read"}) {
		t.Errorf("permissions %v", got)
	}
	refresh := apptest.RefreshForm("spa", out.Text("refresh_token"))
	refresh.Set("resource", apptest.Orders)
	out = a.PostForm(t, "/token", refresh)
	if got := strs(apptest.Claims(t, out.Text("access_token"))["aud"]); !slices.Contains(got, apptest.Orders) {
		t.Errorf("aud after refresh %v", got)
	}
	refresh = apptest.RefreshForm("spa", out.Text("refresh_token"))
	refresh.Set("resource", "https://evil.example")
	if out := a.PostForm(t, "/token", refresh); out.Error() != "invalid_target" {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
}

func TestAResourceThatWasNotGrantedDoesNotCostTheCode(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	form := apptest.RedeemForm("spa", a.Code(t, "spa", apptest.Ada)) // for the default audience alone
	for _, resource := range []string{"https://billing.example", "https://unheard-of.example", "relative"} {
		form.Set("resource", resource)
		if out := a.PostForm(t, "/token", form); out.Error() != "invalid_target" {
			t.Errorf("%s: %d %s", resource, out.Status, out.Raw)
		}
	}
	form.Del("resource")
	if out := a.PostForm(t, "/token", form); out.Status != http.StatusOK {
		t.Errorf("afterwards: %d %s", out.Status, out.Raw)
	}
}

func TestWhatAClientIsNoLongerRegisteredForIsLeftOut(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	tokens := a.Tokens(t, "spa", apptest.Ada, "scope=openid orders:read orders:write")
	exec(t, a, `UPDATE client SET scopes = '{openid,orders:read}', audiences = '{https://billing.example}' WHERE id = 'spa'`)
	token := tokens.Text("refresh_token")
	var out apptest.Answer
	for range 100 { // the replica hears of the change a moment later
		if out = refresh(t, a, token); out.Text("scope") == "openid orders:read" {
			break
		}
		token = out.Text("refresh_token")
	}
	c := apptest.Claims(t, out.Text("access_token"))
	if c["scope"] != "openid orders:read" || slices.Contains(strs(c["aud"]), apptest.Orders) || len(strs(c["permissions"])) != 0 {
		t.Errorf("claims %v", c)
	}
}
