package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/signet-id/signet/bench/internal/ceiling"
	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
	"github.com/signet-id/signet/bench/internal/wire"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

// starts is how often the server is started to tell how long that takes; the median counts.
const starts = 3

// settle is how long the server is left alone before its idle memory is read.
const settle = time.Second

// run is the whole of `bench`.
func run(ctx context.Context, o *options) (err error) {
	bar := progress.New(os.Stderr)
	s, err := newStage(ctx, o, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r, err := s.describe(ctx)
	if err != nil {
		return err
	}
	for _, sc := range o.selected {
		one, err := s.scenario(ctx, sc)
		if err != nil {
			return fmt.Errorf("%s: %w", sc.Title, err)
		}
		r.Scenarios = append(r.Scenarios, one)
		if one.Password {
			r.Server.HashPeakBytes = max(r.Server.HashPeakBytes, one.Peak)
		} else {
			r.Server.PeakBytes = max(r.Server.PeakBytes, one.Peak)
		}
	}
	r.Text(os.Stdout, progress.IsTerminal(os.Stdout))
	if err := s.keepProfile(ctx); err != nil {
		return err
	}
	return errors.Join(
		write(o.json, r.JSON),
		write(o.markdown, func(w io.Writer) error { r.Markdown(w); return nil }),
	)
}

func write(path string, to func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(to(f), f.Close())
}

// describe fills in everything but the scenarios.
func (s *stage) describe(ctx context.Context) (report.Report, error) {
	r := report.Report{
		Date: time.Now(), Machine: rig.Look(ctx, s.o.source),
		PostgreSQL: report.PostgreSQL{Version: s.db.Version, Settings: s.db.Settings},
		Settings: report.Settings{
			Connections: s.o.connections, Seconds: s.o.duration.Seconds(), Warmup: s.o.warmup.Seconds(),
			Pinned: s.o.core >= 0, Data: s.o.size,
		},
	}
	startups := []time.Duration{s.server.Startup}
	for s.o.profile == "" && len(startups) < starts {
		if err := s.server.Stop(); err != nil {
			return r, err
		}
		if err := s.start(ctx); err != nil {
			return r, err
		}
		startups = append(startups, s.server.Startup)
	}
	slices.Sort(startups)
	r.Server.StartupMillis = startups[len(startups)/2].Seconds() * 1000
	time.Sleep(settle)
	if m, err := rig.ReadMemory(s.server.PID()); err == nil {
		r.Server.IdleBytes = m.Resident
	}
	var err error
	if slices.ContainsFunc(s.o.selected, func(sc scenario.Scenario) bool { return sc.Password }) {
		r.Server.PasswordHashMillis, err = hashCost(ctx)
	}
	return r, err
}

// hashCost is what one password verification takes alone, in milliseconds: the median of some.
func hashCost(ctx context.Context) (float64, error) {
	h, err := password.New(password.Config{})
	if err != nil {
		return 0, err
	}
	encoded, err := h.Hash(ctx, secret.New(fill.Password))
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for range 21 {
		began := time.Now()
		if _, err := h.Verify(ctx, encoded, secret.New(fill.Password)); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2].Seconds() * 1000, nil
}

// scenario measures one scenario and its ceiling.
func (s *stage) scenario(ctx context.Context, sc scenario.Scenario) (report.Scenario, error) {
	n := s.o.connections
	if sc.Connections > 0 {
		n = min(n, sc.Connections)
	}
	out := report.Scenario{Name: sc.Name, Title: sc.Title, Connections: n, Needs: sc.Needed.What, Target: sc.Target, Password: sc.Password}
	s.bar.Show(sc.Title+": prepare", 0, 1, "")
	maker, err := sc.Prepare(ctx, s.env)
	if err != nil {
		return out, err
	}
	recorded, err := record(ctx, s.server.Addr, maker)
	if err != nil {
		return out, err
	}
	rig.ForgetPeak(s.server.PID())
	load := measure.Load{Addr: s.server.Addr, Operations: maker(n), Warmup: s.o.warmup, Duration: s.o.duration}
	if out.Figures, err = s.closed(ctx, sc.Title, load, s.server.PID(), s.o.profile != ""); err != nil {
		return out, s.explain(err)
	}
	if m, err := rig.ReadMemory(s.server.PID()); err == nil {
		out.Resident, out.Peak = m.Resident, m.Peak
	}
	if sc.HalfLoad && !s.o.noCeiling {
		load.Operations = maker(n)
		if out.HalfLoad, err = s.half(ctx, sc.Title, load, out.Rate); err != nil {
			return out, s.explain(err)
		}
	}
	if sc.Target > 0 && !s.o.noCeiling {
		if out.Ceiling, err = s.ceiling(ctx, sc, recorded, n); err != nil {
			return out, fmt.Errorf("ceiling: %w", err)
		}
	}
	return out, nil
}

// record performs one operation and returns what went over the wire.
func record(ctx context.Context, addr string, maker scenario.Maker) ([]wire.Exchange, error) {
	c, err := wire.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.Record = true
	err = maker(1)[0](c)
	return c.Recorded, err
}

// closed measures at full load.
func (s *stage) closed(ctx context.Context, title string, load measure.Load, pid int, profile bool) (report.Figures, error) {
	var began, ended time.Duration
	load.Started = func() {
		began, _ = rig.CPU(pid) // without it the figure is left out
		if profile {
			_ = s.server.Signal(syscall.SIGUSR1) // a server that has ended is noticed by the load
		}
	}
	load.Ended = func() {
		ended, _ = rig.CPU(pid)
		if profile {
			_ = s.server.Signal(syscall.SIGUSR2) // as above
		}
	}
	load.Progress = s.show(title)
	m, err := load.Closed(ctx)
	s.bar.Clear()
	if err != nil {
		return report.Figures{}, err
	}
	return figures(m, ended-began), nil
}

func figures(m measure.Result, cpu time.Duration) report.Figures {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return report.Figures{
		Rate: m.Rate(), P50: us(m.Quantile(0.5)), P99: us(m.Quantile(0.99)),
		CPU: us(cpu) / float64(m.Operations), Busy: cpu.Seconds() / m.Elapsed.Seconds(),
		Operations: m.Operations, Seconds: m.Elapsed.Seconds(),
	}
}

// half measures at half the highest rate.
func (s *stage) half(ctx context.Context, title string, load measure.Load, rate float64) (*report.Figures, error) {
	pid := s.server.PID()
	var began, ended time.Duration
	load.Started = func() { began, _ = rig.CPU(pid) }
	load.Ended = func() { ended, _ = rig.CPU(pid) }
	load.Progress = s.show(title + ", half load")
	m, err := load.Open(ctx, rate/2)
	s.bar.Clear()
	if err != nil {
		return nil, err
	}
	f := figures(m, ended-began)
	return &f, nil
}

// ceiling measures the bare server with the recorded requests.
func (s *stage) ceiling(ctx context.Context, sc scenario.Scenario, recorded []wire.Exchange, n int) (*report.Figures, error) {
	c, err := ceiling.Derive(sc, recorded, s.env, s.db.URL)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	process, err := rig.StartCeiling(s.o.core, config)
	if err != nil {
		return nil, err
	}
	load := measure.Load{Addr: process.Addr, Operations: ceiling.Replay(recorded, n), Warmup: s.o.warmup, Duration: s.o.duration}
	f, err := s.closed(ctx, sc.Title+", ceiling", load, process.PID(), false)
	return &f, errors.Join(err, process.Stop())
}

func (s *stage) show(title string) func(passed, total time.Duration) {
	return func(passed, total time.Duration) {
		s.bar.Show(title, passed.Seconds(), total.Seconds(), fmt.Sprintf("%.0f s", total.Seconds()))
	}
}

// explain adds the end of the server's log to an error that the server may know more about.
func (s *stage) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w\nthe server's log ends with:\n%s", err, s.server.LogTail())
}

// keepProfile waits for the profile and puts it where it was asked for.
func (s *stage) keepProfile(ctx context.Context) error {
	if s.o.profile == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		b, err := os.ReadFile(s.profilePath())
		if err == nil {
			return os.WriteFile(s.o.profile, b, 0o600)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server wrote no profile: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
