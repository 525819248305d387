package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/test/nginxtest"
	"github.com/signet-id/signet/test/nodetest"
)

// The files of the guide for gateways.
const (
	gatewayVerifier = "test/guides/gateway/main.go"
	gatewayNginx    = "test/guides/gateway/nginx.conf"
	gatewayTraefik  = "test/guides/gateway/traefik.yaml"
	gatewayEnvoy    = "test/guides/gateway/envoy.yaml"
)

// identity is every header by which the gateway tells a service who is calling.
var identity = []string{"X-Auth-Subject", "X-Auth-Client", "X-Auth-Tenant", "X-Auth-Permissions"}

func TestEverySnippetOfTheGatewayGuideIsAFileThatTheTestsRead(t *testing.T) {
	t.Parallel()
	checkSnippets(t, "gateways.md", gatewayVerifier, gatewayNginx, gatewayTraefik, gatewayEnvoy)
}

// startVerifier builds and runs the guide's verifier and returns its address, host:port.
func startVerifier(t *testing.T, issuer string) (address string, cmd *exec.Cmd) {
	t.Helper()
	address = freeAddress(t)
	cmd = exec.CommandContext(t.Context(), build(t, gatewayVerifier))
	cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+issuer, "AUDIENCE="+apptest.Orders, "LISTEN="+address,
		"PERMISSIONS=orders:read orders:write")
	runService(t, cmd, "http://"+address+"/readyz")
	return address, cmd
}

