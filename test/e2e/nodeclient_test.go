package e2e

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/test/nodetest"
)

func TestNodeClientCompletesTheFlow(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	a := apptest.Start(t)
	cmd := node.Command(t, "--test", "client.test.mjs")
	cmd.Dir = node.Dir
	cmd.Env = append(cmd.Environ(),
		"SIGNET_ISSUER="+a.URL,
		"CLIENT_SECRET="+apptest.Secret.Reveal(),
		"REDIRECT_URI="+apptest.Callback,
		"POST_LOGOUT_REDIRECT_URI=https://app.example/bye",
		"RESOURCE="+apptest.Orders,
		"EMAIL="+apptest.Ada,
		"PASSWORD="+apptest.Password,
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openid-client: %v\n%s", err, out)
	}
	// A file without tests would pass too.
	if !strings.Contains(string(out), "pass 10") {
		t.Errorf("not every test of the client ran:\n%s", out)
	}
}
