package ceiling

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// The lifetimes are the product's defaults.
const (
	codeLife   = time.Minute
	idleLife   = 14 * 24 * time.Hour
	familyLife = 90 * 24 * time.Hour
	retry      = time.Minute
)

// store runs the product's own statements, over its own pool, on real rows.
type store struct {
	grants     postgres.Grants
	families   []id.Grant
	generation []atomic.Int64 // of each family's current token
	people     []grant.Authorization
	next       atomic.Uint64
	codes      chan secret.Hash // authorized and not redeemed yet
}

func newStore(grants postgres.Grants, c Config) (*store, error) {
	s := &store{grants: grants, generation: make([]atomic.Int64, len(c.Families)), codes: make(chan secret.Hash, 1<<16)}
	for i, f := range c.Families {
		u, err := parse(f.ID)
		if err != nil {
			return nil, err
		}
		s.families = append(s.families, id.GrantFromUUID(u))
		s.generation[i].Store(int64(f.Generation))
	}
	for _, p := range c.People {
		var u [3][16]byte
		for i, text := range []string{p.Tenant, p.User, p.Session} {
			var err error
			if u[i], err = parse(text); err != nil {
				return nil, err
			}
		}
		s.people = append(s.people, grant.Authorization{
			Grant: grant.Grant{
				Tenant: id.TenantFromUUID(u[0]), User: id.UserFromUUID(u[1]), Session: id.SessionFromUUID(u[2]),
				Client: fill.Frontend, Scopes: strings.Fields(fill.Scopes), Audiences: []string{fill.Orders},
				ACR: session.ACRPassword, AMR: []string{session.AMRPassword},
			},
			RedirectURI: fill.Callback, CodeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Nonce: "bm9uY2Utb2YtdGhlLWZyb250ZW5k",
		})
	}
	return s, nil
}

func parse(text string) (u [16]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("%q is no UUID", text)
	}
	return [16]byte(b), nil
}

func (s *store) do(ctx context.Context, statement string) error {
	n := s.next.Add(1)
	switch statement {
	case rotate:
		return s.rotate(ctx, int(n%uint64(len(s.families))))
	case authorize:
		return s.authorize(ctx, s.people[n%uint64(len(s.people))])
	case redeem:
		return s.redeem(ctx)
	}
	return fmt.Errorf("no statement %q", statement)
}

// rotate spends the current token of a family.
func (s *store) rotate(ctx context.Context, n int) error {
	now := s.generation[n].Load()
	out, err := s.grants.Rotate(ctx, grant.Rotation{
		Token: grant.RefreshToken{Family: s.families[n], Generation: uint32(now)}, Client: fill.Frontend, Idle: idleLife, Retry: retry,
	})
	if err != nil {
		return err
	}
	s.generation[n].Store(int64(out.Generation))
	return nil
}

func (s *store) authorize(ctx context.Context, a grant.Authorization) error {
	now := time.Now()
	a.ID, a.AuthenticatedAt = id.NewGrant(now), now
	code := secret.Generate().Hash()
	if err := s.grants.Authorize(ctx, code, a, codeLife); err != nil {
		return err
	}
	s.codes <- code
	return nil
}

func (s *store) redeem(ctx context.Context) error {
	_, err := s.grants.Redeem(ctx, grant.Redemption{
		Code: <-s.codes, Client: fill.Frontend, RedirectURI: fill.Callback, CodeChallenge: s.people[0].CodeChallenge,
		OpenFamily: true, Idle: idleLife, Absolute: familyLife,
	})
	return err
}
