// Command profiled is `signet serve` with a CPU profile that begins at SIGUSR1 and ends at
// SIGUSR2. The product itself serves no profiles.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("name the file for the profile")
	}
	c, err := config.Load(config.Source{Environ: os.Environ()}, config.Serve)
	if err != nil {
		return err
	}
	go profile(args[0])
	// As the product does; its memory limit has no say at the size of a benchmark.
	debug.SetGCPercent(200)
	out := telemetry.NewBatch(os.Stderr)
	defer out.Close()
	return app.Run(ctx, app.Options{
		Config: c, Log: telemetry.NewLogger(out, c.Log.Level, c.Log.Format),
		Build: telemetry.Build{Version: "profiled"}, Now: time.Now,
	})
}

// profile writes one profile to path, which appears when it is complete.
func profile(path string) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	fail := func(err error) { fmt.Fprintln(os.Stderr, "profiled:", err) }
	unfinished := path + ".part"
	f, err := os.Create(unfinished)
	if err != nil {
		fail(err)
		return
	}
	for s := range signals {
		if s == syscall.SIGUSR1 {
			if err := pprof.StartCPUProfile(f); err != nil {
				fail(err)
			}
			continue
		}
		pprof.StopCPUProfile()
		if err := errors.Join(f.Close(), os.Rename(unfinished, path)); err != nil {
			fail(err)
		}
		return
	}
}
