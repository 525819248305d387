// Package upstream speaks with the providers that people sign in through: OpenID Providers, Google
// and GitHub. It owns what is said to them and what is believed of what they say; who a person then
// is to us, package connector decides.
//
//	upstream.go   what is offered, and the providers that are known at the moment
//	way.go        one request to a provider: deadline, size, what went wrong in words
//	discovery.go  the discovery document, kept as long as it may be
//	metadata.go   what is demanded of it
//	openid.go     a sign-in at an OpenID Provider
//	idtoken.go    the ID token
//	logout.go     the logout token
//	profile.go    who the claims are about
//	claims.go     strict reading of JSON
//	oauth.go      the code for tokens
//	github.go     a sign-in at GitHub
//	probe.go      the test of a connection
package upstream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// The bounds of what providers, and those who wait for them, may use.
const (
	// Patience is how long one request to a provider may take while somebody waits.
	Patience = 5 * time.Second

	maxProviders = 500 // that are known at a time; each has a goroutine that renews its keys
	idleTime     = 30 * time.Minute
	maxWaiting   = 128 // sign-ins at one provider at a time
	maxLogouts   = 16  // logout tokens of one provider at a time
	maxTests     = 8
)

// Secrets opens the client secret of a connector; connector.Keeper does.
type Secrets interface {
	Secret(c connector.Connector) (secret.Text, error)
}

// Observer is told how long requests took: discovery, token, user or emails.
type Observer interface {
	UpstreamRequest(connector, request string, d time.Duration)
}

// Config is what New needs; all of it is required unless it says otherwise.
type Config struct {
	URL      string       // our issuer identifier, without a trailing slash
	Client   *http.Client // of package outbound
	Secrets  Secrets
	Observer Observer
	Patience time.Duration // 0: the constant of that name
	Now      func() time.Time
	Log      *slog.Logger
}

// Providers speaks with the providers of all connectors. It is safe for concurrent use. Every error
// is a *connector.Failure.
type Providers struct {
	cfg   Config
	tests chan struct{}

	mu     sync.Mutex
	known  map[id.Connector]*provider
	closed bool
}

// New returns Providers that know none yet.
func New(c Config) *Providers {
	c.Patience = cmp.Or(c.Patience, Patience)
	return &Providers{cfg: c, tests: make(chan struct{}, maxTests), known: map[id.Connector]*provider{}}
}

// Close ends all that goes on in the background. Nobody can sign in afterwards.
func (p *Providers) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, known := range p.known {
		known.stop()
	}
	clear(p.known)
}

// AuthorizationURL returns where to send the browser.
func (p *Providers) AuthorizationURL(ctx context.Context, c connector.Connector, s connector.Start) (address string, err error) {
	err = p.with(ctx, c, func(ctx context.Context, t protocol) error {
		address, err = t.authorizationURL(ctx, s)
		return err
	})
	return address, err
}

// CheckIssuer says whether the parameter iss of an answer, "" for none, is the provider's (RFC 9207
// §2.4). Ask before anything else of the answer is used: errors come with iss as well.
func (p *Providers) CheckIssuer(ctx context.Context, c connector.Connector, issuer string) error {
	return p.with(ctx, c, func(ctx context.Context, t protocol) error { return t.checkIssuer(ctx, issuer) })
}

// Exchange gives the code for tokens and returns what they prove. Tokens are part of it only if the
// connector keeps them.
func (p *Providers) Exchange(ctx context.Context, c connector.Connector, r connector.Return) (proof connector.Proof, err error) {
	err = p.with(ctx, c, func(ctx context.Context, t protocol) error {
		proof, err = t.exchange(ctx, r)
		return err
	})
	if err != nil {
		return connector.Proof{}, err
	}
	if !c.KeepTokens {
		proof.Tokens = connector.Tokens{}
	}
	return proof, nil
}

// VerifyLogout verifies a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). Whether its
// jti was seen before is the caller's to say.
func (p *Providers) VerifyLogout(ctx context.Context, c connector.Connector, token string) (l connector.Logout, err error) {
	known, err := p.of(c)
	if err != nil {
		return connector.Logout{}, err
	}
	// Anybody can send one, so they have places of their own.
	err = p.enter(ctx, known.logouts, func(ctx context.Context) error {
		l, err = known.verifyLogout(ctx, token)
		return err
	})
	return l, err
}

