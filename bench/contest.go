package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/signet-id/signet/bench/internal/ceiling"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
	"github.com/signet-id/signet/bench/internal/scenario"
	"github.com/signet-id/signet/bench/internal/wire"
)

// measure measures one scenario. Server and ceiling take turns, so that a moment in which the
// machine does something else does not fall on one of them alone.
func (s *stage) measure(ctx context.Context, sc scenario.Scenario) (out report.Scenario, err error) {
	server, err := s.contestant(ctx, sc)
	if err != nil {
		return out, err
	}
	bare := &contestant{}
	if sc.Target > 0 && !s.o.noCeiling {
		if bare, err = s.ceiling(sc, server); err != nil {
			return out, fmt.Errorf("ceiling: %w", err)
		}
		defer func() { err = errors.Join(err, bare.stop()) }()
	}
	rig.ForgetPeak(server.pid)
	for range s.o.rounds {
		if err := s.round(ctx, server); err != nil {
			return out, s.explain(err)
		}
		if bare.maker == nil {
			continue
		}
		if err := s.round(ctx, bare); err != nil {
			return out, fmt.Errorf("ceiling: %w", err)
		}
	}
	out = report.Scenario{
		Name: sc.Name, Title: sc.Title, Figures: server.total.figures(), Connections: server.connections,
		Needs: sc.Needed.What, Target: sc.Target, Password: sc.Password,
	}
	if m, err := rig.ReadMemory(server.pid); err == nil {
		out.Resident, out.Peak = m.Resident, m.Peak
	}
	if bare.maker != nil {
		f := bare.total.figures()
		out.Ceiling = &f
	}
	if sc.HalfLoad && !s.o.noCeiling {
		if out.HalfLoad, err = s.half(ctx, server, out.Rate/2); err != nil {
			return out, s.explain(err)
		}
	}
	return out, nil
}

// contestant is a process that is measured.
type contestant struct {
	title       string
	addr        string
	pid         int
	database    int // the postmaster's pid
	connections int
	maker       scenario.Maker
	recorded    []wire.Exchange // one operation
	profile     bool
	total       tally
	stop        func() error
}

// contestant returns the server under test with what is to be sent to it.
func (s *stage) contestant(ctx context.Context, sc scenario.Scenario) (*contestant, error) {
	c := &contestant{
		title: sc.Title, addr: s.server.Addr, pid: s.server.PID(), database: s.db.PID(), connections: s.o.connections,
		profile: s.o.profile != "",
	}
	if sc.Connections > 0 {
		c.connections = min(c.connections, sc.Connections)
	}
	s.bar.Show(sc.Title+": prepare", 0, 1, "")
	var err error
	if c.maker, err = sc.Prepare(ctx, s.env); err != nil {
		return nil, err
	}
	conn, err := wire.Dial(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.Record = true
	if err := c.maker(1)[0](conn); err != nil {
		return nil, s.explain(err)
	}
	c.recorded = conn.Recorded
	return c, nil
}

// ceiling starts the bare server for what was recorded.
func (s *stage) ceiling(sc scenario.Scenario, server *contestant) (*contestant, error) {
	derived, err := ceiling.Derive(sc, server.recorded, s.env, s.db.URL)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(derived)
	if err != nil {
		return nil, err
	}
	process, err := rig.StartCeiling(s.o.core, config)
	if err != nil {
		return nil, err
	}
	return &contestant{
		title: sc.Title + ", ceiling", addr: process.Addr, pid: process.PID(), database: s.db.PID(), connections: server.connections,
		maker: func(n int) []measure.Operation { return ceiling.Replay(server.recorded, n) },
		stop:  process.Stop,
	}, nil
}

// round measures a contestant at full load for its share of the time.
func (s *stage) round(ctx context.Context, c *contestant) error {
	load, meter := s.load(c, s.o.duration/time.Duration(s.o.rounds))
	m, err := load.Closed(ctx)
	s.bar.Clear()
	if err == nil {
		c.total.add(m, *meter)
	}
	return err
}

// half measures at a rate below the highest.
func (s *stage) half(ctx context.Context, c *contestant, rate float64) (*report.Figures, error) {
	load, meter := s.load(c, s.o.duration)
	m, err := load.Open(ctx, rate)
	s.bar.Clear()
	if err != nil {
		return nil, err
	}
	var t tally
	t.add(m, *meter)
	f := t.figures()
	return &f, nil
}

// load returns what is sent to a contestant, and the meter of what that takes.
func (s *stage) load(c *contestant, d time.Duration) (measure.Load, *meter) {
	m := &meter{}
	l := measure.Load{Addr: c.addr, Operations: c.maker(c.connections), Warmup: s.o.warmup, Duration: d}
	l.Started = func() {
		m.begin(c)
		if c.profile {
			_ = s.server.Signal(syscall.SIGUSR1) // a server that has ended is noticed by the load
		}
	}
	l.Ended = func() {
		m.end(c)
		if c.profile {
			_ = s.server.Signal(syscall.SIGUSR2) // as above
		}
	}
	l.Progress = func(passed, total time.Duration) {
		s.bar.Show(c.title, passed.Seconds(), total.Seconds(), fmt.Sprintf("%.0f s", total.Seconds()))
	}
	return l, m
}

// meter reads the processor time of a contestant and its database. Where the system does not
// say, it stays zero.
type meter struct{ server, database time.Duration }

func (m *meter) begin(c *contestant) {
	server, database := read(c)
	m.server, m.database = -server, -database
}

func (m *meter) end(c *contestant) {
	server, database := read(c)
	m.server, m.database = m.server+server, m.database+database
}

func read(c *contestant) (server, database time.Duration) {
	server, err1 := rig.CPU(c.pid)
	database, err2 := rig.FamilyCPU(c.database)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return server, database
}

// tally is several rounds together.
type tally struct {
	result measure.Result
	used   meter
}

func (t *tally) add(m measure.Result, used meter) {
	t.result = t.result.Plus(m)
	t.used.server += used.server
	t.used.database += used.database
}

func (t *tally) figures() report.Figures {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	n := float64(t.result.Operations)
	return report.Figures{
		Rate: t.result.Rate(), P50: us(t.result.Quantile(0.5)), P99: us(t.result.Quantile(0.99)),
		CPU: us(t.used.server) / n, Database: us(t.used.database) / n, Busy: t.used.server.Seconds() / t.result.Elapsed.Seconds(),
		Operations: t.result.Operations, Seconds: t.result.Elapsed.Seconds(),
	}
}
