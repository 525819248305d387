package connector_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// shelf is a store that counts the questions.
type shelf struct {
	asked      map[string]int
	connectors map[string]connector.Connector
	realms     map[string]connector.Realm
	down       error
}

func newShelf() *shelf {
	return &shelf{asked: map[string]int{}, connectors: map[string]connector.Connector{}, realms: map[string]connector.Realm{}}
}

func (s *shelf) FindConnector(_ context.Context, reference string) (connector.Connector, error) {
	s.asked["connector"]++
	c, ok := s.connectors[reference]
	if !ok {
		return c, errors.Join(errdefs.ErrNotFound, s.down)
	}
	return c, s.down
}

func (s *shelf) ListConnectors(_ context.Context, tenant id.Tenant) ([]connector.Connector, error) {
	s.asked["list"]++
	var out []connector.Connector
	for _, c := range s.connectors {
		if c.Joins == tenant {
			out = append(out, c)
		}
	}
	return out, s.down
}

func (s *shelf) FindRealm(_ context.Context, domain string) (connector.Realm, error) {
	s.asked["realm"]++
	r, ok := s.realms[domain]
	if !ok && s.down == nil {
		return r, fmt.Errorf("realm: %w", errdefs.ErrNotFound)
	}
	return r, s.down
}

func (s *shelf) HasRealms(context.Context) (bool, error) {
	s.asked["any"]++
	return len(s.realms) > 0, s.down
}

func TestConnectorsAndRealmsAreAskedForOnceUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	acme := id.NewTenant(time.Now())
	s := newShelf()
	s.connectors["acme.okta"] = connector.Connector{Reference: "acme.okta", Joins: acme}
	s.realms["acme.example"] = connector.Realm{Domain: "acme.example", Tenant: acme}
	c := connector.NewCache(s)
	ask := func() {
		t.Helper()
		if got, err := c.FindConnector(t.Context(), "acme.okta"); err != nil || got.Reference != "acme.okta" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := c.ListConnectors(t.Context(), acme); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := c.ListConnectors(t.Context(), id.Tenant{}); err != nil || len(got) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := c.FindRealm(t.Context(), "acme.example"); err != nil || got.Tenant != acme {
			t.Errorf("%+v, %v", got, err)
		}
		for range 3 {
			if _, err := c.FindRealm(t.Context(), "nobody.example"); !errors.Is(err, errdefs.ErrNotFound) {
				t.Error(err)
			}
		}
	}
	for n, step := range []struct {
		do   func()
		want map[string]int
	}{
		{func() {}, map[string]int{"connector": 1, "list": 2, "realm": 2, "any": 1}},
		{func() {}, map[string]int{"connector": 1, "list": 2, "realm": 2, "any": 1}},
		{c.ForgetAll, map[string]int{"connector": 2, "list": 4, "realm": 4, "any": 2}},
	} {
		step.do()
		ask()
		if fmt.Sprint(s.asked) != fmt.Sprint(step.want) {
			t.Errorf("step %d: %v, want %v", n, s.asked, step.want)
		}
	}
}

func TestWhereNobodyHasProvenADomainNoneIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newShelf()
	c := connector.NewCache(s)
	for n := range 100 {
		if _, err := c.FindRealm(t.Context(), fmt.Sprintf("d%d.example", n)); !errors.Is(err, errdefs.ErrNotFound) {
			t.Error(err)
		}
	}
	if s.asked["realm"] != 0 || s.asked["any"] != 1 {
		t.Errorf("%v", s.asked)
	}
}

func TestWhatCannotNameAnythingIsNoQuestion(t *testing.T) {
	t.Parallel()
	s := newShelf()
	s.realms["acme.example"] = connector.Realm{}
	c := connector.NewCache(s)
	for _, bad := range []string{"", "..", "A", "a.b.c", "a b", "acme.Example", "acme/example"} {
		if _, err := c.FindConnector(t.Context(), bad); !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("connector %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "localhost", "ACME.example", " acme.example", "127.0.0.1"} {
		if _, err := c.FindRealm(t.Context(), bad); !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("domain %q: %v", bad, err)
		}
	}
	if s.asked["connector"]+s.asked["realm"] != 0 {
		t.Errorf("%v", s.asked)
	}
}

func TestConnectorsThatDoNotExistAndFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	s := newShelf()
	c := connector.NewCache(s)
	for range 2 {
		if _, err := c.FindConnector(t.Context(), "google"); !errors.Is(err, errdefs.ErrNotFound) {
			t.Error(err)
		}
	}
	s.connectors["google"] = connector.Connector{Reference: "google"}
	if _, err := c.FindConnector(t.Context(), "google"); err != nil {
		t.Error(err)
	}
	s.down = errdefs.ErrUnavailable
	if _, err := c.FindRealm(t.Context(), "acme.example"); !errors.Is(err, errdefs.ErrUnavailable) {
		t.Error(err)
	}
	s.down, s.realms["acme.example"] = nil, connector.Realm{TenantName: "Acme"}
	if r, err := c.FindRealm(t.Context(), "acme.example"); err != nil || r.TenantName != "Acme" {
		t.Error(r, err)
	}
}
