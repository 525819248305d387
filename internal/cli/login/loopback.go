package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
)

// loopback is where the browser comes back to: a listener on this machine, for one sign-in
// (RFC 8252 §7.3).
type loopback struct {
	listener net.Listener
	server   *http.Server
	issuer   string
	state    string

	answers chan answer
	outcome chan bool // closed or written once the answer was used
}

type answer struct {
	code string
	err  error
}

// listen takes any free port: of the registered redirect URI only the port may differ.
func listen(issuer string) (*loopback, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		if l, err = lc.Listen(context.Background(), "tcp", "[::1]:0"); err != nil {
			return nil, errdefs.Say(errdefs.ErrUnavailable, err, "no port on this machine is free for the browser to come back to: %v", err)
		}
	}
	b := &loopback{listener: l, issuer: issuer, state: rand.Text(), answers: make(chan answer, 1), outcome: make(chan bool, 1)}
	b.server = &http.Server{
		Handler: b, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	go func() { _ = b.server.Serve(l) }() // ends with close
	return b, nil
}

func (b *loopback) address() string { return "http://" + b.listener.Addr().String() + "/callback" }

// ServeHTTP takes the one answer. Any program and any page of this machine's browsers can call
// here: what does not know the state is not the answer and changes nothing.
func (b *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address holds the code
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if r.Method != http.MethodGet || r.URL.Path != "/callback" || err != nil ||
		subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(b.state)) != 1 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, pageUnknown)
		return
	}
	a := answer{code: query.Get("code")}
	switch e := query.Get("error"); {
	case query.Get("iss") != b.issuer: // another server's answer (RFC 9207 §2.4)
		a = answer{err: errors.New("the answer came from another server than the one that was asked; nothing was sent to either")}
	case e != "":
		a = answer{err: refused(e, query.Get("error_description"))}
	case a.code == "":
		a = answer{err: errors.New("the server sent no code")}
	}
	select {
	case b.answers <- a:
	default: // answered before: a reload of the page
		_, _ = io.WriteString(w, pageDone)
		return
	}
	done := false
	select {
	case done = <-b.outcome:
	case <-r.Context().Done():
	}
	if !done {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, pageFailed)
		return
	}
	_, _ = io.WriteString(w, pageDone)
}

func refused(code, description string) error {
	if code == "access_denied" {
		return errdefs.Say(errdefs.ErrDenied, nil, "the server did not sign you in: %s", or(description, "you, or a rule of it, said no"))
	}
	return errdefs.Say(errdefs.ErrDenied, nil, "the server did not sign you in: %s %s", code, description)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// wait returns the code that the browser brings.
func (b *loopback) wait(ctx context.Context) (string, error) {
	select {
	case a := <-b.answers:
		if a.err != nil {
			b.finish(false)
		}
		return a.code, a.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", errdefs.Say(errdefs.ErrUnavailable, ctx.Err(), "nobody signed in within the time; try again, and open the address in a browser of this machine")
		}
		return "", ctx.Err()
	}
}

// finish tells the browser how it went.
func (b *loopback) finish(done bool) { b.outcome <- done }

// close stops listening after the page was sent.
func (b *loopback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		_ = b.server.Close()
	}
}

const (
	pageHead = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		`<meta name="color-scheme" content="light dark"><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:28rem;` +
		`margin:20vh auto 0;padding:0 1rem}h1{font-size:1.5rem}</style>`
	pageDone    = pageHead + `<title>Signed in</title><h1>You are signed in</h1><p>The command line goes on. You can close this window.</p></html>`
	pageFailed  = pageHead + `<title>Not signed in</title><h1>You are not signed in</h1><p>The command line says why. You can close this window.</p></html>`
	pageUnknown = pageHead + `<title>Nothing here</title><h1>Nothing to see here</h1><p>This address belongs to a sign-in that is going on in a terminal.</p></html>`
)
