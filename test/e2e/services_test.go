package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/test/nodetest"
)

// The files of the guide for services in Node.js.
const (
	nodeAccessToken = "test/node/guides/access-token.mjs"
	nodeService     = "test/node/guides/service.mjs"
)

func TestEverySnippetOfTheNodeServiceGuideIsAFileThatTheTestsRun(t *testing.T) {
	t.Parallel()
	checkSnippets(t, "services-node.md", nodeAccessToken, nodeService)
}

// serviceTokens are tokens of a running Signet that a service for orders is asked with.
type serviceTokens struct {
	admin, clerk    string // people of acme: may read and write, may read only
	globex          string // a person of another tenant
	machine         string // of initech: reads by its scope
	homeless        string // a machine of no tenant
	narrow          string // of a person with the permission, of a client without the scope
	expired         string
	billing         string // for another service
	id              string // an ID token
	forged, foreign string // a changed payload; a token of another issuer with the same claims
}

// startIssued runs a Signet and lets it issue tokens, one of them two hours ago.
func startIssued(t *testing.T) (*apptest.App, serviceTokens) {
	t.Helper()
	var ago atomic.Int64 // nanoseconds
	ago.Store(int64(2 * time.Hour))
	a := apptest.Start(t,
		apptest.WithClock(func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) }),
		apptest.WithInstallation(installation.Installation{
			Tenants: []installation.Tenant{{Slug: "initech", Name: "Initech"}},
			Clients: []installation.Client{{OwnerTenant: "initech", Client: client.Client{
				ID: "job", Name: "Nightly job", AuthMethod: client.AuthBasic, Secrets: []client.Secret{{Hash: apptest.Secret.Hash()}},
				GrantTypes: []string{client.GrantClientCredentials}, Scopes: []string{"orders:read"}, Audiences: []string{apptest.Orders},
			}}}}))
	machine := func(issuer *apptest.App, id string) string {
		t.Helper()
		got := issuer.PostForm(t, "/token", map[string][]string{
			"grant_type": {"client_credentials"}, "scope": {"orders:read"}, "resource": {apptest.Orders},
		}, apptest.Basic(id))
		if got.Status != http.StatusOK {
			t.Fatalf("client credentials: %d %s", got.Status, got.Raw)
		}
		return got.Text("access_token")
	}
	s := serviceTokens{expired: machine(a, "job")}
	ago.Store(0)
	s.machine, s.homeless = machine(a, "job"), machine(a, "machine")
	s.foreign = machine(apptest.Start(t), "machine")
	person := func(email, scope, resource string) apptest.Answer {
		t.Helper()
		return a.Tokens(t, "spa", email, "scope=openid "+scope, "resource="+resource, "organization")
	}
	ada := a.Tokens(t, "spa", apptest.Ada, "scope=openid orders:read orders:write", "resource="+apptest.Orders)
	s.admin, s.id = ada.Text("access_token"), ada.Text("id_token")
	s.clerk = person(apptest.Grace, "orders:read orders:write", apptest.Orders).Text("access_token")
	s.globex = person(apptest.Linus, "orders:read", apptest.Orders).Text("access_token")
	s.narrow = person(apptest.Grace, "profile", apptest.Orders).Text("access_token")
	s.billing = person(apptest.Grace, "orders:read", "https://billing.example").Text("access_token")
	header, rest, _ := strings.Cut(s.admin, ".")
	_, signature, _ := strings.Cut(rest, ".")
	_, rest, _ = strings.Cut(s.globex, ".")
	payload, _, _ := strings.Cut(rest, ".")
	s.forged = header + "." + payload + "." + signature
	return a, s
}

// request is one request to a service and what must come back.
type request struct {
	method, path string
	headers      []string // name, value, …
	status       int
	challenge    string // a part of WWW-Authenticate; "" means that there must be none
}

// check sends it.
func (c request) check(t *testing.T, base string) {
	t.Helper()
	_ = c.answer(t, base)
}

// answer sends it and returns what came back, for a closer look.
func (c request) answer(t *testing.T, base string) apptest.Answer {
	t.Helper()
	req, err := http.NewRequest(c.method, base+c.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(c.headers); i += 2 {
		req.Header[c.headers[i]] = append(req.Header[c.headers[i]], c.headers[i+1])
	}
	got := apptest.Do(t, req)
	if got.Status != c.status {
		t.Errorf("%d, want %d: %s", got.Status, c.status, got.Raw)
	}
	challenge := got.Header.Get("WWW-Authenticate")
	if !strings.Contains(challenge, c.challenge) || (c.challenge == "") != (challenge == "") {
		t.Errorf("challenge %q, want %q", challenge, c.challenge)
	}
	if c.status == http.StatusUnauthorized && !strings.Contains(c.challenge, "error") && strings.Contains(challenge, "error") {
		t.Errorf("challenge %q names an error to somebody without a token (RFC 6750 §3.1)", challenge)
	}
	return got
}

// runService starts a program and waits until the path answers.
func runService(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	output := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", filepath.Base(cmd.Path), output)
		}
	})
	eventually(t, address, func() bool {
		res, err := http.Get(address)
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	})
}

