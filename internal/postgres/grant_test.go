package postgres_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
)

func TestOfManyRacersExactlyOneRedeemsEachCode(t *testing.T) {
	t.Parallel()
	w := build(t)
	const codes, racers = 25, 8
	for range codes {
		r, a := w.code(t, nil)
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		for range racers {
			wg.Go(func() {
				switch _, err := w.Grants().Redeem(t.Context(), r); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, errdefs.ErrNotFound):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != racers-1 {
			t.Errorf("%d won and %d lost", won.Load(), lost.Load())
		}
		if c, err := w.Grants().FindCode(t.Context(), r.Code, "web"); err != nil || !c.Spent || c.Grant != a.ID {
			t.Errorf("a spent code: %+v, %v", c, err)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM refresh_family"); n != codes {
		t.Errorf("%d families of %d codes", n, codes)
	}
}

func TestARedeemedCodeYieldsWhatWasAuthorizedAndWhoThePersonIsNow(t *testing.T) {
	t.Parallel()
	w := build(t)
	r, a := w.code(t, nil)
	got, err := w.Grants().Redeem(t.Context(), r)
	must(t, err)
	got.AuthenticatedAt = got.AuthenticatedAt.UTC()
	if !reflect.DeepEqual(got.Authorization, a) {
		t.Errorf("got\n%+v\nwant\n%+v", got.Authorization, a)
	}
	s := got.Subject
	want := []directory.Permission{
		{Audience: orders, Slug: "orders:read"}, {Audience: orders, Slug: "orders:write"},
		{Audience: admin.Audience, Slug: admin.AuditRead}, {Audience: admin.Audience, Slug: admin.TenantManage}, {Audience: admin.Audience, Slug: admin.TenantRead},
	}
	if s.User.Email != "Ada@acme.example" || s.Tenant.Slug != "acme" || !s.Member || !slices.Equal(s.Roles, []string{"admin", "clerk"}) || !slices.Equal(s.Permissions, want) {
		t.Errorf("subject %+v", s)
	}
	w.exec(t, "DELETE FROM membership WHERE tenant_id = $1 AND user_id = $2", w.acme.UUID(), w.ada.UUID())
	r, _ = w.code(t, nil)
	if got, err = w.Grants().Redeem(t.Context(), r); err != nil || got.Subject.Member || len(got.Subject.Roles)+len(got.Subject.Permissions) != 0 {
		t.Errorf("no member any more: %+v, %v", got.Subject, err)
	}
}

func TestWhatDoesNotMatchACodeSpendsNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	r, _ := w.code(t, nil)
	for name, change := range map[string]func(*grant.Redemption){
		"another code":           func(r *grant.Redemption) { r.Code = secret.New("x").Hash() },
		"another client":         func(r *grant.Redemption) { r.Client = "other" },
		"another redirect URI":   func(r *grant.Redemption) { r.RedirectURI += "/" },
		"no redirect URI":        func(r *grant.Redemption) { r.RedirectURI = "" },
		"another verifier":       func(r *grant.Redemption) { r.CodeChallenge = "x" },
		"no verifier":            func(r *grant.Redemption) { r.CodeChallenge = "" },
		"a resource not granted": func(r *grant.Redemption) { r.Audiences = []string{"https://other.example"} },
	} {
		bad := r
		change(&bad)
		_, err := w.Grants().Redeem(t.Context(), bad)
		notFound(t, name, err)
	}
	if c, err := w.Grants().FindCode(t.Context(), r.Code, "web"); err != nil || c.Spent {
		t.Errorf("spent all the same: %+v, %v", c, err)
	}
	if _, err := w.Grants().Redeem(t.Context(), r); err != nil {
		t.Errorf("the good request afterwards: %v", err)
	}
	_, err := w.Grants().FindCode(t.Context(), r.Code, "other")
	notFound(t, "another client's look at it", err)
}

func TestACodeEndsWithItsTimeAndItsSession(t *testing.T) {
	t.Parallel()
	w := build(t)
	expired, _ := w.code(t, nil)
	w.exec(t, "UPDATE authorization_code SET expires_at = now() WHERE hash = $1", expired.Code[:])
	_, err := w.Grants().Redeem(t.Context(), expired)
	notFound(t, "an expired code", err)

	bound, _ := w.code(t, nil)
	offline, _ := w.code(t, func(a *grant.Authorization) { a.Offline = true })
	must(t, w.Sessions().End(t.Context(), w.session.ID, time.Hour))
	_, err = w.Grants().Redeem(t.Context(), bound)
	notFound(t, "a code of a session that ended", err)
	if _, err := w.Grants().Redeem(t.Context(), offline); err != nil {
		t.Errorf("offline access: %v", err)
	}

	long, a := w.code(t, func(a *grant.Authorization) { a.Offline = true })
	hash := secret.New("long").Hash()
	must(t, w.Grants().Authorize(t.Context(), hash, a, time.Hour))
	if n := w.count(t, "SELECT count(*) FROM authorization_code WHERE expires_at > now() + interval '61 seconds'"); n != 0 {
		t.Error("a code lives longer than a minute")
	}
	_ = long
}

// A session that ends while a code of it is being redeemed takes the new family with it.
func TestASessionThatEndsDuringARedemptionEndsTheNewFamilyToo(t *testing.T) {
	t.Parallel()
	w := build(t)
	r, a := w.code(t, nil)
	tx, err := w.conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT 1 FROM authorization_code WHERE hash = $1 FOR UPDATE", r.Code[:])
	must(t, err)
	watch := connect(t, w.dsn)
	waiting := func(n int) func() bool {
		return func() bool {
			var got int
			must(t, watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&got))
			return got >= n
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := w.Grants().Redeem(t.Context(), r); err != nil && !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("redeem: %v", err)
		}
	})
	eventually(t, "the redemption waits for the code", waiting(1))
	ended := make(chan struct{})
	wg.Go(func() {
		defer close(ended)
		if err := w.Sessions().End(t.Context(), w.session.ID, time.Hour); err != nil {
			t.Errorf("end: %v", err)
		}
	})
	eventually(t, "the session has ended, or waits for the redemption", func() bool {
		select {
		case <-ended:
			return true
		default:
			return waiting(2)()
		}
	})
	must(t, tx.Commit(t.Context()))
	wg.Wait()
	f, err := w.Grants().FindFamily(t.Context(), a.ID)
	if err == nil && f.Live(time.Now()) {
		t.Error("the family outlives its session")
	}
	_, err = w.Grants().Rotate(t.Context(), rotation(a.ID, 0, time.Minute))
	notFound(t, "its refresh token", err)
}

