package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/errdefs"
)

// person returns a Show that signs somebody in with a browser and brings the answer back, changed
// by edit. What the browser sees then goes to page.
func person(t *testing.T, app *apptest.App, email string, edit func(*url.URL), page chan<- string) func(string) {
	t.Helper()
	return func(address string) {
		b := app.Browser(t)
		p := b.Get(address)
		if p.HasForm("/login") {
			p = b.SignIn(p, email, apptest.Password)
		}
		if p.Away == nil {
			t.Errorf("the browser is not sent back: %s\n%s", p.URL, p.Body)
			return
		}
		back := *p.Away
		if edit != nil {
			edit(&back)
		}
		go func() {
			res, err := http.Get(back.String())
			if err != nil {
				t.Errorf("coming back: %v", err)
				return
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if page != nil {
				page <- string(body)
			}
		}()
	}
}

func signIn(t *testing.T, app *apptest.App, organization string, show func(string)) (Account, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return SignIn{Server: app.URL + "/", Organization: organization, Client: apptest.HTTP, Now: time.Now, Show: show}.Run(ctx)
}

func TestAPersonSignsInWithABrowserAndTheirTokensAdminister(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	shown, pages := "", make(chan string, 1)
	show := person(t, app, apptest.Opal, nil, pages)
	a, err := signIn(t, app, "signet", func(address string) { shown = address; show(address) })
	if err != nil {
		t.Fatal(err)
	}
	if a.Server != app.URL || a.Organization != "signet" || a.Email != apptest.Opal || a.Name != "Opal" || a.RefreshToken.Empty() {
		t.Errorf("got %+v", a)
	}
	if page := <-pages; !strings.Contains(page, "You can close this window") {
		t.Errorf("the page is %s", page)
	}
	u, _ := url.Parse(shown)
	if q := u.Query(); q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "signet-cli" || q.Get("resource") != "urn:signet:admin" || len(q.Get("state")) < 20 {
		t.Errorf("the request is %s", shown)
	}
	if out := app.Admin(t, a.AccessToken.Reveal(), "GET", "/tenants", nil); out.Status != http.StatusOK {
		t.Errorf("administration: %d %s", out.Status, out.Raw)
	}
	if printed := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(printed, a.AccessToken.Reveal()) {
		t.Error("an account prints its tokens")
	}
}

func TestAnAnswerThatIsNotTheServersSignsNobodyIn(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	set := func(name, value string) func(*url.URL) {
		return func(u *url.URL) {
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
		}
	}
	for _, c := range []struct {
		name string
		edit func(*url.URL)
		want string
	}{
		{"another server's", set("iss", "https://evil.example"), "another server"},
		{"nobody's", func(u *url.URL) { q := u.Query(); q.Del("iss"); u.RawQuery = q.Encode() }, "another server"},
		{"a code that was made up", set("code", "invented"), "invalid_grant"},
		{"no code", set("code", ""), "no code"},
		{"a refusal", set("error", "access_denied"), "did not sign you in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pages := make(chan string, 1)
			if _, err := signIn(t, app, "signet", person(t, app, apptest.Opal, c.edit, pages)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
			if page := <-pages; !strings.Contains(page, "You are not signed in") {
				t.Errorf("the browser shows %s", page)
			}
		})
	}
}

func TestWhoDoesNotKnowTheStateChangesNothing(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	real := person(t, app, apptest.Opal, nil, nil)
	_, err := signIn(t, app, "signet", func(address string) {
		u, _ := url.Parse(address)
		back := u.Query().Get("redirect_uri")
		for _, forged := range []string{
			back + "?error=access_denied", back + "?code=x&state=", back + "?code=x&state=wrong&iss=" + url.QueryEscape(app.URL),
			strings.TrimSuffix(back, "/callback") + "/", back + "?state=%zz",
		} {
			res, err := http.Get(forged)
			if err != nil {
				t.Error(err)
				return
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s answered %d", forged, res.StatusCode)
			}
		}
		real(address)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAServerThatIsNoneIsSaidSo(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"http://id.example.com", "id.example.com", "https://u@id.example.com", "", "http://127.0.0.1:1"} {
		_, err := SignIn{Server: server, Client: apptest.HTTP, Now: time.Now, Show: func(string) { t.Errorf("%q: went on", server) }}.Run(t.Context())
		if err == nil || !errors.Is(err, errdefs.ErrInvalid) && !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("%q: %v", server, err)
		}
	}
}

// counter counts the refreshes that pass through.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/token" {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestCommandsThatRunAtATimeRenewTheTokenOnce(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	a, err := signIn(t, app, "signet", person(t, app, apptest.Opal, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	old := a.AccessToken.Reveal()
	a.ExpiresAt = time.Now()
	file := File{Path: filepath.Join(t.TempDir(), "signet", "credentials.json")}
	if _, existed, err := file.Save(t.Context(), a); err != nil || existed {
		t.Fatal(existed, err)
	}
	refreshes := &counter{}
	var wg sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		wg.Go(func() { // each as a process of its own: it has read the file and shares nothing else
			all, err := file.Read()
			if err != nil {
				t.Error(err)
				return
			}
			mine, err := all.Find("", "")
			if err != nil {
				t.Error(err)
				return
			}
			s := file.Source(mine, &http.Client{Transport: refreshes}, time.Now)
			if tokens[i], err = s.Token(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token != tokens[0] || token == old {
			t.Error("the commands do not share the new token")
		}
	}
	if refreshes.n != 1 {
		t.Errorf("%d refreshes, want 1", refreshes.n)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}

	// A token that the server no longer takes is renewed too, and a sign-in that has ended says so.
	all, err := file.Read()
	if err != nil {
		t.Fatal(err)
	}
	s := file.Source(all.All[0], apptest.HTTP, time.Now)
	if again, err := s.Token(t.Context(), tokens[0]); err != nil || again == tokens[0] {
		t.Errorf("after a rejection: same token, %v", err)
	}
	if err := Revoke(t.Context(), apptest.HTTP, all.All[0]); err != nil {
		t.Fatal(err)
	}
	s.account.ExpiresAt = time.Now()
	_ = file.change(t.Context(), func(a *Accounts) error { a.All[0].ExpiresAt = time.Now(); return nil })
	if _, err := s.Token(t.Context(), ""); !errors.Is(err, errdefs.ErrUnauthenticated) || !strings.Contains(err.Error(), "signet login") {
		t.Errorf("after signing out: %v", err)
	}
}

func TestTheFileKeepsOneAccountForEachServerAndOrganization(t *testing.T) {
	t.Parallel()
	file := File{Path: filepath.Join(t.TempDir(), "credentials.json")}
	ctx := t.Context()
	for _, a := range []Account{{Server: "https://a", Organization: "acme", Subject: "1"}, {Server: "https://a", Organization: "globex"}, {Server: "https://b", Organization: "acme"}} {
		if _, _, err := file.Save(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	old, existed, err := file.Save(ctx, Account{Server: "https://a", Organization: "acme", Subject: "2"})
	if err != nil || !existed || old.Subject != "1" {
		t.Fatalf("replaced %v, %v, %v", old, existed, err)
	}
	find := func(server, organization string) string {
		t.Helper()
		all, err := file.Read()
		if err != nil {
			t.Fatal(err)
		}
		a, err := all.Find(server, organization)
		if err != nil {
			return err.Error()
		}
		return a.Server + " " + a.Organization
	}
	for _, c := range []struct{ server, organization, want string }{
		{"", "", "https://a acme"},
		{"https://a", "", "https://a acme"},
		{"https://b", "", "https://b acme"},
		{"", "globex", "https://a globex"},
		{"https://c", "", "you are not signed in at https://c: run signet login --server https://c"},
		{"https://b", "globex", "you are not signed in to globex at https://b: run signet login --server https://b --organization globex"},
	} {
		if got := find(c.server, c.organization); got != c.want {
			t.Errorf("%q %q: got %q, want %q", c.server, c.organization, got, c.want)
		}
	}
	if err := file.Remove(ctx, Account{Server: "https://a", Organization: "acme"}); err != nil {
		t.Fatal(err)
	}
	if got := find("https://a", "acme"); !strings.HasPrefix(got, "you are not signed in") {
		t.Error(got)
	}
	if err := os.WriteFile(file.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Read(); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("a broken file: %v", err)
	}
}