func TestGuideForNginx(t *testing.T) {
	t.Parallel()
	nginxtest.Find(t)
	a, tokens := startIssued(t)
	verifier, process := startVerifier(t, a.URL)
	eventually(t, "keys", func() bool {
		res, err := http.Get("http://" + verifier + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	// The service says what reached it.
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/orders/none" {
			w.WriteHeader(http.StatusInternalServerError) // an answer of its own, not the verifier's
		}
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(service.Close)
	gateway := nginxtest.Start(t, filepath.Join(nodetest.Root(t), filepath.FromSlash(gatewayNginx)), map[string]string{
		"verifier": verifier, "orders": strings.TrimPrefix(service.URL, "http://"),
	})
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	const invalid, insufficient = `error="invalid_token"`, `error="insufficient_scope"`
	for name, c := range map[string]request{
		"a person reads":                {"GET", "/orders", bearer(tokens.clerk), 200, ""},
		"a person writes":               {"POST", "/orders", bearer(tokens.admin), 200, ""},
		"a machine reads":               {"GET", "/orders", bearer(tokens.machine), 200, ""},
		"the service's own failure":     {"GET", "/orders/none", bearer(tokens.clerk), 500, ""},
		"a browser's preflight":         {"OPTIONS", "/orders", []string{"Access-Control-Request-Method", "GET"}, 200, ""},
		"a preflight for the asking":    {"OPTIONS", "/orders", nil, 401, "Bearer"},
		"no token":                      {"GET", "/orders", nil, 401, `Bearer realm="` + apptest.Orders + `"`},
		"a token in the address":        {"GET", "/orders?access_token=" + tokens.clerk, nil, 401, "Bearer"},
		"identity headers for a token":  {"GET", "/orders", []string{"X-Auth-Subject", "usr_admin"}, 401, "Bearer"},
		"an expired token":              {"GET", "/orders", bearer(tokens.expired), 401, invalid},
		"a token for another service":   {"GET", "/orders", bearer(tokens.billing), 401, invalid},
		"an ID token":                   {"GET", "/orders", bearer(tokens.id), 401, invalid},
		"a payload that was not signed": {"GET", "/orders", bearer(tokens.forged), 401, invalid},
		"a token of another issuer":     {"GET", "/orders", bearer(tokens.foreign), 401, invalid},
		"a malformed header":            {"GET", "/orders", []string{"Authorization", "Bearer a b"}, 400, ""},
		"two tokens":                    {"GET", "/orders", append(bearer(tokens.clerk), bearer(tokens.admin)...), 400, ""},
		"a person without permission":   {"POST", "/orders", bearer(tokens.clerk), 403, insufficient + `, error_description="`},
		"a scope that is missing":       {"GET", "/orders", bearer(tokens.narrow), 403, `scope="orders:read"`},
	} {
		t.Run(name, func(t *testing.T) { c.check(t, gateway) })
	}
	t.Run("only nginx itself can ask the verifier", func(t *testing.T) {
		if got := (request{"GET", "/_may", nil, 404, ""}).answer(t, gateway); !strings.Contains(got.Raw, "<center>nginx") {
			t.Errorf("not nginx but the verifier answers: %s", got.Raw)
		}
	})
	t.Run("the service learns who is calling, whatever the caller says", func(t *testing.T) {
		forged := bearer(tokens.clerk)
		for _, name := range identity {
			forged = append(forged, name, "forged", strings.ToLower(name), "forged", strings.ReplaceAll(name, "-", "_"), "forged")
		}
		got := request{"GET", "/orders", forged, 200, ""}.answer(t, gateway)
		if strings.Contains(got.Raw, "forged") {
			t.Errorf("the service saw what the caller made up: %s", got.Raw)
		}
		claims := apptest.Claims(t, tokens.clerk)
		want := map[string]any{
			"X-Auth-Subject": claims["sub"], "X-Auth-Client": "spa", "X-Auth-Tenant": claims["tenant_id"], "X-Auth-Permissions": "orders:read",
		}
		for _, name := range identity {
			if values, _ := got.JSON[name].([]any); !slices.Equal(values, []any{want[name]}) {
				t.Errorf("%s: %v, want %v", name, values, want[name])
			}
		}
	})
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Run("nothing passes when the verifier is away", func(t *testing.T) {
		eventually(t, "a verifier that is away", func() bool {
			_, err := http.Get("http://" + verifier + "/readyz")
			return err != nil
		})
		got := request{"GET", "/orders", bearer(tokens.clerk), 503, ""}.answer(t, gateway)
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

// Traefik and Envoy are no Debian packages, so what runs here is what Traefik's configuration
// points at: each address is asked as Traefik asks it, with the headers that it says.
func TestGuideForTraefik(t *testing.T) {
	t.Parallel()
	var config struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string   `yaml:"rule"`
				Priority    int      `yaml:"priority"`
				EntryPoints []string `yaml:"entryPoints"`
				Middlewares []string `yaml:"middlewares"`
				Service     string   `yaml:"service"`
				TLS         struct{} `yaml:"tls"`
			} `yaml:"routers"`
			Middlewares map[string]struct {
				Headers struct {
					CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
				} `yaml:"headers"`
				ForwardAuth struct {
					Address             string   `yaml:"address"`
					AuthRequestHeaders  []string `yaml:"authRequestHeaders"`
					AuthResponseHeaders []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
			} `yaml:"middlewares"`
			Services map[string]struct {
				LoadBalancer struct {
					Servers []struct {
						URL string `yaml:"url"`
					} `yaml:"servers"`
				} `yaml:"loadBalancer"`
			} `yaml:"services"`
		} `yaml:"http"`
	}
	decodeStrictly(t, gatewayTraefik, &config)
	a, tokens := startIssued(t)
	verifier, _ := startVerifier(t, a.URL)
	asked := 0
	for name, router := range config.HTTP.Routers {
		if _, ok := config.HTTP.Services[router.Service]; !ok {
			t.Errorf("%s: there is no service %q", name, router.Service)
		}
		if len(router.Middlewares) != 2 {
			t.Fatalf("%s: middlewares %q", name, router.Middlewares)
		}
		removed := config.HTTP.Middlewares[router.Middlewares[0]].Headers.CustomRequestHeaders
		auth := config.HTTP.Middlewares[router.Middlewares[1]].ForwardAuth
		for _, header := range identity {
			if value, ok := removed[header]; !ok || value != "" {
				t.Errorf("%s: what a caller sends as %s is not removed", name, header)
			}
			if !slices.Contains(auth.AuthResponseHeaders, header) {
				t.Errorf("%s: %s is not taken from the verifier", name, header)
			}
		}
		if !slices.Equal(auth.AuthRequestHeaders, []string{"Authorization"}) {
			t.Errorf("%s: the verifier is sent %q", name, auth.AuthRequestHeaders)
		}
		path, ok := strings.CutPrefix(auth.Address, "http://verifier:9000")
		if !ok {
			t.Fatalf("%s: address %q", name, auth.Address)
		}
		asked++
		bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
		base := "http://" + verifier
		request{"GET", path, nil, 401, "Bearer"}.check(t, base)
		request{"GET", path, bearer(tokens.expired), 401, `error="invalid_token"`}.check(t, base)
		request{"GET", path, bearer(tokens.narrow), 403, `scope="` + strings.TrimPrefix(path, "/may/") + `"`}.check(t, base)
		got := request{"GET", path, bearer(tokens.admin), 200, ""}.answer(t, base)
		for _, header := range identity {
			if got.Header.Get(header) == "" {
				t.Errorf("%s: the verifier says no %s", name, header)
			}
		}
	}
	if asked != 2 {
		t.Errorf("%d routers were tested, want 2", asked)
	}
}

// Envoy's own program does not run here: this holds the page to what Signet says about itself.
// The field names were checked once against Envoy's published protocol buffers.
func TestGuideForEnvoyNamesWhatSignetPublishes(t *testing.T) {
	t.Parallel()
	var config map[string]any
	decodeStrictly(t, gatewayEnvoy, &config)
	provider := find(config, "signet", "issuer")
	if provider == nil {
		t.Fatal("there is no provider")
	}
	uri, _ := find(provider, "http_uri", "uri")["uri"].(string)
	issuer, _ := provider["issuer"].(string)
	if uri != issuer+"/.well-known/jwks.json" {
		t.Errorf("the keys of %s are at %s", issuer, uri)
	}
	if h, _ := provider["from_headers"].([]any); len(h) != 1 {
		t.Errorf("tokens are taken from %v, want one header: without it Envoy takes them from addresses too", h)
	}
	claims := map[string]bool{}
	_, tokens := startIssued(t)
	for name := range apptest.Claims(t, tokens.admin) {
		claims[name] = true
	}
	mapped, _ := provider["claim_to_headers"].([]any)
	if len(mapped) == 0 {
		t.Error("no claim becomes a header")
	}
	text, err := os.ReadFile(filepath.Join(nodetest.Root(t), filepath.FromSlash(gatewayEnvoy)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mapped {
		entry, _ := m.(map[string]any)
		claim, _ := entry["claim_name"].(string)
		header, _ := entry["header_name"].(string)
		if !claims[claim] {
			t.Errorf("access tokens have no claim %q", claim)
		}
		if !bytes.Contains(text, []byte("- remove: "+header+"\n")) {
			t.Errorf("what a caller sends as %s is not removed on every route", header)
		}
	}
	head := apptest.Header(t, tokens.admin)
	for _, value := range []string{head["typ"].(string), head["alg"].(string)} {
		if !bytes.Contains(text, []byte("exact: "+value+" ")) {
			t.Errorf("no rule asks for %s, which access tokens have", value)
		}
	}
}

func decodeStrictly(t *testing.T, file string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join(nodetest.Root(t), filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// find returns the first object called name that has the member, anywhere in v.
func find(v any, name, member string) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		if found, ok := v[name].(map[string]any); ok && found[member] != nil {
			return found
		}
		for _, child := range v {
			if found := find(child, name, member); found != nil {
				return found
			}
		}
	case []any:
		for _, child := range v {
			if found := find(child, name, member); found != nil {
				return found
			}
		}
	}
	return nil
}
