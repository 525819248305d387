package keyring_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// former are the keys that releases before rotation made, some time ago: one that signs and one that
// is published, and no word of when it takes over.
func (w *world) former(t *testing.T, ago time.Duration) (active, next string) {
	t.Helper()
	var kids []string
	w.change(func(m *memory) {
		for i := range 2 {
			k, private, err := keys.Generate(keys.ES256, nil)
			if err != nil {
				t.Fatal(err)
			}
			k.CreatedAt = time.Now().Add(-ago)
			if k.PublishedAt = k.CreatedAt; i == 0 {
				k.ActivatedAt, k.MaxExpiry = k.CreatedAt, time.Now().Add(time.Hour)
			}
			row, err := keyring.SealKey(w.envelope, k, private)
			if err != nil {
				t.Fatal(err)
			}
			m.keys, kids = append(m.keys, row), append(kids, k.ID)
		}
		root, err := keyring.SealRoot(w.envelope, 1, time.Now().Add(-ago))
		if err != nil {
			t.Fatal(err)
		}
		m.secrets = append(m.secrets, root)
	})
	return kids[0], kids[1]
}

// previous is what a replica of such a release makes of the store: which key it signs with and which it
// publishes. It knows neither theft nor custodians, and a row that it cannot open keeps it from loading
// and from starting.
func (w *world) previous(t *testing.T) (signs string, publishes map[string]bool) {
	t.Helper()
	reached := func(at time.Time) bool { return !at.IsZero() && !time.Now().Before(at) }
	publishes = make(map[string]bool)
	w.change(func(m *memory) {
		var since time.Time
		for _, k := range m.keys {
			if reached(k.RemovedAt) {
				continue
			}
			if _, err := w.envelope.Open(k.Sealed, envelope.Identity("signing-key", k.KID)); err != nil {
				t.Errorf("the release before cannot open %s: %v", k.KID, err)
			}
			publishes[k.KID] = reached(k.PublishedAt)
			if reached(k.ActivatedAt) && !reached(k.RetiredAt) && k.ActivatedAt.After(since) {
				signs, since = k.KID, k.ActivatedAt
			}
		}
	})
	return signs, publishes
}

// TestAnInstallationOfTheReleaseBefore: its keys rotate from the first start on, and a replica of the
// release before, which runs beside the new one for the time of an upgrade, follows.
func TestAnInstallationOfTheReleaseBefore(t *testing.T) {
	for name, c := range map[string]struct{ age, due time.Duration }{
		"overdue by months":    {150 * day, 0},
		"in its first period":  {5 * day, 25 * day},
		"an hour old":          {time.Hour, 30*day - time.Hour},
		"overdue by a second":  {30*day + time.Second, 0},
		"due in ten seconds":   {30*day - 10*time.Second, 10 * time.Second},
		"due within the delay": {30*day - time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				active, next := w.former(t, c.age)
				if signs, publishes := w.previous(t); signs != active || !publishes[next] {
					t.Fatalf("%s signs, published are %v", signs, publishes)
				}
				r := w.start(t, 0)
				agree := func(want string) string {
					t.Helper()
					token := sign(t, r.Ring, keys.ES256, time.Now().Add(time.Hour))
					signs, publishes := w.previous(t)
					if got := kidOf(t, token); got != want || signs != want {
						t.Errorf("%s signs, in the release before %s; it should be %s", got, signs, want)
					}
					for _, kid := range published(t, r.Ring) {
						if !publishes[kid] {
							t.Errorf("the release before does not publish %s", kid)
						}
					}
					return token
				}
				if c.due > 0 {
					pass(c.due - time.Second)
					agree(active)
					pass(time.Second)
				}
				agree(next)
				if n := len(published(t, r.Ring)); n != 3 {
					t.Errorf("%d keys are published, not the former, the present and the next one", n)
				}
				// A replica of the release before that hears nothing asks once a minute. What it signs until
				// then lives for an hour, and is good as long.
				late := w.removal(t, active)
				pass(time.Minute + time.Hour)
				if late.Before(time.Now()) {
					t.Errorf("the former key is removed at %v, before what it signed expires", late)
				}
				pass(10 * day)
				if _, publishes := w.previous(t); publishes[active] || len(publishes) != 2 {
					t.Errorf("published are %v; the first key should be gone", publishes)
				}
				agree(next)
				pass(21 * day)
				if signs, _ := w.previous(t); signs == next || signs == active {
					t.Error("keys do not rotate")
				}
			})
		})
	}
}

// removal returns when the key is removed, as is planned soon after it retired.
func (w *world) removal(t *testing.T, kid string) (at time.Time) {
	t.Helper()
	pass(time.Minute) // it is planned once no replica signs with it
	err := errors.New("no such key")
	w.change(func(m *memory) {
		for _, k := range m.keys {
			if k.KID == kid && !k.RemovedAt.IsZero() {
				at, err = k.RemovedAt, nil
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	return at
}
