package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
)

// source answers with functions and counts the questions.
type source struct {
	find    func(ctx context.Context, asked client.ID) (client.Client, error)
	origin  func(ctx context.Context, origin string) (bool, error)
	finds   atomic.Int32
	origins atomic.Int32
}

func (s *source) FindClient(ctx context.Context, asked client.ID) (client.Client, error) {
	s.finds.Add(1)
	return s.find(ctx, asked)
}

func (s *source) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	s.origins.Add(1)
	return s.origin(ctx, origin)
}

func named(_ context.Context, asked client.ID) (client.Client, error) {
	return client.Client{ID: asked, Name: "of " + string(asked)}, nil
}

func TestLookUpsOfOneClientShareOneLoadAndThenNeedNone(t *testing.T) {
	t.Parallel()
	open, entered := make(chan struct{}), make(chan struct{}, 1)
	s := &source{find: func(ctx context.Context, asked client.ID) (client.Client, error) {
		entered <- struct{}{}
		<-open
		return named(ctx, asked)
	}}
	c := client.NewCache(s)
	var wg sync.WaitGroup
	look := func() {
		if got, err := c.FindClient(t.Context(), "web"); err != nil || got.Name != "of web" {
			t.Errorf("%v, %v", got.Name, err)
		}
	}
	for range 16 {
		wg.Go(look)
	}
	<-entered
	close(open)
	wg.Wait()
	look()
	if n := s.finds.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
}

func TestALookUpThatIsGivenUpDoesNotFailTheOthersThatWaitForIt(t *testing.T) {
	t.Parallel()
	open, entered := make(chan struct{}), make(chan struct{}, 2)
	s := &source{find: func(ctx context.Context, asked client.ID) (client.Client, error) {
		entered <- struct{}{}
		select {
		case <-open:
			return named(ctx, asked)
		case <-ctx.Done():
			return client.Client{}, ctx.Err()
		}
	}}
	c := client.NewCache(s)
	first, giveUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.FindClient(first, "web") })
	<-entered
	wg.Go(func() {
		if _, err := c.FindClient(t.Context(), "web"); err != nil {
			t.Errorf("the one who still waits: %v", err)
		}
	})
	giveUp()
	close(open)
	wg.Wait()
}

func TestUnknownClientsAndErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	answer := errors.New("database is down")
	s := &source{find: func(context.Context, client.ID) (client.Client, error) { return client.Client{}, answer }}
	c := client.NewCache(s)
	for i, want := range []error{answer, errdefs.ErrNotFound, errdefs.ErrNotFound} {
		if answer = want; i > 0 {
			answer = errors.Join(errors.New("find client"), want)
		}
		if _, err := c.FindClient(t.Context(), "web"); !errors.Is(err, want) {
			t.Errorf("question %d: %v, want %v", i, err, want)
		}
	}
	answer = nil
	if _, err := c.FindClient(t.Context(), "web"); err != nil {
		t.Errorf("once it exists: %v", err)
	}
	if n := s.finds.Load(); n != 4 {
		t.Errorf("%d loads", n)
	}
}

func TestWhatCannotBeAClientIDIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s := &source{find: named}
	for _, asked := range []client.ID{"", "usr_x", "a\x00", " a", "ü"} {
		if _, err := client.NewCache(s).FindClient(t.Context(), asked); !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%q: %v", asked, err)
		}
	}
	if n := s.finds.Load(); n != 0 {
		t.Errorf("%d questions", n)
	}
}

