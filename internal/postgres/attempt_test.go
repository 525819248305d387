package postgres_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

func TestAnAttemptIsTakenOnceByTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	store := l.Attempts(l.keeper)
	now := time.Now().UTC().Truncate(time.Microsecond)
	browser := secret.Generate().Hash()
	a := connector.NewAttempt(l.okta.ID, browser, now)
	a.User, a.Secrets.Flow, a.Secrets.After, a.Secrets.Fresh, a.Secrets.MaxAge = l.ada, "flow", "/after", true, 60
	must(t, store.Begin(t.Context(), a))
	state := a.State.Hash()
	if n := l.count(t, `SELECT count(*) FROM upstream_attempt WHERE position($1::bytea IN sealed) > 0`, []byte(a.Secrets.Verifier)); n != 0 {
		t.Error("the verifier is stored in the clear")
	}
	for what, take := range map[string]func() (connector.Attempt, error){
		"another browser": func() (connector.Attempt, error) {
			return store.Take(t.Context(), l.okta.ID, state, secret.Generate().Hash(), now)
		},
		"no browser": func() (connector.Attempt, error) {
			return store.Take(t.Context(), l.okta.ID, state, secret.Hash{}, now)
		},
		"another connector": func() (connector.Attempt, error) { return store.Take(t.Context(), l.entra.ID, state, browser, now) },
		"another state": func() (connector.Attempt, error) {
			return store.Take(t.Context(), l.okta.ID, secret.Generate().Hash(), browser, now)
		},
		"expired": func() (connector.Attempt, error) {
			return store.Take(t.Context(), l.okta.ID, state, browser, a.ExpiresAt)
		},
	} {
		got, err := take()
		notFound(t, what, err)
		if got.Secrets.Verifier != "" {
			t.Errorf("%s is told the secrets", what)
		}
	}
	var took, late atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			<-start
			got, err := store.Take(t.Context(), l.okta.ID, state, browser, now)
			switch {
			case err == nil:
				took.Add(1)
			case errors.Is(err, errdefs.ErrConflict):
				late.Add(1)
			default:
				t.Error(err)
			}
			if got.Secrets != a.Secrets || got.User != l.ada || got.Connector != l.okta.ID || !got.CreatedAt.Equal(now) {
				t.Errorf("%+v", got)
			}
		})
	}
	close(start)
	wg.Wait()
	if took.Load() != 1 || late.Load() != 7 {
		t.Errorf("%d took it, %d were late", took.Load(), late.Load())
	}
	for n, want := range []bool{true, false} {
		if first, err := store.NoteStray(t.Context(), l.okta.ID, state, now); err != nil || first != want {
			t.Errorf("noted as stray, %d: %v, %v", n, first, err)
		}
	}
	for what, stray := range map[string]connector.Attempt{"another connector's": {Connector: l.entra.ID, State: a.State}, "nobody's": {Connector: l.okta.ID, State: secret.Generate()}} {
		if first, err := store.NoteStray(t.Context(), stray.Connector, stray.State.Hash(), now); err != nil || first {
			t.Errorf("%s is noted as stray: %v, %v", what, first, err)
		}
	}
	_, err := store.Take(t.Context(), l.okta.ID, state, secret.Generate().Hash(), now)
	notFound(t, "another browser, afterwards", err)
	_, err = store.Take(t.Context(), l.okta.ID, state, browser, a.ExpiresAt)
	notFound(t, "late, when it has expired", err)
}

func TestWhatIsOverOfSignInsElsewhereIsCleanedAway(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for _, sql := range []string{
		`INSERT INTO upstream_attempt SELECT uuid_send(gen_random_uuid()), '', $1, NULL, '', now(), now() + x::interval FROM unnest(ARRAY['-1 second', '1 minute']) x`,
		`INSERT INTO pending_link SELECT uuid_send(gen_random_uuid()), '', $1, (SELECT id FROM user_account LIMIT 1), '', now(), now() + x::interval FROM unnest(ARRAY['-1 second', '1 minute']) x`,
		`INSERT INTO upstream_logout SELECT $1, uuid_send(gen_random_uuid()), now() + x::interval FROM unnest(ARRAY['-25 hours', '-23 hours', '1 minute']) x`,
	} {
		l.exec(t, sql, l.okta.ID.UUID())
	}
	done, err := l.Clean(t.Context(), time.Now())
	if err != nil || done.Attempts != 1 || done.PendingLinks != 1 || done.Logouts != 1 || done.Total() != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	if n := l.count(t, `SELECT (SELECT count(*) FROM upstream_attempt) + (SELECT count(*) FROM pending_link) + (SELECT count(*) FROM upstream_logout)`); n != 4 {
		t.Errorf("%d are left", n)
	}
	if _, err := l.Attempts(l.keeper).Take(t.Context(), id.NewConnector(time.Now()), secret.Hash{}, secret.Hash{}, time.Now()); !errors.Is(err, errdefs.ErrNotFound) {
		t.Error(err)
	}
}
