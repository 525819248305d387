package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/test/nodetest"
)

// provider is oidc-provider, an OpenID Provider that is none of ours, in a process of its own at
// localhost, which is another site than 127.0.0.1. Its people sign in on its own pages, under their
// name and any password.
type provider struct {
	t        *testing.T
	issuer   string
	secret   secret.Text
	settings map[string]any
	people   string
	mu       sync.Mutex
	logouts  []string // the logout tokens that it sent
	cmd      *exec.Cmd
	output   *lockedBuffer
	exited   chan struct{}
}

const atProvider = "signet" // our client id there

// newProvider reserves an address and registers the application there, as the connector with that
// reference; Start runs the process.
func newProvider(t *testing.T, a *apptest.App, reference string) *provider {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{
		t: t, issuer: "http://localhost:" + port, secret: secret.Generate(), people: filepath.Join(t.TempDir(), "people.json"), output: &lockedBuffer{},
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	c := connector.Connector{Reference: reference}
	p.settings = map[string]any{
		"port": number, "issuer": p.issuer, "people": p.people,
		"client": map[string]any{
			"client_id": atProvider, "client_secret": p.secret.Reveal(), "redirect_uris": []string{a.URL + c.CallbackPath()},
			"backchannel_logout_uri": p.relay(a) + c.LogoutPath(), "backchannel_logout_session_required": true,
		},
	}
	p.People(map[string]map[string]any{})
	return p
}

// relay passes logout tokens on to the application, and keeps them.
func (p *provider) relay(a *apptest.App) string {
	target, err := url.Parse(a.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form := &strings.Builder{}
		_ = r.ParseForm()
		_, _ = form.WriteString(r.PostForm.Encode())
		p.mu.Lock()
		p.logouts = append(p.logouts, r.PostForm.Get("logout_token"))
		p.mu.Unlock()
		again, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(form.String()))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		again.Header = r.Header.Clone()
		pass.ServeHTTP(w, again)
	}))
	p.t.Cleanup(s.Close)
	return s.URL
}

// People says who has an account, from now on: claims by login.
func (p *provider) People(people map[string]map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(people)
	if err == nil {
		err = os.WriteFile(p.people, b, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Start runs the process, with keys that are new.
func (p *provider) Start() {
	p.t.Helper()
	node := nodetest.Find(p.t)
	settings, err := json.Marshal(p.settings)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = node.Command(p.t, "provider.mjs")
	p.cmd.Dir = node.Dir
	p.cmd.Env = append(p.cmd.Environ(), "PROVIDER="+string(settings))
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited := make(chan struct{})
	p.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(p.cmd)
	p.t.Cleanup(func() {
		p.Stop()
		if p.t.Failed() {
			p.t.Logf("provider:\n%s", p.output)
		}
	})
	eventually(p.t, "a provider that answers", func() bool {
		select {
		case <-exited:
			p.t.Fatalf("the provider ended:\n%s", p.output)
		default:
		}
		res, err := http.Get(p.issuer + "/.well-known/openid-configuration")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// Stop ends the process; its sessions are gone with it.
func (p *provider) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Logouts returns the logout tokens that it has sent.
func (p *provider) Logouts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.logouts...)
}

// Connector is how it is declared: whoever is new gets an account.
func (p *provider) Connector() connector.Connector {
	return connector.Connector{Slug: "partner", Kind: connector.OIDC, Name: "Partner Inc", Issuer: p.issuer, ClientID: atProvider, Provision: true}
}

// Browser is somebody's browser as the provider sees it.
func (p *provider) Browser() *apptest.Browser { return (&apptest.App{URL: p.issuer}).Browser(p.t) }

// signIn goes through the provider's pages, those that it has for the person, and returns the
// address that it sends the browser back to.
func (p *provider) signIn(b *apptest.Browser, away *url.URL, login string) string {
	p.t.Helper()
	page := b.Get(away.String())
	for range 3 {
		if page.Away != nil {
			return page.Away.String()
		}
		form := page.Form(p.t, page.URL.Path)
		if form.Fields.Get("prompt") == "login" {
			form.Fields.Set("login", login)
			form.Fields.Set("password", "anything")
		}
		page = b.Post(form.Action, form.Fields)
	}
	p.t.Fatalf("the provider does not come to an end: %d %s", page.Status, page.Body)
	return ""
}
