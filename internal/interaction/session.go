package interaction

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// cookies says how this issuer names and marks its cookies.
type cookies struct {
	session, device, upstream string
	secure                    bool
}

// cookiesFor returns the __Host- names (RFC 6265bis §4.1.3.2), which no sibling host and no
// plain-http neighbour can set. Only an http issuer on loopback, a development set-up, goes
// without: there, Safari and scripted clients would drop them.
func cookiesFor(issuer *url.URL) cookies {
	if issuer.Scheme == "http" && loopback(issuer.Hostname()) {
		return cookies{session: "signet", device: "signet-device", upstream: "signet-upstream"}
	}
	return cookies{session: "__Host-signet", device: "__Host-signet-device", upstream: "__Host-signet-upstream", secure: true}
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// set stores a cookie for life, which is at least a second; clear removes it.
func (c cookies) set(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, c.cookie(name, value, max(1, int(life.Seconds()))))
}

func (c cookies) clear(w http.ResponseWriter, name string) { http.SetCookie(w, c.cookie(name, "", -1)) }

func (c cookies) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, MaxAge: maxAge, Path: "/",
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
}

// tokenLength is that of secret.Generate.
const tokenLength = 43

// sessionToken returns the token that the browser presents, or the empty secret. What cannot
// be a token never reaches the database.
func (c cookies) sessionToken(r *http.Request) secret.Text { return token(r, c.session) }

// upstreamToken returns what binds sign-ins at providers to the browser that began them (RFC 9700
// §4.7), or the empty secret. All tabs share it.
func (c cookies) upstreamToken(r *http.Request) secret.Text { return token(r, c.upstream) }

func token(r *http.Request, cookie string) secret.Text {
	k, err := r.Cookie(cookie)
	if err != nil || !isToken(k.Value) {
		return secret.Text{}
	}
	return secret.New(k.Value)
}

func isToken(s string) bool {
	if len(s) != tokenLength {
		return false
	}
	for _, b := range []byte(s) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' {
			return false
		}
	}
	return true
}

// visit is the session of a request, if there is one.
type visit struct {
	session   *session.Session
	token     secret.Hash
	presented bool // the browser sent a cookie that could be a session's
}

func (v visit) signedIn() bool { return v.session != nil }

// confined reports whether whoever is signed in may not touch the account itself
// (session.Upstream.Confined): not how one signs in to it, nor what it says, nor where it belongs.
func (v visit) confined() bool { return v.signedIn() && v.session.Through.Confined }

// recency is how long ago a sign-in may be at most for a change of the ways to sign in: a session
// that was left open is not enough.
const recency = 10 * time.Minute

// recent reports whether the person has proven who they are a moment ago, in a way that opens the
// account itself. Whoever has not is sent to signInAgain, which leads back to the account page.
func (i *Interaction) recent(v visit) bool {
	return v.signedIn() && !v.confined() && i.Now().Sub(v.session.AuthenticatedAt) <= recency
}

// signInAgain asks whoever is signed in to prove it anew, or another way.
func signInAgain(w http.ResponseWriter) error { return redirect(w, next{again: true}.signInURL(false)) }

// idleStep is how far the idle expiry may lag behind: one write a minute at most for each
// session.
const idleStep = time.Minute

// visit finds the live session of the request and counts its idle time from now.
func (i *Interaction) visit(r *http.Request) (visit, error) {
	token := i.cookies.sessionToken(r)
	if token.Empty() {
		return visit{}, nil
	}
	v := visit{token: token.Hash(), presented: true}
	s, err := i.Sessions.Find(r.Context(), v.token)
	if errors.Is(err, errdefs.ErrNotFound) {
		return v, nil
	}
	if err != nil {
		return visit{}, err
	}
	now := i.Now()
	if !s.Valid(now) {
		return v, nil
	}
	if used := s.Used(now, i.Lifetimes); used.ExpiresAt.Sub(s.ExpiresAt) >= idleStep {
		if err := i.Sessions.Touch(r.Context(), used); err != nil {
			// The session is good; that it ends a little early does no harm.
			i.Log.WarnContext(r.Context(), "session could not be prolonged", "session", s.ID.String(), "error", err)
		}
		s = used
	}
	v.session = &s
	return v, nil
}

