package issuer

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// replayed is a store that has seen every code and token before, and minds its context.
type replayed struct {
	Codes
	Families
	family  grant.Family
	revoked []id.Grant
}

func (s *replayed) FindCode(ctx context.Context, _ secret.Hash, _ client.ID) (grant.Code, error) {
	return grant.Code{Grant: s.family.ID, Spent: true}, ctx.Err()
}

func (s *replayed) FindFamily(ctx context.Context, _ id.Grant) (grant.Family, error) {
	return s.family, ctx.Err()
}

func (s *replayed) RevokeLine(ctx context.Context, g id.Grant, _ time.Duration) error {
	if ctx.Err() == nil {
		s.revoked = append(s.revoked, g)
	}
	return ctx.Err()
}

type quiet struct{ Observer }

func (quiet) Record(context.Context, audit.Event) {}
func (quiet) Refresh(string)                      {}

func TestAReplayRevokesTheGrantAlsoWhenTheCallerHangsUp(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := client.Client{ID: "spa"}
	s := &replayed{family: grant.Family{Grant: grant.Grant{ID: id.NewGrant(now), Client: c.ID}, Generation: 2, ExpiresAt: now.Add(time.Hour)}}
	i := &Issuer{Config: Config{
		Codes: s, Families: s, Audit: quiet{}, Observer: quiet{}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for what, err := range map[string]error{
		"code":          i.explainCode(gone, secret.New("code"), c, nil),
		"refresh token": i.explainRefresh(gone, grant.RefreshToken{Family: s.family.ID, Generation: 0}, c),
	} {
		if e, expected := protocolError(err); !expected || e.code != "invalid_grant" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(s.revoked) != 2 {
		t.Errorf("revoked: %v", s.revoked)
	}
}
