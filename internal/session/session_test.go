package session_test

import (
	"testing"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/session"
)

var (
	noon      = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	lifetimes = session.Lifetimes{Idle: 2 * time.Hour, Absolute: 8 * time.Hour}
)

func TestASessionSatisfiesWhatARequestDemands(t *testing.T) {
	t.Parallel()
	const none = -time.Second
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, c := range []struct {
		name     string
		signedIn time.Time
		demand   session.Demand // Since is noon
		now      time.Time
		want     bool
	}{
		{"no demand and signed in long ago", at(-time.Hour), session.Demand{MaxAge: none}, noon, true},
		{"no demand, at the last moment of the session", at(-time.Hour), session.Demand{MaxAge: none}, at(time.Hour - 1), true},
		{"no demand, at the moment the session expires", at(-time.Hour), session.Demand{MaxAge: none}, at(time.Hour), false},

		{"max_age not reached", at(-time.Minute), session.Demand{MaxAge: 61 * time.Second}, noon, true},
		{"max_age reached to the instant", at(-time.Minute), session.Demand{MaxAge: time.Minute}, noon, true},
		{"max_age passed by a nanosecond", at(-time.Minute), session.Demand{MaxAge: time.Minute}, at(1), false},
		{"max_age passed while the person settles other steps", at(time.Second), session.Demand{MaxAge: time.Second}, at(time.Minute), true},

		{"max_age=0 and signed in before the request", at(-1), session.Demand{}, noon, false},
		{"max_age=0 and signed in at the instant of the request", noon, session.Demand{}, noon, true},
		{"max_age=0 and signed in after the request", at(time.Second), session.Demand{}, at(time.Minute), true},
		{"max_age=0 and the clock went backwards", at(-1), session.Demand{}, at(-2), false},

		{"prompt=login and signed in before the request", at(-1), session.Demand{MaxAge: none, Login: true}, noon, false},
		{"prompt=login and signed in at the instant of the request", noon, session.Demand{MaxAge: none, Login: true}, noon, true},
		{"prompt=login and signed in after the request", at(time.Second), session.Demand{MaxAge: none, Login: true}, at(time.Minute), true},
		{"prompt=login with a max_age that an old sign-in meets", at(-1), session.Demand{MaxAge: time.Hour, Login: true}, noon, false},
		{"prompt=login after the request in an expired session", at(time.Second), session.Demand{MaxAge: none, Login: true}, at(3 * time.Hour), false},

		{"an acr that is voluntary and not reached", at(-time.Hour), session.Demand{MaxAge: none, ACRValues: []string{"urn:other"}}, noon, true},
	} {
		c.demand.Since = noon
		s := session.New(id.NewUser(noon), c.signedIn, lifetimes)
		if got := s.Satisfies(c.demand, c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTheZeroSessionSatisfiesNothing(t *testing.T) {
	t.Parallel()
	if (session.Session{}).Satisfies(session.Demand{MaxAge: -1}, noon) {
		t.Error("satisfied")
	}
}

func TestUseMovesTheIdleExpiryNeverBeyondTheAbsoluteOne(t *testing.T) {
	t.Parallel()
	s := session.New(id.NewUser(noon), noon, lifetimes)
	if !s.ExpiresAt.Equal(noon.Add(2*time.Hour)) || !s.AbsoluteExpiry.Equal(noon.Add(8*time.Hour)) {
		t.Fatalf("new: %v, %v", s.ExpiresAt, s.AbsoluteExpiry)
	}
	for now, want := range map[time.Duration]time.Duration{
		time.Hour: 3 * time.Hour, 6 * time.Hour: 8 * time.Hour, 7 * time.Hour: 8 * time.Hour,
	} {
		used := s.Used(noon.Add(now), lifetimes)
		if !used.ExpiresAt.Equal(noon.Add(want)) || !used.AbsoluteExpiry.Equal(s.AbsoluteExpiry) || !used.AuthenticatedAt.Equal(noon) {
			t.Errorf("used after %v: expires %v, at most %v, authenticated %v", now, used.ExpiresAt, used.AbsoluteExpiry, used.AuthenticatedAt)
		}
	}
	if long := session.New(s.User, noon, session.Lifetimes{Idle: 9 * time.Hour, Absolute: time.Hour}); !long.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("an idle lifetime beyond the absolute one gives %v", long.ExpiresAt)
	}
}

func TestProvingOneselfAgainStartsTheLifetimesAnewInTheSameSession(t *testing.T) {
	t.Parallel()
	s := session.New(id.NewUser(noon), noon, lifetimes)
	later := noon.Add(7 * time.Hour)
	r := s.Reauthenticated(later, lifetimes)
	if r.ID != s.ID || r.User != s.User || !r.CreatedAt.Equal(noon) {
		t.Error("not the same session")
	}
	if !r.AuthenticatedAt.Equal(later) || !r.AbsoluteExpiry.Equal(later.Add(8*time.Hour)) || !r.ExpiresAt.Equal(later.Add(2*time.Hour)) {
		t.Errorf("%+v", r)
	}
}

func TestASessionRestsOnTheLastProofAlone(t *testing.T) {
	t.Parallel()
	through := session.Upstream{Connector: id.NewConnector(noon), Identity: id.NewIdentity(noon), SID: "s"}
	earlier := noon.Add(-time.Hour)
	s := session.New(id.NewUser(noon), noon, lifetimes)
	s.ProvenBy = noon
	s = s.Via(through, earlier)
	if s.ACR != session.ACRUpstream || s.AMR[0] != session.AMRUpstream || s.Through != through || !s.AuthenticatedAt.Equal(earlier) || !s.ProvenBy.IsZero() {
		t.Errorf("%+v", s)
	}
	if !s.ExpiresAt.Equal(noon.Add(lifetimes.Idle)) {
		t.Errorf("it lives until %v", s.ExpiresAt)
	}
	// What let somebody in before does not count for whoever knows the password.
	s = s.Reauthenticated(noon.Add(time.Minute), lifetimes)
	if s.ACR != session.ACRPassword || s.AMR[0] != session.AMRPassword || s.Through != (session.Upstream{}) {
		t.Errorf("%+v", s)
	}
}
