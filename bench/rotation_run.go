package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/bench/internal/live"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

const (
	replicas = 3
	// tokenEvery is the time between two tokens of one replica.
	tokenEvery = 25 * time.Millisecond
	// drillMaxAge is the max-age of the key set when a key is stolen, drillBound how long the libraries
	// have then: longer than the minute that pkg/jwks keeps a key set at least.
	drillMaxAge = 10 * time.Second
	drillBound  = 65 * time.Second
)

// liveRun is a run under way.
type liveRun struct {
	*stage
	options *rotationOptions
	kinds   []live.Kind
	store   *postgres.DB
	fleet   *live.Fleet
	began   time.Time
	report  report.Rotation
}

// algorithms are those of the kinds, the first of which is the server's default.
func (l *liveRun) algorithms() (out []keys.Algorithm) {
	for _, k := range l.kinds {
		out = append(out, k.Algorithm)
	}
	return out
}

// rotation is the whole of `bench rotation`.
func rotation(ctx context.Context, o *options, ro *rotationOptions) (_ report.Rotation, err error) {
	l := &liveRun{stage: &stage{o: o, bar: progress.New(os.Stderr)}, options: ro, kinds: []live.Kind{
		{Algorithm: keys.ES256, Audience: "https://es256.example"},
		{Algorithm: keys.RS256, Audience: "https://rs256.example"},
		{Algorithm: keys.EdDSA, Audience: "https://eddsa.example"},
	}}
	defer func() {
		l.bar.Clear()
		err = errors.Join(err, l.close())
	}()
	schedule := live.Hasty()
	if err := schedule.Validate(); err != nil {
		return l.report, err
	}
	if err := l.prepare(ctx, schedule); err != nil {
		return l.report, err
	}
	l.report = report.Rotation{
		Date: time.Now(), Machine: rig.Look(ctx, o.source), PostgreSQL: l.postgresql(), Replicas: replicas, Wanted: ro.wanted,
		Schedule: describe(schedule), Headers: schedule.CacheControl(), Unissued: map[string]int{},
	}
	if err := l.rotate(ctx); err != nil || ro.noDrill {
		return l.report, err
	}
	return l.report, l.drill(ctx)
}

// describe says how fast keys change.
func describe(s keys.Schedule) string {
	return fmt.Sprintf("a new key every %v, published %v before it signs and for %v after it did; tokens live %v", s.Period, s.Lead, s.Removal, s.MaxLifetime)
}

// prepare builds and starts everything.
func (l *liveRun) prepare(ctx context.Context, schedule keys.Schedule) error {
	if err := l.makeRoom(ctx); err != nil {
		return err
	}
	var err error
	if l.db, err = rig.StartLastingDatabase(ctx, filepath.Join(l.dir, "db")); err != nil {
		return err
	}
	l.closer = append(l.closer, func() error { return l.db.Stop() })
	if l.store, err = postgres.Open(ctx, postgres.Config{URL: l.db.URL, MaxConns: 2}); err != nil {
		return err
	}
	l.closer = append(l.closer, func() error { l.store.Close(); return nil })
	if err := l.store.Install(ctx, live.Installation(l.kinds), time.Now()); err != nil {
		return err
	}
	l.drawMaster()
	l.bar.Show("start the replicas", 0, 1, "")
	l.fleet, err = live.StartFleet(ctx, rig.ServerConfig{
		Binary: l.binary, Args: []string{"serve"}, Dir: l.dir, Core: l.o.core, Database: l.db.URL, Master: l.master,
		Settings: live.Settings(schedule, l.algorithms()),
	}, replicas)
	if err != nil {
		return err
	}
	l.closer = append(l.closer, l.fleet.Close)
	return nil
}

// verifiers are the libraries, new ones that have no keys yet.
func (l *liveRun) verifiers(ctx context.Context, ours ...func() (live.Verifier, error)) (all []live.Verifier, err error) {
	node := filepath.Join(l.o.source, "test", "node")
	for _, start := range append(ours,
		func() (live.Verifier, error) { return live.Jose(ctx, l.fleet, "jose", node) },
		func() (live.Verifier, error) { return live.GoOIDC(l.fleet, "go-oidc", l.kinds) },
		func() (live.Verifier, error) { return live.GolangJWT(l.fleet, "golang-jwt + keyfunc", l.kinds) },
	) {
		v, err := start()
		if err != nil {
			return nil, errors.Join(err, live.Close(all))
		}
		all = append(all, v)
	}
	return all, nil
}

