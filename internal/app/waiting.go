package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

// probePause is the time between two looks at a database that is not ready.
const probePause = 500 * time.Millisecond

// awaitDatabase returns once the database answers and no migration is pending; it applies
// them itself if it may. While it waits, readiness fails and says why, and the public listener
// answers 503.
func awaitDatabase(ctx context.Context, o Options, db *postgres.DB, metrics server.Metrics) error {
	err := prepare(ctx, o, db)
	if err == nil || !errors.Is(err, errdefs.ErrUnavailable) && !errors.Is(err, errNotYet) {
		return err
	}
	o.Log.WarnContext(ctx, "waiting for the database", "reason", err)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	sc := server.FromConfig(o.Config)
	sc.Refuse = func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "This service is starting. Try again in a moment.\n") // a caller that hung up asks again
	}
	// The database may be ready before the next look at it: until then everything is still
	// refused, so nothing must be sent here.
	sc.Checks = append(databaseChecks(db), server.Check{Name: "serving", Probe: func(context.Context) error { return errNotServing }})
	sc.ShutdownDelay = 0 // readiness has failed all along
	sc.Metrics, sc.Log, sc.Now = metrics, o.Log.With("phase", "waiting for the database"), o.Now
	s, err := server.New(sc)
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(waiting) }()
	for {
		select {
		case err := <-served:
			return err // ctx ended, or a listener failed
		case <-time.After(probePause):
		}
		err := prepare(ctx, o, db)
		if err != nil && (errors.Is(err, errdefs.ErrUnavailable) || errors.Is(err, errNotYet)) {
			continue
		}
		stop()
		return errors.Join(err, <-served)
	}
}

// prepare looks at the database once. errNotYet says that an operator has to migrate it.
func prepare(ctx context.Context, o Options, db *postgres.DB) error {
	if err := db.Ping(ctx); err != nil {
		return err
	}
	n, err := db.Pending(ctx)
	if err != nil || n == 0 {
		return err
	}
	if !o.Config.Database.AutoMigrate {
		return fmt.Errorf("%w: %d migrations are pending; run signet migrate", errNotYet, n)
	}
	_, err = postgres.Up(ctx, o.Config.Database.URL, o.Log)
	return err
}

// errNotServing says that the public listener refuses everything.
var errNotServing = errors.New("waiting for the database")

var _ server.Metrics = (*telemetry.Metrics)(nil)