func TestTabsThatRotateAtOnceAllGetTheSameSuccessor(t *testing.T) {
	t.Parallel()
	w := build(t)
	for range 10 {
		g := w.family(t, nil)
		var first, retried atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := w.Grants().Rotate(t.Context(), rotation(g, 0, time.Minute))
				if err != nil || got.Generation != 1 || got.User != w.ada || got.Tenant != w.acme || !got.Subject.Member {
					t.Errorf("%+v, %v", got, err)
				}
				if got.Retried {
					retried.Add(1)
				} else {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		// Which was first is told by the microsecond, so two of the same one both count.
		if first.Load() < 1 || first.Load() > 2 || first.Load()+retried.Load() != 8 {
			t.Errorf("%d first and %d retried", first.Load(), retried.Load())
		}
	}
}

func TestOnlyTheCurrentTokenAndForAMomentItsPredecessorRotate(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	rotate := func(generation uint32, retry time.Duration) (grant.Rotated, error) {
		return w.Grants().Rotate(t.Context(), rotation(g, generation, retry))
	}
	for i := range uint32(3) {
		got, err := rotate(i, time.Minute)
		if err != nil || got.Generation != i+1 || got.Retried {
			t.Fatalf("%d: %+v, %v", i, got, err)
		}
	}
	_, err := rotate(0, time.Minute)
	notFound(t, "the one before the predecessor", err)
	_, err = rotate(1, time.Minute)
	notFound(t, "the predecessor's predecessor", err)
	_, err = rotate(4, time.Minute)
	notFound(t, "one that does not exist yet", err)
	_, err = rotate(2, 0)
	notFound(t, "the predecessor without a window", err)
	w.exec(t, "UPDATE refresh_family SET rotated_at = now() - interval '9 seconds'")
	if got, err := rotate(2, 10*time.Second); err != nil || got.Generation != 3 || !got.Retried {
		t.Errorf("the predecessor within the window: %+v, %v", got, err)
	}
	w.exec(t, "UPDATE refresh_family SET rotated_at = now() - interval '10 seconds'")
	_, err = rotate(2, 10*time.Second)
	notFound(t, "the predecessor at the end of the window", err)
	if got, err := rotate(3, 10*time.Second); err != nil || got.Generation != 4 {
		t.Errorf("the current one: %+v, %v", got, err)
	}
}

func TestARotationIsTheClientsOwnAndNeverOutlivesTheFamily(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.family(t, nil)
	foreign := rotation(g, 0, time.Minute)
	foreign.Client = "other"
	_, err := w.Grants().Rotate(t.Context(), foreign)
	notFound(t, "another client's", err)

	w.exec(t, "UPDATE refresh_family SET max_expires_at = now() + interval '1 minute'")
	_, err = w.Grants().Rotate(t.Context(), rotation(g, 0, 0))
	must(t, err)
	if f, err := w.Grants().FindFamily(t.Context(), g); err != nil || time.Until(f.ExpiresAt) > 61*time.Second || f.Generation != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	w.exec(t, "UPDATE refresh_family SET expires_at = now()")
	_, err = w.Grants().Rotate(t.Context(), rotation(g, 1, 0))
	notFound(t, "an expired one", err)
	_, err = w.Grants().FindFamily(t.Context(), id.NewGrant(time.Now()))
	notFound(t, "an unknown family", err)
}

func TestRevokingAGrantEndsItsFamilyAndItsAccessTokens(t *testing.T) {
	t.Parallel()
	w := build(t)
	g, other := w.family(t, nil), w.family(t, nil)
	must(t, w.Grants().RevokeGrant(t.Context(), g, time.Hour))
	must(t, w.Grants().RevokeGrant(t.Context(), g, time.Minute)) // again: nothing becomes shorter
	_, err := w.Grants().Rotate(t.Context(), rotation(g, 0, time.Minute))
	notFound(t, "its token", err)
	if f, err := w.Grants().FindFamily(t.Context(), g); err != nil || f.RevokedAt.IsZero() {
		t.Errorf("%+v, %v", f, err)
	}
	if n := w.count(t, "SELECT count(*) FROM revocation WHERE expires_at > now() + interval '59 minutes'"); n != 1 {
		t.Error("the cutoff was shortened")
	}
	if _, err := w.Grants().Rotate(t.Context(), rotation(other, 0, 0)); err != nil {
		t.Errorf("another grant's token: %v", err)
	}
	for _, c := range []struct {
		name                  string
		grant, session, token string
		want                  bool
	}{
		{"the grant", g.String(), "", "", true},
		{"the grant among others", g.String(), "x", "y", true},
		{"another grant", other.String(), "", "", false},
		{"the grant's id as a session", "", g.String(), "", false},
		{"the grant's id as a token", "", "", g.String(), false},
		{"nothing", "", "", "", false},
	} {
		if void, err := w.Grants().Void(t.Context(), c.grant, c.session, c.token); err != nil || void != c.want {
			t.Errorf("%s: %v, %v", c.name, void, err)
		}
	}
	w.exec(t, "UPDATE revocation SET expires_at = now()")
	if void, err := w.Grants().Void(t.Context(), g.String(), "", ""); err != nil || void {
		t.Errorf("a cutoff that has expired: %v, %v", void, err)
	}
}

func TestACutoffOfOneTokenConcernsItAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	must(t, w.Grants().Cut(t.Context(), revocation.Cutoff{Kind: revocation.Token, Subject: "jti", ExpiresAt: time.Now().Add(time.Hour)}))
	for token, want := range map[string]bool{"jti": true, "jti2": false, "": false} {
		if void, err := w.Grants().Void(t.Context(), "", "", token); err != nil || void != want {
			t.Errorf("%q: %v, %v", token, void, err)
		}
	}
}