// protocol is what is spoken with a provider.
type protocol interface {
	authorizationURL(ctx context.Context, s connector.Start) (string, error)
	checkIssuer(ctx context.Context, issuer string) error
	exchange(ctx context.Context, r connector.Return) (connector.Proof, error)
	verifyLogout(ctx context.Context, token string) (connector.Logout, error)
	probe(ctx context.Context) []connector.Finding
}

// with lets do speak with the provider of c, unless too many wait for it already.
func (p *Providers) with(ctx context.Context, c connector.Connector, do func(context.Context, protocol) error) error {
	known, err := p.of(c)
	if err != nil {
		return err
	}
	return p.enter(ctx, known.signIns, func(ctx context.Context) error { return do(ctx, known) })
}

func (p *Providers) enter(ctx context.Context, places chan struct{}, do func(context.Context) error) error {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		return connector.Fail(connector.Unavailable, nil, "%d others wait for an answer of the provider: it is too slow", cap(places))
	}
	// Two steps at most wait for the provider one after the other: discovery, and the rest.
	ctx, cancel := context.WithTimeout(ctx, 2*p.cfg.Patience)
	defer cancel()
	return do(ctx)
}

// provider is what is known of one at the moment.
type provider struct {
	protocol
	mark     [sha256.Size]byte
	signIns  chan struct{} // places
	logouts  chan struct{}
	lastUsed time.Time
	idle     *time.Timer
	cancel   context.CancelFunc
}

func (k *provider) stop() {
	k.idle.Stop()
	k.cancel()
}

// mark changes with whatever changes the way a provider is spoken with.
func mark(c connector.Connector) [sha256.Size]byte {
	c.CreatedAt, c.UpdatedAt, c.DisabledAt = time.Time{}, time.Time{}, time.Time{} // of no concern
	written, _ := json.Marshal(c)                                                  // of plain fields: cannot fail
	return sha256.Sum256(written)
}

// of returns the provider of a connector. One that is known by an earlier version of it is
// forgotten, with its keys.
func (p *Providers) of(c connector.Connector) (*provider, error) {
	now, m := p.cfg.Now(), mark(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, connector.Fail(connector.Internal, nil, "the server stops")
	}
	if known := p.known[c.ID]; known != nil {
		if known.mark == m {
			known.lastUsed = now
			known.idle.Reset(idleTime)
			return known, nil
		}
		p.forget(c.ID, known)
	}
	s, err := p.cfg.Secrets.Secret(c)
	if err != nil {
		return nil, connector.Fail(connector.Internal, err, "the client secret cannot be opened: set it again")
	}
	p.makeRoom()
	known := &provider{
		mark: m, lastUsed: now,
		signIns: make(chan struct{}, maxWaiting), logouts: make(chan struct{}, maxLogouts),
	}
	life, cancel := context.WithCancel(context.Background())
	known.cancel = cancel
	known.protocol = p.speak(life, c, s, p.cfg.Observer)
	known.idle = time.AfterFunc(idleTime, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.forget(c.ID, known)
	})
	p.known[c.ID] = known
	return known, nil
}

// speak returns what is spoken with the provider of c, whose keys are renewed until life ends.
func (p *Providers) speak(life context.Context, c connector.Connector, s secret.Text, o Observer) protocol {
	w := &way{
		connector: c, secret: s, url: p.cfg.URL, client: p.cfg.Client, patience: p.cfg.Patience, observer: o,
		now: p.cfg.Now, log: p.cfg.Log.With("connector", c.Reference),
	}
	if c.Kind == connector.GitHub {
		return newGitHub(w)
	}
	return newOpenID(life, w)
}

// forget stops known, if it is still the provider of that connector. p.mu must be held.
func (p *Providers) forget(c id.Connector, known *provider) {
	known.stop()
	if p.known[c] == known {
		delete(p.known, c)
	}
}

// waitedFor reports whether somebody is being answered by it.
func (k *provider) waitedFor() bool { return len(k.signIns)+len(k.logouts) > 0 }

// makeRoom forgets the provider that was used least lately, if there are too many: of those that nobody
// waits for, so that who makes many be used ends no sign-in of others. p.mu must be held.
func (p *Providers) makeRoom() {
	if len(p.known) < maxProviders {
		return
	}
	var oldest id.Connector
	for c, known := range p.known {
		was := p.known[oldest]
		if was == nil || was.waitedFor() && !known.waitedFor() || was.waitedFor() == known.waitedFor() && known.lastUsed.Before(was.lastUsed) {
			oldest = c
		}
	}
	p.forget(oldest, p.known[oldest])
}
