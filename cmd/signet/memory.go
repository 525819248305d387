package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
)

const (
	// garbage is how much of it, in percent of what is in use, may pile up. A replica uses a few
	// megabytes, and at Go's default of 100 a tenth of the time of a token request went into
	// collecting.
	garbage = 200
	// modest is the size in bytes up to which the process may grow before it collects sooner than
	// that. Password hashes take and leave twenty megabytes each.
	modest = 112 << 20
	// tending is how often the limit follows what is in use.
	tending = 10 * time.Second
)

// tendMemory sets Go's collector up for a server that is small most of the time, until the
// function that it returns is called. Whoever sets GOGC or GOMEMLIMIT knows better.
func tendMemory(ctx context.Context, environ []string) (stop func()) {
	if slices.ContainsFunc(environ, func(v string) bool {
		return strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "GOMEMLIMIT=")
	}) {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(garbage), debug.SetMemoryLimit(modest)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(tending)
		defer tick.Stop()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				metrics.Read(live)
				debug.SetMemoryLimit(memoryLimit(live[0].Value.Uint64()))
			}
		}
	}()
	return func() {
		cancel()
		<-done
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// memoryLimit leaves room for half as much garbage as is in use, so that an installation that
// needs much memory does not spend its time collecting, and for two password hashes.
func memoryLimit(live uint64) int64 {
	const hashes = 48 << 20
	return max(modest, int64(live+max(live/2, hashes)))
}
