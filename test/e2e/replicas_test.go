package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// post sends a form and reads a JSON answer; the error says that there was none.
func post(ctx context.Context, address string, form url.Values, edit ...func(*http.Request)) (status int, body map[string]any, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, e := range edit {
		e(req)
	}
	res, err := apptest.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode, body, json.NewDecoder(res.Body).Decode(&body)
}

// families signs a person in n times at a replica.
func families(t *testing.T, a *apptest.App, n int) []*family {
	t.Helper()
	out := make([]*family, n)
	for i := range out {
		out[i] = &family{token: a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")}
	}
	return out
}

func TestReplicasShareEverySignInAndLoseNoneWhenOneIsKilled(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	install(t, dsn)
	a := newReplica(t, "", dsn)
	a.Start()
	b := newReplica(t, a.issuer, dsn)
	b.Start()

	// The person signs in at one, the client redeems at the other, and the token of either is
	// good at both.
	code := a.app().Code(t, "spa", apptest.Ada)
	tokens := b.app().PostForm(t, "/token", apptest.RedeemForm("spa", code))
	if tokens.Status != http.StatusOK {
		t.Fatalf("a code of one replica at the other: %d %s", tokens.Status, tokens.Raw)
	}
	for _, r := range []*replica{a, b} {
		if got := r.app().Get(t, "/userinfo", apptest.Bearer(tokens.Text("access_token"))); got.Status != http.StatusOK {
			t.Errorf("userinfo at %s: %d %s", r.public, got.Status, got.Raw)
		}
	}
	if again := a.app().PostForm(t, "/token", apptest.RedeemForm("spa", code)); again.Error() != "invalid_grant" {
		t.Errorf("the code a second time, at the other replica: %d %s", again.Status, again.Raw)
	}
	alternating := families(t, a.app(), 1)[0]
	for i := range 6 {
		if err := alternating.refresh(t.Context(), []*replica{a, b}[i%2].url()); err != nil {
			t.Fatalf("refresh %d: %v", i, err)
		}
	}

	// Clients refresh at both; one replica dies in the middle of it. Who gets no answer asks
	// the other with the token it has.
	clients := families(t, a.app(), 8)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var done atomic.Int64
	var wg sync.WaitGroup
	for i, f := range clients {
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				err := f.refresh(t.Context(), []*replica{a, b}[n%2].url())
				if err != nil && !errors.Is(err, errLost) {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if err == nil {
					done.Add(1)
				}
			}
		})
	}
	eventually(t, "traffic", func() bool { return done.Load() > 40 })
	b.Kill()
	after := done.Load()
	eventually(t, "traffic at the survivor", func() bool { return done.Load() > after+40 })
	b.Start()
	after = done.Load()
	eventually(t, "traffic at both again", func() bool { return done.Load() > after+40 })
	stop()
	wg.Wait()
	for i, f := range clients {
		if err := f.refresh(t.Context(), b.url()); err != nil {
			t.Errorf("client %d lost its sign-in: %v", i, err)
		}
	}
}

func TestPostgreSQLMayDieAtAnyMoment(t *testing.T) {
	t.Parallel()
	pg := pgtest.Cluster(t)
	install(t, pg.URL())
	r := newReplica(t, "", pg.URL())
	r.Start()
	clients := families(t, r.app(), 8)
	access := r.app().Tokens(t, "spa", apptest.Ada).Text("access_token")
	person := r.app().Browser(t)
	page := person.Get(r.app().AuthorizeURL("spa"))

	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		var done atomic.Int64
		var wg sync.WaitGroup
		for i, f := range clients {
			wg.Go(func() {
				for ctx.Err() == nil {
					began := time.Now()
					err := f.refresh(t.Context(), r.url())
					if took := time.Since(began); took > failFast {
						t.Errorf("round %d, client %d: an answer after %v", round, i, took)
					}
					if err == nil {
						done.Add(1)
						continue
					}
					if !errors.Is(err, errUnavailable) {
						t.Errorf("round %d, client %d: %v", round, i, err)
					}
					return
				}
			})
		}
		eventually(t, "traffic", func() bool { return done.Load() > 30 })
		machine(t, r.app()) // so that its registration is in memory
		pg.Kill(t)
		wg.Wait() // every client has run into it
		stop()
		answersWithoutDatabase(t, r.app(), access)
		if got := person.SignIn(page, apptest.Linus, apptest.Password); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("signing in without a database: %d", got.Status)
		}
		pg.Start(t)
		eventually(t, "readiness", func() bool { return probe(t, r.app(), "/readyz") == http.StatusOK })
		for i, f := range clients {
			if err := f.refresh(t.Context(), r.url()); err != nil {
				t.Errorf("round %d, client %d lost its sign-in: %v", round, i, err)
			}
		}
	}
	// The page that failed works now, without a restart of signet.
	if got := person.SignIn(page, apptest.Ada, apptest.Password); got.Away == nil {
		t.Errorf("signing in afterwards: %d\n%s", got.Status, got.Body)
	}
}

// failFast is how long a refusal may take while the database is away.
const failFast = 3 * time.Second

// answersWithoutDatabase checks what goes on and what fails fast.
func answersWithoutDatabase(t *testing.T, a *apptest.App, access string) {
	t.Helper()
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if got := a.Get(t, path); got.Status != http.StatusOK || got.JSON == nil {
			t.Errorf("%s without a database: %d %s", path, got.Status, got.Raw)
		}
	}
	if got := probe(t, a, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("readiness without a database: %d", got)
	}
	if got := probe(t, a, "/healthz"); got != http.StatusOK {
		t.Errorf("liveness without a database: %d; a restart would not help", got)
	}
	machine(t, a)
	for name, ask := range map[string]func() apptest.Answer{
		"token": func() apptest.Answer { return a.PostForm(t, "/token", apptest.RedeemForm("spa", "some-code")) },
		"introspect": func() apptest.Answer {
			return a.PostForm(t, "/introspect", url.Values{"token": {access}}, apptest.Basic("api"))
		},
		"revoke": func() apptest.Answer {
			return a.PostForm(t, "/revoke", url.Values{"token": {access}, "client_id": {"spa"}})
		},
		"userinfo": func() apptest.Answer { return a.Get(t, "/userinfo", apptest.Bearer(access)) },
	} {
		began := time.Now()
		answer := ask()
		if took := time.Since(began); took > failFast {
			t.Errorf("%s without a database took %v", name, took)
		}
		if answer.Status != http.StatusServiceUnavailable || answer.Error() != "temporarily_unavailable" {
			t.Errorf("%s without a database: %d %s", name, answer.Status, answer.Raw)
		}
		if strings.Contains(answer.Raw, "postgres") || strings.Contains(answer.Raw, "dial") {
			t.Errorf("%s tells the cause: %s", name, answer.Raw)
		}
	}
	began := time.Now()
	if page := a.Browser(t).Get(a.AuthorizeURL("never-heard-of")); page.Status != http.StatusServiceUnavailable {
		t.Errorf("authorize without a database: %d", page.Status)
	}
	if took := time.Since(began); took > failFast {
		t.Errorf("authorize without a database took %v", took)
	}
}

// machine gets a token by client credentials, which asks nothing of the database while the
// client's registration is in memory.
func machine(t *testing.T, a *apptest.App) {
	t.Helper()
	if got := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine")); got.Status != http.StatusOK {
		t.Errorf("client credentials: %d %s", got.Status, got.Raw)
	}
}

// probe returns the status of a path of the ops port.
func probe(t *testing.T, a *apptest.App, path string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.OpsURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return apptest.Do(t, req).Status
}
