package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-id/signet/internal/apptest"
)

// Each script has a server of its own: $SIGNET_URL and $SIGNET_TOKEN are those of its
// administrator, $GLOBEX_TOKEN of somebody who administers the tenant globex alone.
func TestTheAdministratorsCommandsBehaveAsScripted(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/administration",
		Setup: func(env *testscript.Env) error {
			app := apptest.Start(t)
			app.AwaitKeys(t)
			env.Setenv("SIGNET_URL", app.URL)
			env.Setenv("SIGNET_TOKEN", app.AdminToken(t, apptest.Opal, "signet"))
			env.Setenv("GLOBEX_TOKEN", app.AdminToken(t, apptest.Greta, "globex"))
			env.Setenv("SIGNET_CREDENTIALS", env.WorkDir+"/config/credentials.json")
			return nil
		},
	})
}
