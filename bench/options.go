package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/scenario"
)

// options are what a run is asked for.
type options struct {
	scenarios   []string
	connections int
	duration    time.Duration
	warmup      time.Duration
	rounds      int
	size        fill.Size
	commitsWait bool
	source      string
	binary      string
	json        string
	markdown    string
	profile     string
	noCeiling   bool
	noRotation  bool
	settings    []string // of the server, as environment variables

	core     int // for the server; negative: any
	selected []scenario.Scenario
}

func defaults() *options {
	return &options{
		connections: 32, duration: 5 * time.Second, warmup: 2 * time.Second, rounds: 2,
		size: fill.Size{Users: 1000, Families: 20_000, Tenants: 10},
	}
}

func (o *options) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.scenarios, "scenario", o.scenarios, "`names` of scenarios, separated by commas; all of them without")
	f.IntVar(&o.connections, "connections", o.connections, "keep-alive connections")
	f.DurationVar(&o.duration, "duration", o.duration, "measured time of each scenario")
	f.DurationVar(&o.warmup, "warmup", o.warmup, "time before each round that does not count")
	f.IntVar(&o.rounds, "rounds", o.rounds, "how often server and ceiling take turns within the measured time")
	f.IntVar(&o.size.Users, "users", o.size.Users, "people in the database")
	f.IntVar(&o.size.Families, "families", o.size.Families, "refresh families in the database")
	f.IntVar(&o.size.Tenants, "tenants", o.size.Tenants, "tenants in the database")
	f.BoolVar(&o.commitsWait, "commits-wait", false, "let every commit wait for the disk (synchronous_commit=on)")
	f.StringVar(&o.source, "source", "", "`directory` of the checkout to build the server from; around the working directory without")
	f.StringVar(&o.binary, "signet", "", "measure this `binary` instead of building one")
	f.StringVar(&o.json, "json", "", "write all figures to `file`")
	f.StringVar(&o.markdown, "markdown", "", "write the table as Markdown to `file`")
}

func (o *options) check() (err error) {
	switch {
	case o.connections < 1 || o.connections > 1024:
		return fmt.Errorf("--connections is %d: use 1 to 1024", o.connections)
	case o.rounds < 1:
		return fmt.Errorf("--rounds is %d: use 1 or more", o.rounds)
	case o.duration <= 0 || o.warmup < 0:
		return errors.New("--duration must be positive and --warmup not negative")
	}
	if err := o.size.Check(); err != nil {
		return err
	}
	if o.selected, err = scenario.Select(o.scenarios); err != nil {
		return err
	}
	if o.source, err = checkout(o.source); err != nil {
		return err
	}
	if o.profile != "" && len(o.selected) != 1 {
		return errors.New("a profile is of one scenario: name it with --scenario")
	}
	if o.profile != "" && o.binary != "" {
		return errors.New("--profile needs a server of its own: leave out --signet")
	}
	if o.profile != "" { // one window to look at, and nothing else
		o.noCeiling, o.rounds = true, 1
	}
	return nil
}

// rotation reports whether the rotation of keys is part of the run: of one of everything.
func (o *options) rotation() bool { return !o.noRotation && len(o.scenarios) == 0 && o.profile == "" }

// checkout returns dir, or the nearest directory upwards from here that is a checkout.
func checkout(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir = here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "signet", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not within a checkout; name one with --source, to build the server from", here)
		}
	}
}
