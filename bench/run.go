package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
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
		one, err := s.measure(ctx, sc)
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
	if err := s.keepProfile(ctx); err != nil {
		return err
	}
	var rotated error
	if o.rotation() {
		rotated = s.followedByRotation(ctx, &r)
	}
	r.Text(os.Stdout, progress.IsTerminal(os.Stdout))
	return errors.Join(
		rotated,
		write(o.json, r.JSON),
		write(o.markdown, func(w io.Writer) error { r.Markdown(w); return nil }),
	)
}

// followedByRotation runs the rotation of keys with the same binary, when this stage's server and
// database have nothing to do any more.
func (s *stage) followedByRotation(ctx context.Context, r *report.Report) error {
	if err := s.server.Stop(); err != nil {
		return err
	}
	o := *s.o
	o.binary = s.binary
	result, err := rotation(ctx, &o, rotationDefaults())
	if len(result.Libraries) > 0 {
		r.Rotation = &result
		err = errors.Join(err, fault(result))
	}
	return err
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
		PostgreSQL: s.postgresql(), Settings: s.settings(),
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

func (s *stage) settings() report.Settings {
	return report.Settings{
		Connections: s.o.connections, Seconds: s.o.duration.Seconds(), Warmup: s.o.warmup.Seconds(), Rounds: s.o.rounds,
		Pinned: s.o.core >= 0, Data: s.o.size,
	}
}

func (s *stage) postgresql() report.PostgreSQL {
	return report.PostgreSQL{Version: s.db.Version, Settings: s.db.Settings}
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
