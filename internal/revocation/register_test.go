package revocation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/replica"
	"github.com/signet-id/signet/internal/revocation"
)

// shelf is a store that remembers whether it was asked.
type shelf struct {
	live  []revocation.Cutoff
	void  bool
	err   error
	asked int
}

func (s *shelf) Void(context.Context, string, string, string) (bool, error) {
	s.asked++
	return s.void, s.err
}

func (s *shelf) Live(_ context.Context, each func(revocation.Cutoff)) error {
	for _, c := range s.live {
		each(c)
	}
	return s.err
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a register whose clock stands at noon plus after.
type world struct {
	*revocation.Register
	replica.Announcements
	store *shelf
	after time.Duration
}

func newWorld(live ...revocation.Cutoff) *world {
	w := &world{store: &shelf{live: live}}
	w.Register = revocation.NewRegister(w.store, &w.Announcements, func() time.Time { return noon.Add(w.after) })
	return w
}

// check asks about a token and says what came of it: void or good, from memory or the store.
func (w *world) check(t *testing.T, grant, session, token string) string {
	t.Helper()
	before := w.store.asked
	void, err := w.Void(t.Context(), grant, session, token)
	switch asked := w.store.asked > before; {
	case err != nil:
		return "error"
	case asked && void:
		return "void, says the store"
	case asked:
		return "good, says the store"
	case void:
		return "void"
	}
	return "good"
}

func TestAnUpToDateRegisterAnswersWithoutTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(
		revocation.Cutoff{Kind: revocation.Grant, Subject: "g", ExpiresAt: noon.Add(time.Hour)},
		revocation.Cutoff{Kind: revocation.Session, Subject: "s", ExpiresAt: noon.Add(time.Hour)})
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Confirm(noon)
	w.Note(revocation.Cutoff{Kind: revocation.Token, Subject: "j", ExpiresAt: noon.Add(time.Hour)})
	for _, c := range []struct{ grant, session, token, want string }{
		{"g", "", "", "void"}, {"", "s", "", "void"}, {"", "", "j", "void"},
		{"g2", "s2", "j2", "good"}, {"", "", "", "good"},
		{"s", "j", "g", "good"}, // a subject of one kind means nothing as another
		{"g2", "s", "j2", "void"},
	} {
		if got := w.check(t, c.grant, c.session, c.token); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestTheStoreIsAskedWhenTheRegisterMayMissSomething(t *testing.T) {
	t.Parallel()
	w := newWorld()
	step := func(what, want string) {
		t.Helper()
		if got := w.check(t, "g", "s", "j"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	step("before the first load", "good, says the store")
	w.Confirm(noon)
	step("just confirmed", "good")
	w.after = replica.Freshness
	step("as old as may be", "good")
	w.after++
	step("too old", "good, says the store")
	w.store.void = true
	step("too old, and the store knows more", "void, says the store")
	w.Confirm(noon.Add(w.after))
	w.after -= time.Minute
	step("a clock that was set back", "void, says the store")
	w.after += time.Minute
	w.Lost()
	step("announcements lost", "void, says the store")
	w.store.err = errors.New("down")
	step("announcements lost and the store down", "error")
	w.Note(revocation.Cutoff{Kind: revocation.Session, Subject: "s", ExpiresAt: noon.Add(time.Hour)})
	step("what is known stays true", "void")
}

func TestACutoffLoadedWhileATokenIsJudgedIsNotMissed(t *testing.T) {
	t.Parallel()
	var heard replica.Announcements
	var r *revocation.Register
	r = revocation.NewRegister(&shelf{void: true}, &heard, func() time.Time {
		// The connection comes back at this very moment, after an hour without.
		r.Note(revocation.Cutoff{Kind: revocation.Grant, Subject: "g", ExpiresAt: noon.Add(time.Hour)})
		heard.Confirm(noon)
		return noon
	})
	if void, err := r.Void(t.Context(), "g", "", ""); !void || err != nil {
		t.Errorf("%t, %v", void, err)
	}
}

func TestPurgingDropsOnlyWhatCanConcernNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.Note(revocation.Cutoff{Kind: revocation.Token, Subject: "old", ExpiresAt: noon.Add(-2 * time.Hour)})
	w.Note(revocation.Cutoff{Kind: revocation.Token, Subject: "just expired", ExpiresAt: noon.Add(-time.Minute)})
	w.Note(revocation.Cutoff{Kind: revocation.Token, Subject: "live", ExpiresAt: noon.Add(time.Hour)})
	w.Note(revocation.Cutoff{Kind: revocation.Token, Subject: "live", ExpiresAt: noon.Add(-9 * time.Hour)}) // never shortened
	w.Purge(noon)
	w.Confirm(noon)
	for subject, want := range map[string]string{"old": "good", "just expired": "void", "live": "void"} {
		if got := w.check(t, "", "", subject); got != want {
			t.Errorf("%s: %s", subject, got)
		}
	}
	if w.Len() != 2 {
		t.Errorf("%d cutoffs held", w.Len())
	}
}