// proof is how somebody has just proven who they are.
type proof struct {
	user id.User
	// password is when the password was set that did it; zero: none did.
	password time.Time
	// connector is the reference of the one that they came through; "" for none. at is when they
	// proved themselves at its provider.
	connector string
	through   session.Upstream
	at        time.Time
}

// beginSession signs somebody in and hands the browser a new token: one that was planted or stolen
// before is worth nothing afterwards. The same person keeps the session, and with it what
// clients hold; anybody else's is ended. The sign-in is on record before it takes effect.
func (i *Interaction) beginSession(w http.ResponseWriter, r *http.Request, v visit, p proof, clientID string) (session.Session, error) {
	ctx, now, user := r.Context(), i.Now(), p.user
	same := v.signedIn() && v.session.User == user
	s := session.New(user, now, i.Lifetimes)
	if same {
		s = v.session.Reauthenticated(now, i.Lifetimes)
	}
	s.ProvenBy = p.password
	event := audit.Event{At: now, Action: audit.SignedIn, User: user, Session: s.ID, Client: clientID}
	if p.connector != "" {
		s = s.Via(p.through, p.at)
		event.Detail = map[string]string{"connector": p.connector}
	}
	s.UserAgent = clip(r.UserAgent(), maxUserAgent)
	s.Address, _ = i.Caller(ctx)
	if err := i.Audit.Write(ctx, event); err != nil {
		return session.Session{}, err
	}
	if v.signedIn() && !same {
		if err := i.endSession(ctx, *v.session, clientID); err != nil {
			return session.Session{}, err
		}
	}
	token := secret.Generate()
	err := errdefs.ErrNotFound
	if same {
		err = i.Sessions.Rotate(ctx, v.token, token.Hash(), s)
	}
	if errors.Is(err, errdefs.ErrNotFound) {
		if same { // another tab was faster, or the session has just been ended: never revive it
			s.ID, s.CreatedAt = id.NewSession(now), now
		}
		err = i.Sessions.Begin(ctx, token.Hash(), s)
	}
	if err != nil {
		return session.Session{}, err
	}
	i.setSession(w, token)
	return s, nil
}

func (i *Interaction) setSession(w http.ResponseWriter, token secret.Text) {
	i.cookies.set(w, i.cookies.session, token.Reveal(), i.Lifetimes.Absolute)
}

// endSession ends a session with all that hangs on it.
func (i *Interaction) endSession(ctx context.Context, s session.Session, clientID string) error {
	if err := i.Endings.End(ctx, s.ID, maxAccessToken); err != nil {
		return err
	}
	i.writeOrLog(ctx, audit.Event{At: i.Now(), Action: audit.SignedOut, User: s.User, Session: s.ID, Client: clientID})
	return nil
}

// writeOrLog records what has already happened and cannot be taken back: when the store does
// not take it, Record retries and in the end writes it to the log.
func (i *Interaction) writeOrLog(ctx context.Context, e audit.Event) {
	if err := i.Audit.Write(ctx, e); err != nil {
		i.Audit.Record(ctx, e)
	}
}

// address is the caller's, for throttling.
func (i *Interaction) address(r *http.Request) netip.Addr {
	text, _ := i.Caller(r.Context())
	if a, err := netip.ParseAddr(text); err == nil {
		return a
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if a, err := netip.ParseAddr(host); err == nil {
		return a
	}
	return netip.IPv6Unspecified() // all callers without an address share one counter
}

const maxUserAgent = 256 // bytes

// clip returns at most n bytes of s as valid UTF-8 without control characters.
func clip(s string, n int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// wholeSeconds rounds up, so that nobody comes back a moment too early.
func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