// startNodeService runs the guide's service and returns its URL.
func startNodeService(t *testing.T, node nodetest.Node, issuer, audience string) string {
	t.Helper()
	base := "http://" + freeAddress(t)
	cmd := node.Command(t, filepath.Join(nodetest.Root(t), filepath.FromSlash(nodeService)))
	cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+issuer, "AUDIENCE="+audience, "BASE_URL="+base)
	runService(t, cmd, base+"/readyz")
	return base
}

// bearer returns the header that carries a token.
func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// guarded returns what every guide's service has to answer, whatever it is written in. invalid is
// how it refuses a token that is no good for a reason.
func guarded(tokens serviceTokens, invalid func(why string) string) map[string]request {
	const insufficient, notValid = `error="insufficient_scope"`, "The access token is not valid."
	realm := `Bearer realm="` + apptest.Orders + `"`
	return map[string]request{
		"a person reads":  {"GET", "/orders", bearer(tokens.admin), 200, ""},
		"a person writes": {"POST", "/orders", bearer(tokens.admin), 201, ""},
		"a person reads at the address of the tenant":     {"GET", "/t/acme/orders", bearer(tokens.admin), 200, ""},
		"a machine reads by its scope":                    {"GET", "/orders", bearer(tokens.machine), 200, ""},
		"the scheme is written in any case":               {"GET", "/orders", []string{"Authorization", "bearer " + tokens.admin}, 200, ""},
		"no token":                                        {"GET", "/orders", nil, 401, realm},
		"another scheme":                                  {"GET", "/orders", []string{"Authorization", "Basic eDp5"}, 401, realm},
		"a token in the address":                          {"GET", "/orders?access_token=" + tokens.admin, nil, 401, realm},
		"an expired token":                                {"GET", "/orders", bearer(tokens.expired), 401, invalid("The access token has expired.")},
		"a token for another service":                     {"GET", "/orders", bearer(tokens.billing), 401, invalid("The access token is meant for another service.")},
		"an ID token":                                     {"GET", "/orders", bearer(tokens.id), 401, invalid("This is not an access token.")},
		"a payload that was not signed":                   {"GET", "/orders", bearer(tokens.forged), 401, invalid(notValid)},
		"a token of another issuer":                       {"GET", "/orders", bearer(tokens.foreign), 401, invalid(notValid)},
		"something that is no token":                      {"GET", "/orders", bearer("null"), 401, invalid(notValid)},
		"two tokens":                                      {"GET", "/orders", append(bearer(tokens.admin), bearer(tokens.clerk)...), 400, `error="invalid_request"`},
		"a header that is none":                           {"GET", "/orders", []string{"Authorization", "Bearer a b"}, 400, `error="invalid_request"`},
		"a person without the permission":                 {"POST", "/orders", bearer(tokens.clerk), 403, insufficient + `, error_description="This needs the permission orders:write.", scope="orders:write"`},
		"a machine without the scope":                     {"POST", "/orders", bearer(tokens.machine), 403, insufficient},
		"a machine of no tenant":                          {"GET", "/orders", bearer(tokens.homeless), 403, insufficient},
		"a person whose application has no such scope":    {"GET", "/orders", bearer(tokens.narrow), 403, insufficient},
		"a tenant in the address that is not the token's": {"GET", "/t/globex/orders", bearer(tokens.admin), 403, insufficient},
	}
}

func TestGuideForNodeServices(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	a, tokens := startIssued(t)
	start := func(issuer, audience string) string { return startNodeService(t, node, issuer, audience) }
	base := start(a.URL, apptest.Orders)
	const invalid = `error="invalid_token"`
	requests := guarded(tokens, func(string) string { return invalid })
	requests["an address that no URL parser takes"] = request{"GET", "//", nil, 404, ""}
	for name, c := range requests {
		t.Run(name, func(t *testing.T) { c.check(t, base) })
	}
	t.Run("tenants do not see each other's orders", func(t *testing.T) {
		mine := request{"GET", "/orders", bearer(tokens.clerk), 200, ""}.answer(t, base)
		theirs := request{"GET", "/orders", bearer(tokens.globex), 200, ""}.answer(t, base)
		if !strings.Contains(mine.Raw, "created_by") || strings.Contains(theirs.Raw, "created_by") {
			t.Errorf("acme sees %s, globex %s", mine.Raw, theirs.Raw)
		}
	})
	t.Run("the issuer is compared as it is written", func(t *testing.T) {
		other := strings.Replace(a.URL, "127.0.0.1", "localhost", 1) // the same keys
		request{"GET", "/orders", bearer(tokens.admin), 401, invalid}.check(t, start(other, apptest.Orders))
	})
	a.Stop(t)
	t.Run("the issuer is down and the keys are known", func(t *testing.T) {
		request{"GET", "/orders", bearer(tokens.admin), 200, ""}.check(t, base)
	})
	t.Run("the issuer is down and the keys were never known", func(t *testing.T) {
		late := start(a.URL, apptest.Orders)
		got := request{"GET", "/orders", bearer(tokens.admin), 503, ""}.answer(t, late)
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		request{"GET", "/readyz", nil, 503, ""}.check(t, late)
	})
}

