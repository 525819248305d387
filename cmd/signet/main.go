// Command signet is the identity service: `signet serve` in production, `signet dev` to try
// it, and the commands that look after a database and a configuration.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal begins the shutdown; with the handler gone, a second one kills.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it returns the exit status (0 done, 1 failed, 2 misused, 3 what
// apply --dry-run --exit-code says). It
// takes the environment as a list, because a mistyped SIGNET_ variable is refused by name.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	p := &program{environ: environ, stdout: stdout, stderr: stderr}
	return p.execute(ctx, args)
}
