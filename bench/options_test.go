package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*options){
		"connections":              func(o *options) { o.connections = 0 },
		"too many connections":     func(o *options) { o.connections = 1 << 20 },
		"no time":                  func(o *options) { o.duration = 0 },
		"less than no warm-up":     func(o *options) { o.warmup = -time.Second },
		"no rounds":                func(o *options) { o.rounds = 0 },
		"nobody":                   func(o *options) { o.size.Users = 0 },
		"an unknown scenario":      func(o *options) { o.scenarios = []string{"nonsense"} },
		"a profile of everything":  func(o *options) { o.profile = "cpu.out" },
		"a profile of that binary": func(o *options) { o.profile, o.binary, o.scenarios = "cpu.out", "signet", []string{"refresh"} },
	} {
		o := defaults()
		change(o)
		if o.check() == nil {
			t.Errorf("%s: passed", name)
		}
	}
	o := defaults()
	if err := o.check(); err != nil || len(o.selected) < 10 {
		t.Errorf("the defaults: %d scenarios, %v", len(o.selected), err)
	}
	o.profile, o.scenarios = "cpu.out", []string{"refresh"}
	if err := o.check(); err != nil || o.rounds != 1 || !o.noCeiling {
		t.Errorf("a profile is of one window: %d rounds, %v", o.rounds, err)
	}
}

func TestARunOfEverythingEndsWithTheRotation(t *testing.T) {
	t.Parallel()
	if !defaults().rotation() {
		t.Error("a plain run does without")
	}
	for name, change := range map[string]func(*options){
		"--scenario":    func(o *options) { o.scenarios = []string{"refresh"} },
		"--profile":     func(o *options) { o.profile = "cpu.out" },
		"--no-rotation": func(o *options) { o.noRotation = true },
	} {
		o := defaults()
		change(o)
		if o.rotation() {
			t.Errorf("%s: rotates", name)
		}
	}
}

func TestTheCheckoutIsFoundFromWithin(t *testing.T) {
	t.Parallel()
	dir, err := checkout("") // tests run in their package's directory
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Errorf("%s is no checkout: %v", dir, err)
	}
	if got, err := checkout("/elsewhere"); err != nil || got != "/elsewhere" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, c := range append(root().Commands(), root()) {
		if c.Hidden {
			continue
		}
		if c.Long == "" || !strings.Contains(c.Example, "bench") || c.RunE == nil {
			t.Errorf("%s has no text or no example", c.Name())
		}
	}
	if f := growthCommand().Flags().Lookup("scenario"); f == nil || !strings.Contains(f.DefValue, "refresh") {
		t.Error("growth measures everything, also what never asks the database")
	}
}
