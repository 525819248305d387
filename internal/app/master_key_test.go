package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
)

const newMasterKey = "mJ0pQvWw0Wq6dYy1lJxkq3m3b9Qh2Z5s8Tt4uV7xYz0="

func masterID(t *testing.T, key string) string {
	t.Helper()
	m, err := envelope.ParseMaster(secret.New(key))
	if err != nil {
		t.Fatal(err)
	}
	return m.ID()
}

// replicated is two replicas behind a balancer that sends every request to the other one, so that
// what one of them seals is opened by the other.
type replicated struct {
	*apptest.App // a replica, reached through the balancer
	t            *testing.T
	dsn, url     string
	box          *apptest.Mailbox
	provider     *apptest.Provider

	mu       sync.Mutex
	replicas [2]*apptest.App
	turn     int
}

func replicate(t *testing.T) *replicated {
	t.Helper()
	r := &replicated{t: t, dsn: pgtest.New(t), box: apptest.NewMailbox(t), provider: apptest.NewProvider(t)}
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.turn++
		a := r.replicas[r.turn%2]
		if a == nil {
			a = r.replicas[1-r.turn%2]
		}
		to, err := url.Parse(a.Public)
		if err != nil {
			panic(err)
		}
		p.SetURL(to)
	}})
	t.Cleanup(balancer.Close)
	r.url = balancer.URL
	return r
}

// start replaces one replica, while the other one serves.
func (r *replicated) start(n int, master string, previous ...string) {
	r.t.Helper()
	r.mu.Lock()
	was := r.replicas[n]
	r.replicas[n] = nil
	r.mu.Unlock()
	if was != nil {
		was.Stop(r.t)
	}
	a := apptest.Start(r.t, apptest.WithDatabase(r.dsn), apptest.WithMailbox(r.box), apptest.With("SIGNET_ISSUER", r.url),
		apptest.With("SIGNET_KEYS_MASTER", master), apptest.With("SIGNET_KEYS_MASTER_PREVIOUS", strings.Join(previous, ",")))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replicas[n], r.App = a, a
}

// life is what people and programs do with an installation; some of it began before the last step.
type life struct {
	*replicated
	opal, refresh, access, user, identity string
	begun                                 *apptest.Browser // on its way to the provider
	at                                    apptest.Page
	days                                  int
}

func (l *life) begin() {
	l.begun = l.Browser(l.t)
	l.at = l.begun.Through("partner")
}

// day does everything for which something sealed has to be opened, or is sealed.
func (l *life) day(step string) {
	t := l.t
	t.Helper()
	failed := func(what string, a apptest.Answer) {
		t.Helper()
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %s: %d %s", step, what, a.Status, a.Raw)
		}
	}
	for range 2 { // both replicas
		failed("sign-in", l.Tokens(t, "spa", apptest.Grace))
		failed("client credentials", l.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {apptest.Orders}}, apptest.Basic("machine")))
		out := l.PostForm(t, "/refresh", apptest.RefreshForm("spa", l.refresh))
		failed("refresh", out)
		l.refresh = out.Text("refresh_token")
		failed("userinfo", l.Get(t, "/userinfo", apptest.Bearer(l.access)))
		failed("administration", l.Admin(t, l.opal, http.MethodGet, "/me", nil))

		p := l.begun.Follow(l.at)
		failed("sign-in through the provider that began before", l.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t))))
		l.begin()
		tokens := l.Admin(t, l.opal, http.MethodPost, "/users/"+l.user+"/identities/"+l.identity+"/tokens", nil)
		failed("tokens of the provider", tokens)
		if tokens.Text("access_token") == "" {
			t.Fatalf("%s: %s", step, tokens.Raw)
		}
	}
	person := []string{apptest.Grace, apptest.Linus, apptest.Nobody, apptest.Greta}[l.days%4] // so that nobody has too many letters
	l.days++
	b := l.Browser(t)
	askReset(t, b, b.Get(l.url+"/password/forgot"), person)
	if link := l.Mail(t, person).Link(); !strings.Contains(link, "/password/reset") {
		t.Fatalf("%s: a letter with %q", step, link)
	}
	for n, a := range l.replicas {
		for line := range strings.Lines(a.Log.String()) {
			if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "master key") {
				t.Errorf("%s: replica %d: %s", step, n, line)
			}
		}
	}
}

func TestTheMasterKeyIsReplacedWhileEverybodyGoesOn(t *testing.T) {
	t.Parallel()
	const former, present = apptest.MasterKey, newMasterKey
	r := replicate(t)
	r.start(0, former)
	r.start(1, former)
	c := r.provider.Connector()
	c.KeepTokens, c.Joins = true, r.TenantID(t, "acme")
	r.AddConnector(t, c, r.provider.Secret)
	l := &life{replicated: r, opal: r.AdminToken(t, apptest.Opal, "signet")}
	first := r.Tokens(t, "spa", apptest.Grace, "scope=openid profile offline_access")
	l.refresh, l.access = first.Text("refresh_token"), first.Text("access_token")
	b := r.Browser(t)
	b.Follow(b.Through("partner")).Code(t)
	l.identity = entries(r.Admin(t, l.opal, http.MethodGet, "/connectors/partner/identities", nil), "id")[0]
	l.user = entries(r.Admin(t, l.opal, http.MethodGet, "/connectors/partner/identities", nil), "user_id")[0]
	// Somebody who has an account, and links it at the very end.
	jane := apptest.Jane()
	jane["sub"], jane["email"] = "another", apptest.Linus
	r.provider.SignedIn(jane)
	linus := r.Browser(t)
	waiting := linus.Follow(linus.Through("partner", "organization=globex"))
	if waiting.Status != http.StatusOK || !strings.Contains(waiting.Body, "You have an account already") {
		t.Fatalf("%d\n%s", waiting.Status, waiting.Body)
	}
	r.provider.SignedIn(apptest.Jane())
	l.begin()
	l.day("before")

	for n := range 2 {
		r.start(n, former, present)
		l.day(fmt.Sprintf("the new key is known, replica %d", n))
	}
	for n := range 2 {
		r.start(n, present, former)
		l.day(fmt.Sprintf("the new key seals, replica %d", n))
	}
	if out := r.Admin(t, l.opal, http.MethodPost, "/keys/rewrap", map[string]any{"cursor": "rubbish"}); out.Status != http.StatusUnprocessableEntity || !strings.Contains(out.Raw, "body.cursor") {
		t.Errorf("%d %s", out.Status, out.Raw)
	}
	out := r.Admin(t, l.opal, http.MethodPost, "/keys/rewrap", map[string]any{})
	if out.Status != http.StatusOK || out.Text("master_key") != masterID(t, present) || out.JSON["rewrapped"].(float64) < 8 || out.JSON["remaining"].(float64) != 0 || out.JSON["next_cursor"] != nil {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	eventually(t, "the event", func() bool {
		return records(t, r.App, "SELECT count(*) FROM audit_event WHERE action = 'key.rewrapped' AND target = $1 AND actor LIKE 'usr_%' AND detail->>'remaining' = '0'", masterID(t, present)) == 1
	})
	l.day("everything is rewrapped")
	for n := range 2 {
		r.start(n, present)
		l.day(fmt.Sprintf("the former key is forgotten, replica %d", n))
	}

	login := linus.Get(r.url + "/login?" + url.Values{"link": {waiting.URL.Query().Get("token")}}.Encode())
	p := linus.SignIn(login, apptest.Linus, apptest.Password)
	f := p.Form(t, "/login/link")
	linus.Post(f.Action, f.Fields).Code(t)
}
