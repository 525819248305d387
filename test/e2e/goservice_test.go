package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// The files of the guide for services in Go. The last is a test, which runs as one.
const (
	goService     = "test/guides/service/main.go"
	goConsumer    = "test/guides/consumer/main.go"
	goServiceTest = "test/guides/service/main_test.go"
)

func TestEverySnippetOfTheGoServiceGuideIsAFileThatTheTestsRun(t *testing.T) {
	t.Parallel()
	checkSnippets(t, "services-go.md", goService, goConsumer, goServiceTest)
}

func TestGuideForGoServices(t *testing.T) {
	t.Parallel()
	a, tokens := startIssued(t)
	program := build(t, goService)
	start := func(t *testing.T, issuer, audience, keysFile string) string {
		t.Helper()
		listen := freeAddress(t)
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+issuer, "AUDIENCE="+audience, "LISTEN="+listen, "KEYS_FILE="+keysFile)
		runService(t, cmd, "http://"+listen+"/readyz")
		return "http://" + listen
	}
	keysFile := filepath.Join(t.TempDir(), "keys.json")
	base := start(t, a.URL, apptest.Orders, keysFile)
	send := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	invalid := func(why string) string { return `error="invalid_token", error_description="` + why + `"` }
	const insufficient, notValid = `error="insufficient_scope"`, "The access token is not valid."
	realm := `Bearer realm="` + apptest.Orders + `"`
	for name, c := range map[string]request{
		"a person reads":  {"GET", "/orders", send(tokens.admin), 200, ""},
		"a person writes": {"POST", "/orders", send(tokens.admin), 201, ""},
		"a person reads at the address of the tenant":     {"GET", "/t/acme/orders", send(tokens.admin), 200, ""},
		"a machine reads by its scope":                    {"GET", "/orders", send(tokens.machine), 200, ""},
		"the scheme is written in any case":               {"GET", "/orders", []string{"Authorization", "bearer " + tokens.admin}, 200, ""},
		"no token":                                        {"GET", "/orders", nil, 401, realm},
		"another scheme":                                  {"GET", "/orders", []string{"Authorization", "Basic eDp5"}, 401, realm},
		"a token in the address":                          {"GET", "/orders?access_token=" + tokens.admin, nil, 401, realm},
		"an expired token":                                {"GET", "/orders", send(tokens.expired), 401, invalid("The access token has expired.")},
		"a token for another service":                     {"GET", "/orders", send(tokens.billing), 401, invalid("The access token is meant for another service.")},
		"an ID token":                                     {"GET", "/orders", send(tokens.id), 401, invalid("This is not an access token.")},
		"a payload that was not signed":                   {"GET", "/orders", send(tokens.forged), 401, invalid(notValid)},
		"a token of another issuer":                       {"GET", "/orders", send(tokens.foreign), 401, invalid(notValid)},
		"something that is no token":                      {"GET", "/orders", send("null"), 401, invalid(notValid)},
		"two tokens":                                      {"GET", "/orders", append(send(tokens.admin), send(tokens.clerk)...), 400, `error="invalid_request"`},
		"a token in the address and in the header":        {"GET", "/orders?access_token=x", send(tokens.admin), 400, `error="invalid_request"`},
		"a header that is none":                           {"GET", "/orders", []string{"Authorization", "Bearer a b"}, 400, `error="invalid_request"`},
		"a person without the permission":                 {"POST", "/orders", send(tokens.clerk), 403, insufficient + `, error_description="This needs the permission orders:write.", scope="orders:write"`},
		"a machine without the scope":                     {"POST", "/orders", send(tokens.machine), 403, insufficient},
		"a machine of no tenant":                          {"GET", "/orders", send(tokens.homeless), 403, insufficient},
		"a person whose application has no such scope":    {"GET", "/orders", send(tokens.narrow), 403, insufficient},
		"a tenant in the address that is not the token's": {"GET", "/t/globex/orders", send(tokens.admin), 403, insufficient},
	} {
		t.Run(name, func(t *testing.T) { c.check(t, base) })
	}
	t.Run("tenants do not see each other's orders", func(t *testing.T) {
		request{"POST", "/orders", send(tokens.admin), 201, ""}.check(t, base)
		mine := request{"GET", "/orders", send(tokens.clerk), 200, ""}.answer(t, base)
		theirs := request{"GET", "/orders", send(tokens.globex), 200, ""}.answer(t, base)
		if !strings.Contains(mine.Raw, "created_by") || strings.Contains(theirs.Raw, "created_by") {
			t.Errorf("acme sees %s, globex %s", mine.Raw, theirs.Raw)
		}
	})
	t.Run("an ID token is refused where its audience is right", func(t *testing.T) {
		request{"GET", "/orders", send(tokens.id), 401, invalid("This is not an access token.")}.check(t, start(t, a.URL, "spa", ""))
	})
	t.Run("the issuer is compared as it is written", func(t *testing.T) {
		other := strings.Replace(a.URL, "127.0.0.1", "localhost", 1) // the same keys
		request{"GET", "/orders", send(tokens.admin), 401, invalid("The access token is from another issuer.")}.
			check(t, start(t, other, apptest.Orders, ""))
	})
	consumer := build(t, goConsumer)
	consume := func(t *testing.T, want ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), consumer)
		cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+a.URL, "AUDIENCE="+apptest.Orders)
		cmd.Stdin = strings.NewReader(strings.Join([]string{tokens.admin, tokens.clerk, tokens.machine, tokens.expired}, "\n"))
		out, err := cmd.Output()
		said := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(said) != len(want) {
			t.Fatalf("%v: %s", err, out)
		}
		for i := range want {
			if !strings.HasPrefix(said[i], want[i]) {
				t.Errorf("%s, want %s", said[i], want[i])
			}
		}
	}
	t.Run("tokens come without a request", func(t *testing.T) {
		// The clerk's application has the scope, and the clerk not the permission.
		consume(t, "accepted: usr_", "not allowed: usr_", "not allowed: job", "refused: verify: invalid token: expired")
	})
	eventually(t, "the copy of the keys", func() bool {
		_, err := os.Stat(keysFile)
		return err == nil
	})
	a.Stop(t)
	t.Run("the issuer is down and the keys are known", func(t *testing.T) {
		request{"GET", "/orders", send(tokens.admin), 200, ""}.check(t, base)
	})
	t.Run("the issuer is down and tokens come without a request", func(t *testing.T) {
		cannot := "cannot tell, try again: verify: the issuer's keys are not available"
		consume(t, cannot, cannot, cannot, cannot)
	})
	t.Run("the issuer is down and the keys are on disk", func(t *testing.T) {
		late := start(t, a.URL, apptest.Orders, keysFile)
		request{"GET", "/orders", send(tokens.admin), 200, ""}.check(t, late)
		if ready := (request{"GET", "/readyz", nil, 200, ""}).answer(t, late); !strings.Contains(ready.Raw, "from the copy on disk") {
			t.Errorf("readyz: %s", ready.Raw)
		}
	})
	t.Run("the issuer is down and the keys were never known", func(t *testing.T) {
		late := start(t, a.URL, apptest.Orders, "")
		if got := (request{"GET", "/orders", send(tokens.admin), 503, ""}).answer(t, late); got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if ready := (request{"GET", "/readyz", nil, 503, ""}).answer(t, late); !strings.Contains(ready.Raw, "no keys were ever loaded") {
			t.Errorf("readyz: %s", ready.Raw)
		}
	})
}
