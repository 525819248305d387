package live

import (
	"testing"
	"time"
)

func TestTokensAreJudgedAllOverTheirLivesAndJustBeforeTheirEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	token := Token{Issued: now, Expires: now.Add(time.Minute)}
	traffic := &Traffic{}
	const tokens = 60
	for range tokens {
		traffic.plan(token)
	}
	if early := traffic.due(now.Add(-time.Second)); len(early) != 0 {
		t.Errorf("%d checks before the token was issued", len(early))
	}
	seconds := map[int]bool{}
	for at := now; at.Before(token.Expires); at = at.Add(time.Second) {
		for _, c := range traffic.due(at) {
			if c.at.Before(now) || c.at.After(at) {
				t.Errorf("a check is due at %v, asked at %v", c.at, at)
			}
			seconds[int(c.at.Sub(now).Seconds())] = true
		}
	}
	if len(seconds) < 55 {
		t.Errorf("checks in %d of 60 seconds", len(seconds))
	}
	last := traffic.due(token.Expires)
	if len(last) < tokens || !last[len(last)-1].at.Equal(token.Expires.Add(-beforeEnd)) {
		t.Errorf("%d checks at the end", len(last))
	}
}
