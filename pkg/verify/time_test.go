package verify_test

import (
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	const leeway = time.Minute
	at := func(d time.Duration) float64 { return float64(t0.UnixNano()+int64(d)) / 1e9 }
	second := func(d time.Duration) int64 { return t0.Add(d).Unix() }
	for _, c := range []struct {
		name    string
		changes map[string]any
		want    error
	}{
		{"expired by the leeway", map[string]any{"exp": second(-leeway)}, verify.ErrExpired},
		{"expired by a second less than the leeway", map[string]any{"exp": second(-leeway + time.Second)}, nil},
		{"expired by half a second less than the leeway", map[string]any{"exp": at(-leeway + time.Second/2)}, nil},
		{"expired for a year", map[string]any{"exp": second(-365 * 24 * time.Hour)}, verify.ErrExpired},
		{"expired in 1970", map[string]any{"exp": 0}, verify.ErrExpired},
		{"good until the year 9999", map[string]any{"exp": int64(253402300799)}, nil},
		{"issued later by the leeway", map[string]any{"iat": second(leeway)}, nil},
		{"issued later by a second more than the leeway", map[string]any{"iat": second(leeway + time.Second)}, verify.ErrNotYetValid},
		{"issued later by half a second more than the leeway", map[string]any{"iat": at(leeway + time.Second/2)}, verify.ErrNotYetValid},
		{"issued in 1970", map[string]any{"iat": 0}, nil},
		{"not before the leeway is over", map[string]any{"nbf": second(leeway)}, nil},
		{"not before a second after that", map[string]any{"nbf": second(leeway + time.Second)}, verify.ErrNotYetValid},
		{"not before 1970", map[string]any{"nbf": 0}, nil},
		{"without nbf", map[string]any{"nbf": nil}, nil},
		{"expired and not yet valid", map[string]any{"exp": second(-time.Hour), "nbf": second(time.Hour)}, verify.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := build(t, func(c *verify.Config) { c.Leeway = leeway })
			token := mint(t, pairs()[keys.EdDSA], c.changes)
			for range 2 {
				_, err := v.Verify(t.Context(), token)
				refused(t, err, c.want)
			}
		})
	}
}

func TestTheDefaultLeewayIsThirtySeconds(t *testing.T) {
	t.Parallel()
	v := build(t, nil)
	for shift, want := range map[time.Duration]error{-29 * time.Second: nil, -30 * time.Second: verify.ErrExpired} {
		_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{"exp": t0.Add(shift).Unix()}))
		refused(t, err, want)
	}
}

// A token that is remembered is judged by the clock of each call, whichever way that jumps.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	now := &clock{t: t0}
	v := build(t, func(c *verify.Config) { c.Now = now.Now })
	token := mint(t, pairs()[keys.ES256], map[string]any{"nbf": t0.Unix()})
	for _, step := range []struct {
		name string
		at   time.Time
		want error
	}{
		{"first seen", t0, nil},
		{"an hour back, before it was issued", t0.Add(-time.Hour), verify.ErrNotYetValid},
		{"right again", t0.Add(time.Second), nil},
		{"a day forward, after its expiry", t0.Add(24 * time.Hour), verify.ErrExpired},
		{"back into its life", t0.Add(time.Minute), nil},
		{"to the last instant", t0.Add(time.Hour + verify.DefaultLeeway - 1), nil},
		{"one more nanosecond", t0.Add(time.Hour + verify.DefaultLeeway), verify.ErrExpired},
		{"to 1970", time.Unix(0, 0), verify.ErrNotYetValid},
		{"to the zero time", time.Time{}, verify.ErrNotYetValid},
		{"to the far future", time.Unix(1<<40, 0), verify.ErrExpired},
	} {
		now.Set(step.at)
		_, err := v.Verify(t.Context(), token)
		if refused(t, err, step.want); t.Failed() {
			t.Fatal(step.name)
		}
	}
}
