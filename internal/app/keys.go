package app

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/telemetry"
	"github.com/signet-id/signet/keys"
)

// maxKeyAge is for how long a replica counts as ready that does not load the keys.
const maxKeyAge = 5 * time.Minute

// checkKeys fails for a replica that could not sign, or soon cannot. Damage is no reason to take it out:
// others are no better off.
func checkKeys(s keyring.Status) error {
	if age := s.Now.Sub(s.LoadedAt); age > maxKeyAge || !s.Leased {
		return fmt.Errorf("signing keys were last loaded %s ago", age.Round(time.Second))
	}
	return nil
}

// countSteps notes what this replica does with the keys; the audit log has what became of each.
func countSteps(m *telemetry.Metrics, log *slog.Logger) func(keys.Step, keys.Algorithm) {
	return func(step keys.Step, alg keys.Algorithm) {
		m.KeyStep(string(step))
		log.Info("keys rotate", "step", string(step), "alg", string(alg))
	}
}

// signingKeys is the status of the keys as numbers.
func signingKeys(s keyring.Status) telemetry.SigningKeys {
	out := telemetry.SigningKeys{LoadedAge: s.Now.Sub(s.LoadedAt), ClockOffset: s.ClockOffset}
	for _, k := range s.Keys {
		if k.Damage != nil {
			out.Damaged++
		}
		if state := k.State(s.Now); state != keys.Removed {
			out.Keys = append(out.Keys, telemetry.SigningKey{KID: k.ID, Alg: string(k.Algorithm), State: string(state)})
		}
	}
	for _, alg := range s.Algorithms() {
		ring := s.Ring(alg)
		r := telemetry.SigningRing{Alg: string(alg), Next: map[string]time.Duration{}, Overdue: s.Overdue(alg) != ""}
		for _, k := range ring {
			if age := s.Now.Sub(k.ActivatedAt); k.CanSign(s.Now) && (r.Age == 0 || age < r.Age) {
				r.Age = max(age, time.Nanosecond)
			}
		}
		for _, e := range keys.Upcoming(ring, s.Now) {
			if _, sooner := r.Next[string(e.State)]; !sooner && (e.State == keys.Active || e.State == keys.Removed) {
				r.Next[string(e.State)] = e.At.Sub(s.Now)
			}
		}
		out.Rings = append(out.Rings, r)
	}
	return out
}

// allKeys is for those who want to know which sets of keys were published.
func allKeys(ring *keyring.Ring) func() []keys.Key {
	return func() []keys.Key { return ring.Status().All() }
}
