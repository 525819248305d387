package upstream

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
)

// Test looks at a connector, stored or not, as somebody who signs in would, and says in words what is
// right and what is wrong. Nothing that is kept for sign-ins is used or changed.
func (p *Providers) Test(ctx context.Context, c connector.Connector, s secret.Text) []connector.Finding {
	select {
	case p.tests <- struct{}{}:
		defer func() { <-p.tests }()
	default:
		return []connector.Finding{{Check: "Test", Detail: "Too many connections are tested just now: try again in a moment."}}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*p.cfg.Patience)
	defer cancel() // which ends what the protocol does in the background too
	return p.speak(ctx, c.WithDefaults(), s, nil).probe(ctx)
}

// register says which addresses the provider has to know.
func (w *way) register(logout string) []connector.Finding {
	out := []connector.Finding{{
		Check: "Redirect URI", OK: true,
		Detail: "Register this redirect URI there, exactly so: " + w.redirectURI(),
	}}
	if logout != "" {
		out = append(out, connector.Finding{Check: "Back-channel logout", OK: true, Detail: logout + w.url + w.connector.LogoutPath()})
	}
	return out
}

func (o *openID) probe(ctx context.Context) []connector.Finding {
	const check = "Discovery"
	m, err := o.download(ctx)
	if err != nil {
		return append([]connector.Finding{{Check: check, Detail: sentence(err)}}, o.register("")...)
	}
	out := append([]connector.Finding{found(check, "", "The document is at %s.", discoveryURL(o.connector.Issuer))},
		m.findings(o.connector.Issuer, o.secret.Empty())...)
	usable := m.fault(o.connector.Issuer, o.secret.Empty()) == nil
	if usable {
		out = append(out, o.probeKeys(ctx, m))
		style, _ := m.authStyle(o.secret.Empty())
		out = append(out, o.probeClient(ctx, o.endpoint(m.authorization, m.token, style, o.scopes())))
	}
	logout := "So that signing out there ends sessions here too, register this back-channel logout URI: "
	if !m.logout {
		logout = "The provider does not say that it supports back-channel logout. If it does, register this URI: "
	}
	if o.connector.Kind == connector.Google {
		logout = ""
	}
	return append(out, o.register(logout)...)
}

func (o *openID) probeKeys(ctx context.Context, m *metadata) connector.Finding {
	const check = "Keys"
	set, err := o.keySet(m)
	if err != nil {
		return connector.Finding{Check: check, Detail: sentence(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	// The first fetch decides: waiting for one that succeeds would be waiting for the deadline.
	if err := set.Refresh(ctx); err != nil {
		return connector.Finding{Check: check, Detail: sentence(o.keysFailure(err))}
	}
	return found(check, "", "%d keys were loaded from %s.", len(set.Health().Keys), m.jwks)
}

// probeClient shows the token endpoint a code that it never issued. Whoever authenticates clients
// first (RFC 6749 §3.2.1) says by its error whether it knows this one.
func (w *way) probeClient(ctx context.Context, c *oauth2.Config) connector.Finding {
	const check = "Client"
	made := connector.Return{Code: secret.Generate().Reveal(), Verifier: secret.Generate().Reveal(), RedirectURI: w.redirectURI()}
	_, refusal, err := w.spend(ctx, c, made)
	if err == nil && refusal == nil {
		return connector.Finding{Check: check, Detail: "The token endpoint took a code that nobody issued: this is no provider to trust."}
	}
	if refusal != nil {
		err = w.refused(refusal, made)
	}
	switch {
	case refusal != nil && connector.ReasonOf(err) == connector.CodeRefused && refusal.ErrorCode != "redirect_uri_mismatch":
		return found(check, "", "The provider accepts the client id and the client secret, unless it looks at codes first.")
	case refusal != nil && connector.ReasonOf(err) == connector.BadAnswer && refusal.ErrorCode != "" && refusal.Response.StatusCode == http.StatusBadRequest:
		return found(check, "", "The provider refused a made-up code with %s, which says nothing about the client id and secret: the first sign-in will tell.", w.quote(refusal.ErrorCode))
	}
	return connector.Finding{Check: check, Detail: sentence(err)}
}

// sentence returns the words of a failure as a sentence.
func sentence(err error) string {
	var f *connector.Failure
	if !errors.As(err, &f) || f.Text == "" {
		return "Something went wrong here: the log says what."
	}
	s := strings.ToUpper(f.Text[:1]) + f.Text[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func (g *gitHub) probe(ctx context.Context) []connector.Finding {
	return append([]connector.Finding{g.probeClient(ctx, g.oauth())}, g.register("")...)
}
