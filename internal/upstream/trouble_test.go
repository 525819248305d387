package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/outbound"
	"github.com/signet-id/signet/internal/upstream"
	"github.com/signet-id/signet/keys"
)

func TestADiscoveryDocumentThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for name, tt := range map[string]struct {
		metadata m
		answer   func(http.ResponseWriter, *http.Request)
		want     connector.Reason
		words    string
	}{
		"the issuer of another":         {metadata: m{"issuer": "https://accounts.google.com"}, want: connector.Metadata, words: "another issuer"},
		"a slash":                       {metadata: m{"issuer": "SLASH"}, want: connector.Metadata, words: "with the slash"},
		"no issuer":                     {metadata: m{"issuer": nil}, want: connector.Metadata, words: "names no issuer"},
		"Entra ID for everybody":        {metadata: m{"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}, want: connector.Metadata, words: "Write the issuer of one organisation"},
		"no token endpoint":             {metadata: m{"token_endpoint": nil}, want: connector.Metadata, words: "token_endpoint"},
		"a token endpoint over http":    {metadata: m{"token_endpoint": "http://idp.example/token"}, want: connector.Metadata, words: "https"},
		"a script":                      {metadata: m{"authorization_endpoint": "javascript:alert(1)"}, want: connector.Metadata, words: "authorization_endpoint"},
		"an endpoint with user info":    {metadata: m{"authorization_endpoint": "https://a:b@idp.example/"}, want: connector.Metadata, words: "authorization_endpoint"},
		"an endpoint with a fragment":   {metadata: m{"authorization_endpoint": "https://idp.example/#x"}, want: connector.Metadata, words: "authorization_endpoint"},
		"an endpoint with our state":    {metadata: m{"authorization_endpoint": "https://idp.example/?state=theirs"}, want: connector.Metadata, words: "parameter state"},
		"keys in a file":                {metadata: m{"jwks_uri": "file:///etc/passwd"}, want: connector.Metadata, words: "jwks_uri"},
		"no algorithm that we take":     {metadata: m{"id_token_signing_alg_values_supported": []string{"HS256", "none"}}, want: connector.Metadata, words: "RS256"},
		"nothing there":                 {answer: status(404, "no"), want: connector.Metadata, words: "status 404"},
		"a page":                        {answer: text("<html>"), want: connector.Metadata, words: "no discovery document"},
		"a doubled issuer":              {answer: text(`{"issuer":"a","issuer":"b"}`), want: connector.Metadata, words: "no discovery document"},
		"down":                          {answer: status(503, "no"), want: connector.Unavailable, words: "503"},
		"too much":                      {answer: text(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`), want: connector.BadAnswer, words: "larger"},
		"a redirect":                    {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, want: connector.Metadata, words: "redirects"},
		"a cut connection":              {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want: connector.Unreachable},
		"a list in place of the issuer": {metadata: m{"issuer": []string{"x"}}, want: connector.Metadata, words: "names no issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t)
			if tt.metadata["issuer"] == "SLASH" {
				tt.metadata["issuer"] = p.server.URL + "/"
			}
			p.metadata, p.answer[discoveryPath] = tt.metadata, tt.answer
			_, err := w.AuthorizationURL(t.Context(), p.connector(), connector.Start{MaxAge: -1})
			failed(t, err, tt.want, tt.words)
			_, err = w.Exchange(t.Context(), p.connector(), returned())
			failed(t, err, tt.want)
			if p.count("/elsewhere")+p.count(tokenPath) != 0 {
				t.Error("somebody was asked all the same")
			}
		})
	}
}

func TestAPrivateAddressIsNotAsked(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := newWorld(t, func(c *upstream.Config) { c.Client = outbound.New(outbound.Config{}) })
	_, err := w.Exchange(t.Context(), p.connector(), returned())
	failed(t, err, connector.Metadata, "outbound.allow")
	var f *connector.Failure
	if !errors.As(err, &f) || strings.Contains(strings.ReplaceAll(f.Text, p.server.Listener.Addr().String(), ""), "127.0.0.1") || p.count(discoveryPath) != 0 {
		t.Errorf("%v", err)
	}
	// Nor is one that the document of a provider names that may be reached.
	c := p.connector()
	c.Issuer = "http://localhost:1"
	_, err = newWorld(t).Exchange(t.Context(), c, returned())
	if err == nil {
		t.Error("reached")
	}
}

func TestAProviderThatIsDownIsAskedNowAndThen(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	p.answer[discoveryPath] = status(503, "")
	c := p.connector()
	for range 20 {
		_, err := w.AuthorizationURL(t.Context(), c, connector.Start{})
		failed(t, err, connector.Unavailable)
	}
	if n := p.count(discoveryPath); n != 1 {
		t.Fatalf("asked %d times in a moment", n)
	}
	for want := 2; want < 20; want++ {
		w.clock.advance(30 * time.Second) // the longest pause
		_, err := w.AuthorizationURL(t.Context(), c, connector.Start{})
		failed(t, err, connector.Unavailable)
		if n := p.count(discoveryPath); n != want {
			t.Fatalf("asked %d times, want %d", n, want)
		}
	}
	p.change(func() { delete(p.answer, discoveryPath) })
	w.clock.advance(30 * time.Second)
	if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
		t.Errorf("up again: %v", err)
	}
	if log := w.log.String(); strings.Count(log, "cannot be used") != 1 || !strings.Contains(log, "there again") {
		t.Errorf("log: %s", log)
	}
}

func TestTheDocumentIsKeptAsItsHeadersSay(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	document, _ := json.Marshal(map[string]any{
		"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + tokenPath, "jwks_uri": p.server.URL + jwksPath,
	})
	p.answer[discoveryPath] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600, stale-if-error=1200")
		_, _ = w.Write(document)
	}
	c := p.connector()
	start := func() error {
		_, err := w.AuthorizationURL(t.Context(), c, connector.Start{MaxAge: -1})
		return err
	}
	asked := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); p.count(discoveryPath) < want && time.Now().Before(deadline); {
			<-time.After(time.Millisecond) // it is renewed in the background
		}
		if n := p.count(discoveryPath); n != want {
			t.Fatalf("asked %d times, want %d", n, want)
		}
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(599 * time.Second)
	if err := start(); err != nil {
		t.Fatal(err)
	}
	asked(1)
	// Down: it is used past its time, and nobody waits.
	p.change(func() { p.answer[discoveryPath] = status(500, "") })
	w.clock.advance(time.Minute)
	if err := start(); err != nil {
		t.Errorf("stale, and the provider is down: %v", err)
	}
	asked(2)
	for !strings.Contains(w.log.String(), "cannot be used") { // the fetch is over
		<-time.After(time.Millisecond)
	}
	w.clock.advance(18 * time.Minute)
	if err := start(); err != nil {
		t.Errorf("still within stale-if-error: %v", err)
	}
	asked(3)
	// The fetch in the background is over when its failure was noted; by then nobody may use it.
	w.clock.advance(11 * time.Minute)
	failed(t, start(), connector.Unavailable)
	failed(t, start(), connector.Unavailable)
}

func TestASlowProviderHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	slow, good := newIDP(t), newIDP(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var open, most atomic.Int64
	slow.answer[tokenPath] = func(_ http.ResponseWriter, r *http.Request) {
		n := open.Add(1)
		defer open.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		_ = r.ParseForm() // so that the end of the connection is noticed
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	w := newWorld(t, patience(time.Minute))
	c := slow.connector()
	if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	const people, places = 400, 128
	waiting, leave := context.WithCancel(t.Context())
	errs := make(chan error, people)
	for range people {
		go func() {
			_, err := w.Exchange(waiting, c, returned())
			errs <- err
		}()
	}
	for range people - places {
		failed(t, <-errs, connector.Unavailable, "too slow")
	}
	if _, err := w.Exchange(t.Context(), good.connector(), returned()); err != nil {
		t.Errorf("another provider: %v", err)
	}
	leave()
	for range places {
		failed(t, <-errs, connector.Unreachable)
	}
	if n := most.Load(); n > outbound.MaxConns {
		t.Errorf("%d requests at once", n)
	}
	// All that waited is gone, save some connections.
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+300 && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+300 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestThoseWhoWaitShareOneDiscovery(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	var asked atomic.Int64
	release := make(chan struct{})
	p.answer[discoveryPath] = func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	w := newWorld(t)
	c := p.connector()
	// Somebody who goes away does not take the answer from the others.
	gone, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := w.AuthorizationURL(gone, c, connector.Start{})
		first <- err
	}()
	for asked.Load() == 0 {
		runtime.Gosched()
	}
	errs := make(chan error, 50)
	for range cap(errs) {
		go func() {
			_, err := w.AuthorizationURL(t.Context(), c, connector.Start{})
			errs <- err
		}()
	}
	leave()
	failed(t, <-first, connector.Unreachable)
	close(release)
	for range cap(errs) {
		failed(t, <-errs, connector.Unavailable)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestANewKeyOfTheProviderIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	rs, ec := newPair()
	p.pairs = []pair{rs}
	c := p.connector()
	if _, err := w.Exchange(t.Context(), c, returned()); err != nil {
		t.Fatal(err)
	}
	p.change(func() { p.pairs = []pair{ec} })
	if _, err := w.Exchange(t.Context(), c, returned()); err != nil {
		t.Errorf("the new key: %v", err)
	}
	// The old one is withdrawn, so what it signs is good no longer.
	p.change(func() { p.idToken = rs.sign(t, nil, p.right()) })
	_, err := w.Exchange(t.Context(), c, returned())
	failed(t, err, connector.BadToken, "does not publish")
	if n := p.count(jwksPath); n != 2 {
		t.Errorf("%d requests for keys", n)
	}
}

func TestKeysThatCannotBeHadAreSaidInWords(t *testing.T) {
	t.Parallel()
	secretKey, _ := json.Marshal(map[string]any{"keys": []any{map[string]any{"kty": "oct", "kid": "x", "k": "AAAA"}}})
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   connector.Reason
		words  string
	}{
		"down":       {status(502, ""), connector.Unavailable, "error"},
		"a page":     {text("<html>"), connector.Metadata, "no document with keys"},
		"none":       {text(`{"keys":[]}`), connector.Metadata, "no key"},
		"a secret":   {text(string(secretKey)), connector.Metadata, "private key"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, connector.Metadata, "redirects"},
		"too much":   {text(strings.Repeat(" ", 600<<10)), connector.Metadata, "too large"},
		"cut off":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, connector.Unreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t)
			p.answer[jwksPath] = tt.answer
			_, err := w.Exchange(t.Context(), p.connector(), returned())
			failed(t, err, tt.want, tt.words)
			if p.count("/elsewhere") != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestAConnectorThatChangesIsSpokenWithAnew(t *testing.T) {
	t.Parallel()
	old, moved := newIDP(t), newIDP(t)
	w := newWorld(t)
	c := old.connector()
	if _, err := w.Exchange(t.Context(), c, returned()); err != nil {
		t.Fatal(err)
	}
	c.Issuer, c.Version = moved.server.URL, 2
	if _, err := w.Exchange(t.Context(), c, returned()); err != nil {
		t.Fatal(err)
	}
	// What the old one signed is not taken for the new one's, though the connector is the same.
	moved.change(func() { moved.idToken = old.pairs[0].sign(t, nil, old.right()) })
	_, err := w.Exchange(t.Context(), c, returned())
	failed(t, err, connector.BadToken, "(iss)")
	c.Secret = []byte("sealed anew")
	if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
		t.Fatal(err)
	}
	if n := moved.count(discoveryPath); n != 2 {
		t.Errorf("%d discoveries after the secret changed", n)
	}
}

func TestASubjectOfOneProviderIsNobodyAtAnother(t *testing.T) {
	t.Parallel()
	a, b := newIDP(t), newIDP(t)
	w := newWorld(t)
	one, err1 := w.Exchange(t.Context(), a.connector(), returned())
	two, err2 := w.Exchange(t.Context(), b.connector(), returned())
	if err1 != nil || err2 != nil || one.Profile.Subject != two.Profile.Subject || one.Profile.Issuer == two.Profile.Issuer {
		t.Errorf("%+v %+v %v %v", one.Profile, two.Profile, err1, err2)
	}
	// A provider that hands out the token of another (both use one key here, as an attacker who
	// passes requests on would have it).
	b.change(func() { b.idToken = a.pairs[0].sign(t, nil, a.right()) })
	_, err := w.Exchange(t.Context(), b.connector(), returned())
	failed(t, err, connector.BadToken, "(iss)")
}

func TestTheNumberOfProvidersThatAreKnownIsBounded(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	before := runtime.NumGoroutine()
	first := p.connector()
	for n := range 700 {
		c := first
		if n > 0 {
			c.ID = id.NewConnector(t0)
		}
		if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Millisecond)
	}
	// The first is long forgotten, and is known again when somebody comes.
	n := p.count(discoveryPath)
	if _, err := w.AuthorizationURL(t.Context(), first, connector.Start{}); err != nil || p.count(discoveryPath) != n+1 {
		t.Errorf("%d discoveries more, %v", p.count(discoveryPath)-n, err)
	}
	w.Close()
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+250 && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+250 {
		t.Errorf("%d goroutines after the end, %d before", n, before)
	}
	_, err := w.AuthorizationURL(t.Context(), first, connector.Start{})
	failed(t, err, connector.Internal)
}

// Whoever can declare connectors must not put an end to sign-ins of others by having many used at once.
func TestAProviderThatSomebodyWaitsForIsNotForgotten(t *testing.T) {
	t.Parallel()
	slow, others, w := newIDP(t), newIDP(t), newWorld(t, patience(time.Minute))
	of := slow.connector()
	asked, release := make(chan struct{}), make(chan struct{})
	slow.answer[tokenPath] = func(rw http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.Exchange(t.Context(), of, returned())
		done <- err
	}()
	<-asked
	c := others.connector()
	for range 600 {
		w.clock.advance(time.Millisecond)
		c.ID = id.NewConnector(t0)
		if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
			t.Fatal(err)
		}
	}
	n := slow.count(discoveryPath)
	if err := w.CheckIssuer(t.Context(), of, ""); err != nil || slow.count(discoveryPath) != n {
		t.Errorf("it was forgotten: %d discoveries more, %v", slow.count(discoveryPath)-n, err)
	}
	close(release)
	failed(t, <-done, connector.Unavailable)
}

func TestEveryAlgorithmThatIsPromisedVerifies(t *testing.T) {
	t.Parallel()
	for _, a := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
		k, private, err := keys.Generate(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, w := newIDP(t), newWorld(t)
		p.pairs = []pair{{k, private}}
		if _, err := w.Exchange(t.Context(), p.connector(), returned()); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
}
