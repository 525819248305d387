package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/signet-id/signet/test/browsertest"
)

// redirector answers every request with a redirect to the URL given.
func redirector(t *testing.T, target string) string {
	server := httptest.NewServer(http.RedirectHandler(target, http.StatusSeeOther))
	t.Cleanup(server.Close)
	return server.URL
}

// landing is the end of a chain of redirects; its title tells that a browser arrived.
func landing(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<title>arrived %s %s</title>", r.Method, r.PostForm.Get("state"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestABrowserFollowsTheRedirectAfterAFormOnlyToNamedTargets(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	end := landing(t)
	hop := redirector(t, end+"/done")
	for name, c := range map[string]struct {
		location string
		targets  []string
		arrives  bool
	}{
		"the client's origin is named":                      {end + "/cb", []string{end + "/cb"}, true},
		"no target is named":                                {end + "/cb", nil, false},
		"another origin is named":                           {end + "/cb", []string{"https://other.test/cb"}, false},
		"the callback redirects on to an unnamed origin":    {hop + "/cb", []string{hop + "/cb"}, false},
		"the callback redirects on and the scheme is named": {hop + "/cb", []string{"http:"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenderer(t)
			mux := http.NewServeMux()
			mux.Handle(StaticPrefix, r.Static())
			mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
				_ = r.Render(w, 200, SignOut{Frame: Frame{FormTargets: c.targets}, Form: Form{Action: "/login"}})
			})
			mux.Handle("POST /login", http.RedirectHandler(c.location, http.StatusSeeOther))
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			tab := browsertest.Open(t, chromium, false)
			if !c.arrives {
				tab.Provoke("form-action")
			}
			tab.Go(server.URL + "/login")
			// A blocked navigation has no event of its own, but the policy's violation does.
			tab.Eval(`document.addEventListener('securitypolicyviolation', () => { window.blocked = 'blocked' })`)
			tab.Click(".main-action")
			got := tab.Until(`document.title.startsWith('arrived') ? 'arrived' : window.blocked`)
			if (got == "arrived") != c.arrives {
				t.Error(got)
			}
		})
	}
}

func TestAFormPostPageSubmitsItselfUnderItsPolicy(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t, browsertest.Start(t), false)
	end := landing(t)
	r := newRenderer(t)
	mux := http.NewServeMux()
	mux.Handle(StaticPrefix, r.Static())
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		// "submit" would hide the method of that name in a careless script.
		_ = r.Render(w, 200, FormPost{Action: end + "/cb", Params: []Hidden{{"state", "a b&c"}, {"submit", "x"}}})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	tab.Go(server.URL)
	title := tab.Until(`document.title.startsWith('arrived') && document.title`)
	if title != "arrived POST a b&c" {
		t.Errorf("the client received %q", title)
	}
}

func TestAPopUpFindsItsOpenerAfterSigningInAndTheAccountPageHasNone(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t, browsertest.Start(t), false)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/cb" {
			fmt.Fprint(w, `<script>opener.postMessage('signed in', location.origin)</script>`)
		}
	}))
	t.Cleanup(app.Close)
	r := newRenderer(t)
	mux := galleryHandler(t, r)
	mux.HandleFunc("/popup", func(w http.ResponseWriter, _ *http.Request) {
		_ = r.Render(w, 200, FormPost{Action: app.URL + "/cb"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{"/popup": "signed in", "/account": "severed"} {
		tab.Go(app.URL)
		tab.Eval(`(addEventListener('message', (e) => { window.got = e.data }), window.popup = open('` + server.URL + path + `'), '')`)
		got := tab.Until(`window.got || (window.popup.closed && 'severed')`)
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
