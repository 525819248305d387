package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// statements is a tracer that keeps what is sent to the database.
type statements struct{ sent []string }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.sent = append(s.sent, d.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A second statement would be a second moment, at which another racer can have won.
func TestRedeemingAndRotatingAreOneStatementEach(t *testing.T) {
	t.Parallel()
	c, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	trace := &statements{}
	c.ConnConfig.Tracer, c.MaxConns = trace, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	grants := (&DB{pool: pool, q: sqlcgen.New(pool)}).Grants()
	for what, do := range map[string]func() error{
		"redeem": func() error {
			_, err := grants.Redeem(t.Context(), grant.Redemption{Code: secret.Generate().Hash(), Client: "c", Idle: time.Hour, Absolute: time.Hour})
			return err
		},
		"rotate": func() error {
			_, err := grants.Rotate(t.Context(), grant.Rotation{Token: grant.RefreshToken{Family: id.NewGrant(time.Now())}, Client: "c", Idle: time.Hour})
			return err
		},
	} {
		trace.sent = nil
		if err := do(); !errors.Is(err, errdefs.ErrNotFound) {
			t.Fatalf("%s: %v", what, err)
		}
		sent := slices.DeleteFunc(trace.sent, func(sql string) bool { return sql == "-- ping" })
		if len(sent) != 1 {
			t.Errorf("%s sends %d statements: %q", what, len(sent), sent)
		}
	}
}
