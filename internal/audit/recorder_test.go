package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
)

// sink keeps the size of each batch and the actions in order. answer, if set, may refuse.
type sink struct {
	mu      sync.Mutex
	batches []int
	events  []audit.Event
	answer  func(context.Context) error
}

func (s *sink) Append(ctx context.Context, events []audit.Event) error {
	if s.answer != nil {
		if err := s.answer(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(events))
	s.events = append(s.events, events...)
	return nil
}

func (s *sink) stored() (batches []int, tokens []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		tokens = append(tokens, e.TokenID)
	}
	return slices.Clone(s.batches), tokens
}

func nobody(context.Context) (string, string) { return "192.0.2.1", "req-1" }

// lines counts the log lines that hold all of what.
func lines(log string, what ...string) (n int) {
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(what, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

func TestEventsAreWrittenTogetherAfterAMomentAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
		defer r.Close()
		for i := range 3 {
			r.Record(t.Context(), audit.Event{TokenID: fmt.Sprint(i)})
		}
		synctest.Wait()
		if batches, _ := s.stored(); len(batches) != 0 {
			t.Fatalf("written at once: %v", batches)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if batches, tokens := s.stored(); !slices.Equal(batches, []int{3}) || !slices.Equal(tokens, []string{"0", "1", "2"}) {
			t.Errorf("batches %v, tokens %v", batches, tokens)
		}
	})
}

func TestAFullBatchDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
		defer r.Close()
		for range 600 {
			r.Record(t.Context(), audit.Event{})
		}
		synctest.Wait()
		if batches, _ := s.stored(); !slices.Equal(batches, []int{512}) {
			t.Errorf("before any time has passed: %v", batches)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if batches, _ := s.stored(); !slices.Equal(batches, []int{512, 88}) {
			t.Errorf("a moment later: %v", batches)
		}
	})
}

func TestClosingWritesWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := &sink{}
	r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
	for range 1000 {
		r.Record(t.Context(), audit.Event{})
	}
	r.Close()
	r.Close() // a second time does nothing
	if _, tokens := s.stored(); len(tokens) != 1000 {
		t.Errorf("%d of 1000 were written", len(tokens))
	}
}

func TestAnEventThatFindsTheQueueFullGoesToTheLogAndNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		open := make(chan struct{})
		s := &sink{answer: func(context.Context) error { <-open; return nil }}
		r := audit.NewRecorder(s, slog.New(slog.NewJSONHandler(&log, nil)), nobody)
		const all = 20_000
		for i := range all {
			r.Record(t.Context(), audit.Event{TokenID: fmt.Sprintf("jti-%d.", i)})
			if i == 1000 {
				synctest.Wait() // the first batch is on its way and stands still
			}
		}
		close(open)
		r.Close()
		_, stored := s.stored()
		logged := lines(log.String(), "queue is full", "jti-")
		if logged == 0 || len(stored)+logged != all {
			t.Errorf("%d stored and %d logged of %d", len(stored), logged, all)
		}
		if lines(log.String(), `"jti-19999."`) != 1 {
			t.Error("the last event is not in the log")
		}
	})
}

func TestAnEventThatTheStoreRefusesGoesToTheLogInFull(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &sink{answer: func(context.Context) error { return errors.New("database is down") }}
	r := audit.NewRecorder(s, slog.New(slog.NewJSONHandler(&log, nil)), nobody)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	e := audit.Event{
		At: now, Action: audit.TokenIssued, Tenant: id.NewTenant(now), User: id.NewUser(now), Client: "web", Session: id.NewSession(now),
		Grant: id.NewGrant(now), TokenID: "jti-1", Detail: map[string]string{"grant_type": "refresh_token"},
	}
	r.Record(t.Context(), e)
	r.Close()
	if lines(log.String(), "database is down", string(e.Action), e.Tenant.String(), e.User.String(), `"web"`, e.Session.String(),
		e.Grant.String(), "jti-1", "refresh_token", "192.0.2.1", "req-1", "2026-11-21T12:00:00Z") != 1 {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestAStoreThatDoesNotAnswerIsGivenUpOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &sink{answer: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		r := audit.NewRecorder(s, slog.New(slog.NewJSONHandler(&log, nil)), nobody)
		began := time.Now()
		r.Record(t.Context(), audit.Event{TokenID: "jti-1"})
		r.Close()
		if took := time.Since(began); took > 10*time.Second || lines(log.String(), "jti-1") != 1 {
			t.Errorf("after %v, log:\n%s", took, log.String())
		}
	})
}

func TestWritingWaitsForTheStoreAndSaysWhenItFails(t *testing.T) {
	t.Parallel()
	s := &sink{}
	r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
	defer r.Close()
	if err := r.Write(t.Context(), audit.Event{Action: audit.SignedIn}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	if len(s.events) != 1 || s.events[0].Address != "192.0.2.1" || s.events[0].RequestID != "req-1" {
		t.Errorf("%+v", s.events)
	}
	s.mu.Unlock()
	down := errors.New("database is down")
	s.answer = func(context.Context) error { return down }
	if err := r.Write(t.Context(), audit.Event{}); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

func TestACallerThatTheEventNamesIsKept(t *testing.T) {
	t.Parallel()
	s := &sink{}
	r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
	r.Record(t.Context(), audit.Event{Address: "198.51.100.7", RequestID: "mine"})
	r.Close()
	if len(s.events) != 1 || s.events[0].Address != "198.51.100.7" || s.events[0].RequestID != "mine" {
		t.Errorf("%+v", s.events)
	}
}

func TestAShutdownAsksAStoreThatFailsOnlyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &sink{answer: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		r := audit.NewRecorder(s, slog.New(slog.NewJSONHandler(&log, nil)), nobody)
		const all = 5000
		for range all {
			r.Record(t.Context(), audit.Event{TokenID: "jti-1"})
		}
		began := time.Now()
		r.Close()
		if took := time.Since(began); took > 11*time.Second || lines(log.String(), "jti-1") != all {
			t.Errorf("after %v, %d of %d in the log", took, lines(log.String(), "jti-1"), all)
		}
	})
}

func TestACallerWhoHangsUpLeavesATrace(t *testing.T) {
	t.Parallel()
	s := &sink{answer: func(ctx context.Context) error { return ctx.Err() }}
	r := audit.NewRecorder(s, slog.New(slog.DiscardHandler), nobody)
	defer r.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if err := r.Write(ctx, audit.Event{Action: audit.SignInFailed}); err != nil {
		t.Error(err)
	}
}

func TestAnEventThatComesAfterTheCloseGoesToTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &sink{}
	r := audit.NewRecorder(s, slog.New(slog.NewTextHandler(&log, nil)), nobody)
	r.Close()
	r.Close() // once more does no harm
	r.Record(t.Context(), audit.Event{Action: audit.TokenIssued, TokenID: "late"})
	if n := lines(log.String(), "token.issued", "late", "recorder is closed"); n != 1 {
		t.Errorf("the log has %d lines of it: %s", n, log.String())
	}
	if _, tokens := s.stored(); len(tokens) != 0 {
		t.Errorf("stored %v", tokens)
	}
}