// Tokens that no Signet issues: each is good but for one thing, and of a key that is published.
func TestGuideForNodeServicesRefusesTokensThatAreAlmostGood(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	i := signettest.New(t, signettest.Algorithms(keys.ES256, keys.RS256, keys.EdDSA),
		signettest.Audience(apptest.Orders), signettest.Permission("orders:read"))
	base := startNodeService(t, node, i.URL(), apptest.Orders)
	for name, c := range map[string]struct {
		change signettest.TokenOption
		status int
	}{
		"a good one":                    {signettest.Tenant("ten_x", "acme"), 200},
		"one whose signature malleated": {signettest.Malleated(), 200},
		"an ID token":                   {signettest.Type("JWT"), 401},
		"a token without typ":           {signettest.Type(""), 401},
		"unsigned":                      {signettest.Unsigned(), 401},
		"HMAC with the public key":      {signettest.SignedWithPublicKey(), 401},
		"RS256, which is not allowed":   {signettest.Algorithm(keys.RS256), 401},
		"EdDSA, which is not allowed":   {signettest.Algorithm(keys.EdDSA), 401},
		"a stranger's key":              {signettest.SignedByStranger(), 401},
		"tampered with":                 {signettest.Tampered(), 401},
		"an invented kid":               {signettest.KeyID("invented"), 401},
		"no kid":                        {signettest.KeyID(""), 401},
		"an unknown crit":               {signettest.Header("crit", []string{"exp"}), 401},
		"another issuer":                {signettest.IssuedBy("https://elsewhere.example"), 401},
		"another audience":              {signettest.Audience("https://billing.example"), 401},
		"of tomorrow":                   {signettest.NotBefore(i.Now().Add(time.Hour)), 401},
		"expired":                       {signettest.ExpiresIn(-time.Minute), 401},
		"a token that never ends":       {signettest.Without("exp"), 401},
		"a token without client":        {signettest.Without("client_id"), 401},
		"omitted permissions":           {signettest.PermissionsOmitted(), 403},
		"no tenant":                     {signettest.Without("tenant"), 403},
	} {
		t.Run(name, func(t *testing.T) {
			challenge := map[int]string{200: "", 401: `error="invalid_token"`, 403: `error="insufficient_scope"`}[c.status]
			request{"GET", "/orders", []string{"Authorization", "Bearer " + i.Token(c.change)}, c.status, challenge}.check(t, base)
		})
	}
	t.Run("a rotation goes unnoticed", func(t *testing.T) {
		before, fetches := i.Token(), i.Fetches()
		i.Rotate()
		for _, token := range []string{before, i.Token()} {
			request{"GET", "/orders", []string{"Authorization", "Bearer " + token}, 200, ""}.check(t, base)
		}
		if n := i.Fetches() - fetches; n != 0 {
			t.Errorf("%d fetches: the new key was published before", n)
		}
	})
}

// Whatever a service chose, the guide's code takes its tokens, and no others.
func TestNodeServicesTakeTheAlgorithmThatTheirServiceChose(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	service := func(alg keys.Algorithm) string { return "https://" + strings.ToLower(string(alg)) + ".example" }
	all := []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA}
	in := installation.Installation{Clients: []installation.Client{{Client: client.Client{
		ID: "worker", Name: "Worker", AuthMethod: client.AuthBasic, Secrets: []client.Secret{{Hash: apptest.Secret.Hash()}},
		GrantTypes: []string{client.GrantClientCredentials},
	}}}}
	for _, alg := range all {
		in.ResourceServers = append(in.ResourceServers, installation.ResourceServer{Audience: service(alg), Name: string(alg), SigningAlgorithm: alg})
		in.Clients[0].Audiences = append(in.Clients[0].Audiences, service(alg))
	}
	a := apptest.Start(t, apptest.With("SIGNET_KEYS_ALGORITHMS", "ES256,RS256,EdDSA"), apptest.WithInstallation(in))
	for i, alg := range all {
		out := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {service(alg)}}, apptest.Basic("worker"))
		for _, accepted := range []keys.Algorithm{alg, all[(i+1)%len(all)]} {
			settings, err := json.Marshal(map[string]any{
				"issuer": a.URL, "audience": service(alg), "algorithms": []keys.Algorithm{accepted}, "token": out.Text("access_token"),
			})
			if err != nil {
				t.Fatal(err)
			}
			cmd := node.Command(t, "verify.mjs")
			cmd.Dir, cmd.Stdin = node.Dir, bytes.NewReader(settings)
			said, err := cmd.CombinedOutput()
			if good := err == nil && strings.Contains(string(said), `"client_id":"worker"`); good != (accepted == alg) {
				t.Errorf("a token of %s where %s is accepted: %v\n%s", alg, accepted, err, said)
			}
			if accepted != alg && !strings.Contains(string(said), "The access token is not valid here.") {
				t.Errorf("a token of %s where %s is accepted is refused for another reason: %s", alg, accepted, said)
			}
		}
	}
}
