package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// TestMain makes this test binary the signet command that the scripts in testdata run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signet": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

func TestTheCommandLineBehavesAsScripted(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EMPTY_DATABASE", pgtest.Empty(t))
			return nil
		},
	})
}
