package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/replica"
)

// shelf is a store that answers with a function and counts the questions.
type shelf struct {
	find  func(tenant id.Tenant, user id.User) (directory.Subject, error)
	asked int
}

func (s *shelf) FindSubject(_ context.Context, tenant id.Tenant, user id.User) (directory.Subject, error) {
	s.asked++
	return s.find(tenant, user)
}

func member(tenant id.Tenant, user id.User) (directory.Subject, error) {
	return directory.Subject{User: directory.User{ID: user}, Tenant: directory.Tenant{ID: tenant}, Member: true}, nil
}

var (
	acme, globex = id.NewTenant(noon), id.NewTenant(noon)
	ada          = id.UserFromUUID([16]byte{0: 1, 15: 1})
	linus        = id.UserFromUUID([16]byte{0: 1, 15: 2})
)

// newCache returns a cache whose announcements are current.
func newCache(s *shelf) (*directory.Cache, *replica.Announcements) {
	heard := &replica.Announcements{}
	heard.Confirm(noon)
	return directory.NewCache(s, heard, func() time.Time { return noon }), heard
}

func TestAnActivePersonIsFoundOnceUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	s := &shelf{find: member}
	c, heard := newCache(s)
	for _, step := range []struct {
		what string
		do   func()
		want int // questions for Ada in two tenants and Linus in one
	}{
		{"at first", func() {}, 3},
		{"again", func() {}, 0},
		{"Ada changed", func() { c.Forget(ada) }, 2},
		{"somebody unknown changed", func() { c.Forget(id.UserFromUUID([16]byte{15: 3})) }, 0},
		{"anybody may have changed", c.ForgetAll, 3},
		{"announcements are lost", heard.Lost, 3},
		{"and still are", func() {}, 3},
		{"they are heard again, without what was kept before", func() { c.ForgetAll(); heard.Confirm(noon) }, 3},
		{"again", func() {}, 0},
		{"they were last heard too long ago", func() { heard.Confirm(noon.Add(-replica.Freshness - 1)) }, 3},
	} {
		step.do()
		before := s.asked
		for _, k := range []struct {
			tenant id.Tenant
			user   id.User
		}{{acme, ada}, {globex, ada}, {globex, linus}} {
			if got, err := c.FindSubject(t.Context(), k.tenant, k.user); err != nil || got.User.ID != k.user || got.Tenant.ID != k.tenant {
				t.Errorf("%s: %+v, %v", step.what, got, err)
			}
		}
		if n := s.asked - before; n != step.want {
			t.Errorf("%s: %d questions, want %d", step.what, n, step.want)
		}
	}
}

func TestWhoMayNotGetTokensIsAskedForEachTime(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for what, change := range map[string]func(*directory.Subject) error{
		"disabled":        func(s *directory.Subject) error { s.User.DisabledAt = noon; return nil },
		"tenant disabled": func(s *directory.Subject) error { s.Tenant.DisabledAt = noon; return nil },
		"no member":       func(s *directory.Subject) error { s.Member = false; return nil },
		"unknown":         func(s *directory.Subject) error { *s = directory.Subject{}; return errdefs.ErrNotFound },
		"store down":      func(*directory.Subject) error { return down },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			want, wantErr := member(acme, ada)
			wantErr = errors.Join(wantErr, change(&want))
			s := &shelf{find: func(id.Tenant, id.User) (directory.Subject, error) { return want, wantErr }}
			c, _ := newCache(s)
			for range 2 {
				got, err := c.FindSubject(t.Context(), acme, ada)
				if !errors.Is(err, wantErr) || got.Member != want.Member || got.User.DisabledAt != want.User.DisabledAt || got.Tenant.DisabledAt != want.Tenant.DisabledAt {
					t.Errorf("%+v, %v", got, err)
				}
			}
			if s.asked != 2 {
				t.Errorf("%d questions", s.asked)
			}
			s.find = member // everything is well again, which nobody has to announce
			if got, err := c.FindSubject(t.Context(), acme, ada); err != nil || got.Active() != nil {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
		})
	}
}
