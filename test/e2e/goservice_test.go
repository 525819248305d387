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
	invalid := func(why string) string { return `error="invalid_token", error_description="` + why + `"` }
	requests := guarded(tokens, invalid)
	requests["a token in the address and in the header"] = request{"GET", "/orders?access_token=x", bearer(tokens.admin), 400, `error="invalid_request"`}
	for name, c := range requests {
		t.Run(name, func(t *testing.T) { c.check(t, base) })
	}
	t.Run("tenants do not see each other's orders", func(t *testing.T) {
		request{"POST", "/orders", bearer(tokens.admin), 201, ""}.check(t, base)
		mine := request{"GET", "/orders", bearer(tokens.clerk), 200, ""}.answer(t, base)
		theirs := request{"GET", "/orders", bearer(tokens.globex), 200, ""}.answer(t, base)
		if !strings.Contains(mine.Raw, "created_by") || strings.Contains(theirs.Raw, "created_by") {
			t.Errorf("acme sees %s, globex %s", mine.Raw, theirs.Raw)
		}
	})
	t.Run("an ID token is refused where its audience is right", func(t *testing.T) {
		request{"GET", "/orders", bearer(tokens.id), 401, invalid("This is not an access token.")}.check(t, start(t, a.URL, "spa", ""))
	})
	t.Run("the issuer is compared as it is written", func(t *testing.T) {
		other := strings.Replace(a.URL, "127.0.0.1", "localhost", 1) // the same keys
		request{"GET", "/orders", bearer(tokens.admin), 401, invalid("The access token is from another issuer.")}.
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
		request{"GET", "/orders", bearer(tokens.admin), 200, ""}.check(t, base)
	})
	t.Run("the issuer is down and tokens come without a request", func(t *testing.T) {
		cannot := "cannot tell, try again: verify: the issuer's keys are not available"
		consume(t, cannot, cannot, cannot, cannot)
	})
	t.Run("the issuer is down and the keys are on disk", func(t *testing.T) {
		late := start(t, a.URL, apptest.Orders, keysFile)
		request{"GET", "/orders", bearer(tokens.admin), 200, ""}.check(t, late)
		if ready := (request{"GET", "/readyz", nil, 200, ""}).answer(t, late); !strings.Contains(ready.Raw, "from the copy on disk") {
			t.Errorf("readyz: %s", ready.Raw)
		}
	})
	t.Run("the issuer is down and the keys were never known", func(t *testing.T) {
		late := start(t, a.URL, apptest.Orders, "")
		if got := (request{"GET", "/orders", bearer(tokens.admin), 503, ""}).answer(t, late); got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if ready := (request{"GET", "/readyz", nil, 503, ""}).answer(t, late); !strings.Contains(ready.Raw, "no keys were ever loaded") {
			t.Errorf("readyz: %s", ready.Raw)
		}
	})
}