func TestConsentIsPerTenantPersonAndClientAndGrows(t *testing.T) {
	t.Parallel()
	w := build(t)
	g := w.Grants()
	must(t, g.SaveConsent(t.Context(), w.acme, w.ada, "web", []string{"b", "a"}))
	must(t, g.SaveConsent(t.Context(), w.acme, w.ada, "web", []string{"c", "a"}))
	for _, c := range []struct {
		name   string
		tenant id.Tenant
		user   id.User
		client client.ID
		want   []string
	}{
		{"the same", w.acme, w.ada, "web", []string{"a", "b", "c"}},
		{"another tenant", w.globex, w.ada, "web", nil},
		{"another person", w.acme, w.linus, "web", nil},
		{"another client", w.acme, w.ada, "other", nil},
	} {
		if got, err := g.FindConsent(t.Context(), c.tenant, c.user, c.client); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if err := g.SaveConsent(t.Context(), w.acme, w.ada, "unknown", []string{"a"}); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("for an unknown client: %v", err)
	}
}

func TestWhoRecallsATokenIsToldOfItByTheClockGiven(t *testing.T) {
	t.Parallel()
	w := build(t)
	noon := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	told := map[string]time.Time{}
	w.OnCutoff(func(c revocation.Cutoff) { told[string(c.Kind)+" "+c.Subject] = c.ExpiresAt }, func() time.Time { return noon })
	g := w.family(t, nil)
	must(t, w.Grants().RevokeGrant(t.Context(), g, time.Hour))
	must(t, w.Sessions().End(t.Context(), w.session.ID, 2*time.Hour))
	must(t, w.Grants().Cut(t.Context(), revocation.Cutoff{Kind: revocation.Token, Subject: "j", ExpiresAt: noon}))
	want := map[string]time.Time{
		"grant " + g.String(): noon.Add(time.Hour), "session " + w.session.ID.String(): noon.Add(2 * time.Hour), "token j": noon,
	}
	if !maps.Equal(told, want) {
		t.Errorf("%v, want %v", told, want)
	}
}