// rotate lets the keys change while clients and services go about their work.
func (l *liveRun) rotate(ctx context.Context) (err error) {
	var asked atomic.Int64
	verifiers, err := l.verifiers(ctx, func() (live.Verifier, error) {
		return live.Signet(l.fleet, "pkg/verify", l.kinds, time.Second, &asked)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, live.Close(verifiers)) }()
	ledger := live.NewLedger()
	traffic := &live.Traffic{Fleet: l.fleet, Kinds: l.kinds, Verifiers: verifiers, Ledger: ledger, Every: tokenEvery}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { traffic.Run(running) })
	l.began = time.Now()
	err = l.disturb(ctx, ledger, &asked)
	stop()
	wg.Wait()
	l.count(verifiers, ledger, asked.Load())
	return err
}

// count puts down what happened.
func (l *liveRun) count(verifiers []live.Verifier, ledger *live.Ledger, asked int64) {
	r := &l.report
	r.Seconds, r.Retries = time.Since(l.began).Seconds(), l.fleet.Balancer().Retries()
	r.Issued, _, r.Unissued = ledger.Counts()
	for _, k := range l.kinds {
		ring := ledger.Ring(k.Algorithm)
		r.Rings = append(r.Rings, report.RotationRing{
			Algorithm: string(k.Algorithm), Rotations: ring.Rotations(), Overlap: millis(ring.Overlap), Backward: ring.Backward,
		})
	}
	for _, v := range verifiers {
		t, f := ledger.Tally(v.Name()), l.fleet.Balancer().Fetches(v.Name())
		one := report.RotationLibrary{
			Name: v.Name(), Version: v.Version(), Ours: v.Ours(), Checks: t.Checks, Refused: t.Failures, Late: t.Late,
			Slowest: millis(t.Slowest), Whole: f.Whole, Same: f.NotModified, Failed: f.Failed, Examples: t.Examples,
		}
		if v.Ours() {
			one.Unknown = asked
		}
		r.Libraries = append(r.Libraries, one)
	}
}

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }

// drill steals a key.
func (l *liveRun) drill(ctx context.Context) (err error) {
	schedule := live.Calm(drillMaxAge)
	if err := schedule.Validate(); err != nil {
		return err
	}
	l.bar.Show("a key is stolen", 0, 1, "")
	if err := l.fleet.Restart(ctx, live.Settings(schedule, l.algorithms())); err != nil {
		return err
	}
	envelopes, err := l.envelope()
	if err != nil {
		return err
	}
	d := &live.Drill{Fleet: l.fleet, Kinds: l.kinds, Load: l.store.Keys().Load, Envelope: envelopes, Bound: drillBound}
	if err := d.Settle(ctx); err != nil {
		return err
	}
	const short, plain = "pkg/verify, key sets kept for max-age", "pkg/verify, key sets kept for a minute at least"
	d.Verifiers, err = l.verifiers(ctx,
		func() (live.Verifier, error) { return live.Signet(l.fleet, short, l.kinds, drillMaxAge, nil) },
		func() (live.Verifier, error) { return live.Signet(l.fleet, plain, l.kinds, 0, nil) },
	)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, live.Close(d.Verifiers)) }()
	out, err := d.Run(ctx)
	if err != nil {
		return err
	}
	// Keys are asked for again at four fifths of their time, give or take a tenth of that: 264 s of 300.
	byDefault := map[string]string{
		short: "264 s", plain: "264 s", "jose": "10 min after its last fetch",
		"go-oidc": "30 days: with the next rotation", "golang-jwt + keyfunc": "1 h after its last fetch",
	}
	slack := schedule.Propagation + schedule.Refetch
	limits := map[string]time.Duration{short: drillMaxAge + slack, plain: jwks.MinTTL + slack}
	result := &report.Drill{
		Schedule: describe(schedule), Headers: schedule.CacheControl(), Bound: drillBound.Seconds(), Answered: out.Answered.Seconds(),
		Signed: seconds(out.Signed), Published: seconds(out.Published),
	}
	for _, v := range d.Verifiers {
		t := out.Innocent.Tally(v.Name())
		result.Libraries = append(result.Libraries, report.DrillLibrary{
			Name: v.Name(), Ours: v.Ours(), Refused: out.Refused[v.Name()].Seconds(), Limit: limits[v.Name()].Seconds(), Checks: t.Checks, Wrong: t.Failures,
			Defaults: byDefault[v.Name()], Examples: t.Examples,
		})
	}
	l.report.Drill = result
	return nil
}

func seconds(all []time.Duration) (out []float64) {
	for _, d := range all {
		out = append(out, d.Seconds())
	}
	return out
}
