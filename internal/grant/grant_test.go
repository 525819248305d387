package grant_test

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/grant"
)

func TestARefreshMayAskForLessAndNeverForMore(t *testing.T) {
	t.Parallel()
	g := grant.Grant{Scopes: []string{"openid", "a", "b"}, Audiences: []string{"x", "y"}}
	for _, c := range []struct {
		name            string
		requested, want []string
		ok              bool
	}{
		{"nothing asked is everything granted", nil, g.Scopes, true},
		{"an empty list is nothing asked", []string{}, g.Scopes, true},
		{"less", []string{"a"}, []string{"a"}, true},
		{"all, in another order", []string{"b", "a", "openid"}, []string{"b", "a", "openid"}, true},
		{"more", []string{"a", "c"}, nil, false},
		{"another case", []string{"A"}, nil, false},
		{"a prefix", []string{"open"}, nil, false},
	} {
		if got, ok := g.Narrow(c.requested); ok != c.ok || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, ok)
		}
	}
	if got, ok := g.NarrowAudiences([]string{"y"}); !ok || !slices.Equal(got, []string{"y"}) {
		t.Errorf("audiences: %v, %v", got, ok)
	}
	if _, ok := g.NarrowAudiences([]string{"z"}); ok {
		t.Error("an audience that was not granted passed")
	}
	if _, ok := (grant.Grant{}).Narrow([]string{"a"}); ok {
		t.Error("a scope of nothing passed")
	}
}

func TestAFamilyLivesUntilItExpiresOrIsRevoked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		family grant.Family
		live   bool
	}{
		"before it expires":         {grant.Family{ExpiresAt: now.Add(1)}, true},
		"at the moment it expires":  {grant.Family{ExpiresAt: now}, false},
		"after":                     {grant.Family{ExpiresAt: now.Add(-1)}, false},
		"revoked before it expires": {grant.Family{ExpiresAt: now.Add(time.Hour), RevokedAt: now}, false},
	} {
		if got := c.family.Live(now); got != c.live {
			t.Errorf("%s: %v", name, got)
		}
	}
}
