package jwks

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHealthSaysInWordsHowThingsStand(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	h := Health{
		URL: testURL, Keys: []string{"a", "b"},
		LoadedAt: at, FreshUntil: at.Add(5 * time.Minute), UsableUntil: at.Add(24 * time.Hour),
	}
	down := errors.New("connection refused")
	with := func(s State, disk bool, err error) Health {
		h := h
		h.State, h.FromDisk, h.Err = s, disk, err
		return h
	}
	tests := []struct {
		health Health
		ok     bool
		want   []string
	}{
		{Health{URL: testURL}, false, []string{"no keys were ever loaded", testURL, "no token can be accepted", "no fetch has ended"}},
		{Health{URL: testURL, Err: down}, false, []string{"no keys were ever loaded", "connection refused"}},
		{with(Fresh, false, nil), true, []string{"2 keys", "fresh until 2026-11-21T12:05:00Z"}},
		{with(Fresh, true, down), true, []string{"2 keys from the copy on disk", "the latest fetch failed: connection refused"}},
		{with(Stale, false, down), true, []string{"stale", "still used until 2026-11-22T12:00:00Z", "connection refused"}},
		{with(Expired, false, down), false, []string{"too old since 2026-11-22T12:00:00Z", "no token can be accepted", "connection refused"}},
	}
	for _, tt := range tests {
		if tt.health.OK() != tt.ok {
			t.Errorf("%v: OK is %v", tt.health, tt.health.OK())
		}
		if got := tt.health.String(); !containsAll(got, tt.want...) {
			t.Errorf("%q does not say all of %q", got, tt.want)
		}
		if got := tt.health.String(); strings.Contains(got, "%!") || strings.Contains(got, "<nil>") {
			t.Errorf("%q", got)
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	t.Parallel()
	for s, want := range map[State]string{
		Never: "never loaded", Fresh: "fresh", Stale: "stale", Expired: "expired", State(9): "State(9)",
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

func TestHealthBeforeAnythingWasLoaded(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	i.delay = time.Second
	still(t, i, nil, func(t *testing.T, s *Set) {
		if h := settled(s); h.State != Never || h.OK() || h.Err != nil || !h.LoadedAt.IsZero() || h.Keys != nil {
			t.Errorf("health %+v", h)
		}
		time.Sleep(time.Second)
		if h := settled(s); h.State != Fresh || h.URL != testURL {
			t.Errorf("health %+v", h)
		}
	})
}

func TestHealthCannotChangeTheSet(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	still(t, i, nil, func(t *testing.T, s *Set) {
		settled(s).Keys[0] = "changed"
		if h := s.Health(); h.Keys[0] != "a" {
			t.Errorf("kids %q", h.Keys)
		}
	})
}