func TestForgettingAClientLoadsItAnewAndEveryOrigin(t *testing.T) {
	t.Parallel()
	s := &source{find: named, origin: func(context.Context, string) (bool, error) { return true, nil }}
	c := client.NewCache(s)
	ask := func() (finds, origins int32) {
		t.Helper()
		for _, asked := range []client.ID{"a", "b"} {
			if _, err := c.FindClient(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}
		if ok, err := c.OriginRegistered(t.Context(), "https://a.example"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		return s.finds.Load(), s.origins.Load()
	}
	for _, step := range []struct {
		name           string
		change         func()
		finds, origins int32
	}{
		{"the first time", func() {}, 2, 1},
		{"the second time", func() {}, 2, 1},
		{"one forgotten", func() { c.Forget("a") }, 3, 2},
		{"all forgotten", c.ForgetAll, 5, 3},
	} {
		step.change()
		if f, o := ask(); f != step.finds || o != step.origins {
			t.Errorf("%s: %d and %d loads, want %d and %d", step.name, f, o, step.finds, step.origins)
		}
	}
}

// A load that began before a change must not put back what it read after the change was
// announced.
func TestALoadThatRacesWithForgettingLeavesNothingStale(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*client.Cache){
		"one": func(c *client.Cache) { c.Forget("web") },
		"all": func(c *client.Cache) { c.ForgetAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open, entered := make(chan struct{}), make(chan struct{})
			var current atomic.Value
			current.Store("old")
			var once sync.Once
			hold := func() {
				once.Do(func() { close(entered); <-open })
			}
			s := &source{
				find: func(_ context.Context, asked client.ID) (client.Client, error) {
					read := current.Load().(string)
					hold()
					return client.Client{ID: asked, Name: read}, nil
				},
			}
			c := client.NewCache(s)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = c.FindClient(t.Context(), "web")
			}()
			<-entered
			current.Store("new")
			forget(c)
			close(open)
			<-done
			if got, err := c.FindClient(t.Context(), "web"); err != nil || got.Name != "new" {
				t.Errorf("afterwards: %q, %v", got.Name, err)
			}
		})
		t.Run(name+", origins", func(t *testing.T) {
			t.Parallel()
			open, entered := make(chan struct{}), make(chan struct{})
			var current atomic.Bool
			current.Store(true)
			var once sync.Once
			c := client.NewCache(&source{origin: func(context.Context, string) (bool, error) {
				read := current.Load()
				once.Do(func() { close(entered); <-open })
				return read, nil
			}})
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = c.OriginRegistered(t.Context(), "https://a.example")
			}()
			<-entered
			current.Store(false)
			forget(c)
			close(open)
			<-done
			if ok, err := c.OriginRegistered(t.Context(), "https://a.example"); err != nil || ok {
				t.Errorf("afterwards: %v, %v", ok, err)
			}
		})
	}
}

func TestARegisteredOriginStaysOneWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	const mine, other = "https://app.example", "https://evil.example"
	registered, down := true, false
	s := &source{origin: func(_ context.Context, origin string) (bool, error) {
		if down {
			return false, errdefs.ErrUnavailable
		}
		return registered && origin == mine, nil
	}}
	c := client.NewCache(s)
	ask := func(when, origin string, want bool) {
		t.Helper()
		c.ForgetAll() // or what is kept would answer
		if got, _ := c.OriginRegistered(t.Context(), origin); got != want {
			t.Errorf("%s, %s: %v", when, origin, got)
		}
	}
	ask("at first", mine, true)
	ask("at first", other, false)
	down = true
	ask("down", mine, true)
	ask("down", other, false)
	down, registered = false, false
	ask("taken back", mine, false)
	down = true
	ask("taken back, and down again", mine, false)
}

func TestWhatCannotBeAnOriginIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s := &source{origin: func(context.Context, string) (bool, error) { return true, nil }}
	c := client.NewCache(s)
	for _, origin := range []string{"", "null", "https://app.example/", "https://APP.example", "http://app.example", "*", "https://a*.example", "file://"} {
		if ok, err := c.OriginRegistered(t.Context(), origin); ok || err != nil {
			t.Errorf("%q: %v, %v", origin, ok, err)
		}
	}
	if n := s.origins.Load(); n != 0 {
		t.Errorf("%d questions", n)
	}
}
