package upstream

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync"

	"golang.org/x/oauth2"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/pkg/jwks"
)

// openID speaks OpenID Connect with one provider.
type openID struct {
	*way
	life      context.Context
	discovery *discovery

	mu   sync.Mutex
	from string    // where keys come from
	keys *jwks.Set // nil until they are needed
	stop context.CancelFunc
}

func newOpenID(life context.Context, w *way) *openID {
	return &openID{way: w, life: life, discovery: &discovery{way: w, life: life}}
}

// keySet returns the keys of the provider, which are renewed until its life ends.
func (o *openID) keySet(m *metadata) (*jwks.Set, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keys != nil && o.from == m.jwks {
		return o.keys, nil
	}
	ctx, stop := context.WithCancel(o.life)
	// Without a log: it would be told of every try, for as long as a provider is down that anybody may
	// have declared. Those who sign in meanwhile are told, and with them the log.
	set, err := jwks.New(ctx, jwks.Config{URL: m.jwks, Client: o.client, Now: o.now})
	if err != nil {
		stop()
		return nil, connector.Fail(connector.Metadata, err, "the keys cannot be fetched from %s", clip(m.jwks))
	}
	if o.stop != nil {
		o.stop()
	}
	o.keys, o.from, o.stop = set, m.jwks, stop
	return set, nil
}

func (o *openID) scopes() []string {
	return scopes(o.connector.Scopes, []string{"profile", "email"}, []string{oidc.ScopeOpenID})
}

func (o *openID) authorizationURL(ctx context.Context, s connector.Start) (string, error) {
	m, err := o.discovery.get(ctx)
	if err != nil {
		return "", err
	}
	if _, err := o.keySet(m); err != nil { // they are there when the person comes back
		return "", err
	}
	options := append(challenge(s), oidc.Nonce(s.Nonce))
	set := func(name, value string) { options = append(options, oauth2.SetAuthURLParam(name, value)) }
	if s.LoginHint != "" {
		set("login_hint", s.LoginHint)
	}
	switch {
	case o.connector.Kind == connector.Google:
		options = append(options, google(o.connector, s)...)
	case s.Fresh:
		// max_age makes it say when the person signed in (Core §3.1.2.1), which prompt alone does not.
		set("prompt", "login")
		set("max_age", "0")
	case s.MaxAge >= 0:
		set("max_age", strconv.FormatInt(s.MaxAge, 10))
	}
	c := o.endpoint(m.authorization, m.token, oauth2.AuthStyleInHeader, o.scopes())
	c.RedirectURL = s.RedirectURI
	return c.AuthCodeURL(s.State, options...), nil
}

// challenge is the PKCE challenge of a start (RFC 7636 §4.3).
func challenge(s connector.Start) []oauth2.AuthCodeOption {
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("code_challenge", s.Challenge), oauth2.SetAuthURLParam("code_challenge_method", "S256")}
}

// google returns what Google knows in place of, or besides, the standard's parameters. hd is a hint:
// the claim is what is checked.
func google(c connector.Connector, s connector.Start) (out []oauth2.AuthCodeOption) {
	switch len(c.HostedDomains) {
	case 0:
	case 1:
		out = append(out, oauth2.SetAuthURLParam("hd", c.HostedDomains[0]))
	default:
		out = append(out, oauth2.SetAuthURLParam("hd", "*"))
	}
	if s.Fresh || s.MaxAge >= 0 {
		out = append(out, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	if c.KeepTokens {
		out = append(out, oauth2.AccessTypeOffline)
	}
	return out
}

// checkIssuer follows RFC 9207 §2.4: the parameter is that of the provider when it is there, and it
// is there when the provider says that it sends it.
func (o *openID) checkIssuer(ctx context.Context, issuer string) error {
	if issuer != "" && issuer != o.connector.Issuer {
		return wrongIssuer(issuer)
	}
	m, err := o.discovery.get(ctx)
	if err != nil {
		return err
	}
	if issuer == "" && m.namesIssuer {
		return connector.Fail(connector.WrongIssuer, nil, "the answer does not say whose it is (iss), as the provider says that its answers do")
	}
	return nil
}

func wrongIssuer(got string) error {
	return connector.Fail(connector.WrongIssuer, nil, "the answer is that of another provider: %s", clip(got))
}

func (o *openID) exchange(ctx context.Context, r connector.Return) (connector.Proof, error) {
	m, err := o.discovery.get(ctx)
	if err != nil {
		return connector.Proof{}, err
	}
	set, err := o.keySet(m) // fetched while the code is redeemed
	if err != nil {
		return connector.Proof{}, err
	}
	style, _ := m.authStyle(o.secret.Empty()) // there is one, or the document would have been refused
	t, err := o.redeem(ctx, o.endpoint(m.authorization, m.token, style, o.scopes()), r)
	if err != nil {
		return connector.Proof{}, err
	}
	tokens := o.tokens(t)
	if tokens.ID.Empty() {
		return connector.Proof{}, connector.Fail(connector.BadAnswer, nil, "the token endpoint sent no ID token: the provider has to treat this client as one of OpenID Connect")
	}
	claims, err := o.verifyIDToken(ctx, set, tokens, r)
	if err != nil {
		return connector.Proof{}, err
	}
	p, err := o.profile(claims)
	return connector.Proof{Profile: p, Tokens: tokens}, err
}

// keysFailure says in words why there are no keys.
func (o *openID) keysFailure(err error) error {
	o.mu.Lock()
	from := o.from
	o.mu.Unlock()
	for _, f := range []struct {
		is     error
		reason connector.Reason
		words  string
	}{
		{jwks.ErrStatus, connector.Unavailable, "the provider answers with an error when it is asked for its keys at %s"},
		{jwks.ErrRedirect, connector.Metadata, "the provider's keys are not at %s: it redirects, which is not followed"},
		{jwks.ErrEmpty, connector.Metadata, "the provider publishes no key at %s that can be used: RS256, ES256 and EdDSA are accepted"},
		{jwks.ErrPrivateKey, connector.Metadata, "the provider publishes a private key at %s: tell its operator that it is no longer secret"},
		{jwks.ErrTooLarge, connector.Metadata, "the document with the provider's keys at %s is too large"},
		{jwks.ErrDuplicateKey, connector.Metadata, "the document with the provider's keys at %s has two keys of one kid"},
		{jwks.ErrMalformed, connector.Metadata, "what is at %s is no document with keys (JWK Set)"},
		{jwks.ErrTimeout, connector.Unreachable, "the provider does not say its keys in time at %s"},
	} {
		if errors.Is(err, f.is) {
			return connector.Fail(f.reason, err, f.words, from)
		}
	}
	host := from
	if u, bad := url.Parse(from); bad == nil {
		host = u.Host
	}
	return o.noAnswer(host, err)
}
