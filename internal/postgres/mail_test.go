package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
)

func enqueue(t *testing.T, w *world, n int) []mail.Sealed {
	t.Helper()
	var out []mail.Sealed
	for range n {
		m := mail.Sealed{ID: id.NewUUID(time.Now()), Body: []byte("sealed")}
		must(t, w.Mail().Enqueue(t.Context(), m))
		out = append(out, m)
	}
	return out
}

func TestReplicasThatClaimAtOnceNeverGetTheSameMessage(t *testing.T) {
	t.Parallel()
	w := build(t)
	sent := enqueue(t, w, 24)
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[[16]byte]int{}
	for range 4 {
		wg.Go(func() {
			for {
				got, err := w.Mail().Claim(t.Context(), 5, time.Hour)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, m := range got {
					seen[m.ID]++
				}
				done := len(seen) == len(sent) || t.Failed()
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, m := range sent {
		if seen[m.ID] != 1 {
			t.Errorf("a message was claimed %d times", seen[m.ID])
		}
	}
}

func TestAClaimedMessageIsDueAgainOnceItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	w := build(t)
	enqueue(t, w, 1)
	first := claim(t, w, 0) // a lease that is over at once
	if first.Attempt != 1 || string(first.Body) != "sealed" || first.QueuedAt.IsZero() {
		t.Errorf("claimed %+v", first)
	}
	second := claim(t, w, time.Hour)
	if second.Attempt != 2 || second.ID != first.ID {
		t.Errorf("claimed %+v", second)
	}
	none(t, w)

	// Who came first has lost it: what it says now does not count.
	must(t, w.Mail().Postpone(t.Context(), first, 0, "late"))
	must(t, w.Mail().Release(t.Context(), first))
	none(t, w)

	must(t, w.Mail().Release(t.Context(), second))
	if again := claim(t, w, 0); again.Attempt != 2 {
		t.Errorf("a released message counts its attempt: %d", again.Attempt)
	}
	must(t, w.Mail().Postpone(t.Context(), claim(t, w, time.Hour), time.Hour, "no answer"))
	none(t, w)
	if waiting, oldest, err := w.Mail().Queue(t.Context()); err != nil || waiting != 1 || oldest <= 0 {
		t.Errorf("queue: %d, %s, %v", waiting, oldest, err)
	}
}

func TestASentMessageIsForgottenAndOneGivenUpIsOnRecord(t *testing.T) {
	t.Parallel()
	w := build(t)
	enqueue(t, w, 2)
	must(t, w.Mail().Sent(t.Context(), claim(t, w, time.Hour)))
	lost := claim(t, w, time.Hour)
	event := audit.Event{At: time.Now(), Action: audit.MailUndelivered, Target: "inv_1", Detail: map[string]string{"kind": "invitation"}}
	for range 2 { // the second finds it gone and records nothing
		must(t, w.Mail().GiveUp(t.Context(), lost, event))
	}
	if waiting, oldest, err := w.Mail().Queue(t.Context()); err != nil || waiting != 0 || oldest != 0 {
		t.Errorf("queue: %d, %s, %v", waiting, oldest, err)
	}
	var n int
	must(t, w.conn.QueryRow(t.Context(), "SELECT count(*) FROM audit_event WHERE action = 'mail.undelivered' AND target = 'inv_1'").Scan(&n))
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

func claim(t *testing.T, w *world, lease time.Duration) mail.Claimed {
	t.Helper()
	got, err := w.Mail().Claim(t.Context(), 1, lease)
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("claimed %d messages", len(got))
	}
	return got[0]
}

func none(t *testing.T, w *world) {
	t.Helper()
	if got, err := w.Mail().Claim(t.Context(), 9, time.Hour); err != nil || len(got) != 0 {
		t.Errorf("claimed %v, %v; want nothing", got, err)
	}
}
