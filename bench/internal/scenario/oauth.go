package scenario

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
	"github.com/signet-id/signet/internal/grant"
)

func clientCredentials() Scenario {
	return Scenario{
		Name: "client_credentials", Title: "client credentials", Target: 0.6, HalfLoad: true,
		Needed: Needed{What: "1 signature"},
		Prepare: func(_ context.Context, e *Env) (Maker, error) {
			request := wire.Request{
				Method: "POST", Target: "/token", Host: e.Host,
				Header: []string{wire.Basic(fill.Machine, fill.Secret().Reveal())},
				Form:   url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read orders:write"}},
			}.Bytes()
			return func(n int) []measure.Operation {
				return same(n, func(c *wire.Conn) error {
					a, err := c.Do(request)
					if err == nil && (a.Status != 200 || !isToken(member(a.Body, "access_token"))) {
						err = unexpected("client credentials", a)
					}
					return err
				})
			}, nil
		},
	}
}

// refresh rotates families in turn, always with the successor that it was given last.
func refresh() Scenario {
	return Scenario{
		Name: "refresh", Title: "refresh", Target: 0.5,
		Needed: Needed{Statements: true, What: "2 signatures, 1 statement"},
		Prepare: func(_ context.Context, e *Env) (Maker, error) {
			mac := e.Ring.MAC("refresh-token")
			var tokens [][]byte
			families, _ := e.Families()
			for _, f := range families {
				tokens = append(tokens, []byte(grant.RefreshToken{Family: f.ID}.Format(mac).Reveal()))
			}
			request := wire.Request{Method: "POST", Target: "/token", Host: e.Host, Form: url.Values{
				"grant_type": {"refresh_token"}, "client_id": {fill.Frontend}, "refresh_token": {wire.Place},
			}}
			return func(n int) []measure.Operation {
				out := make([]measure.Operation, n)
				for i := range out {
					out[i] = rotate(tokens, i, n, wire.NewTemplate(request))
				}
				return out
			}, nil
		},
	}
}

// rotate refreshes every n-th of the tokens, from the first on.
func rotate(tokens [][]byte, first, n int, request *wire.Template) measure.Operation {
	at := first
	return func(c *wire.Conn) error {
		if at >= len(tokens) {
			if at = first; at >= len(tokens) {
				return measure.ErrExhausted
			}
		}
		a, err := c.Do(request.Fill(tokens[at]))
		if err != nil {
			return err
		}
		next := member(a.Body, "refresh_token")
		if a.Status != 200 || !isToken(member(a.Body, "access_token")) || next == nil || bytes.Equal(next, tokens[at]) {
			return unexpected("refresh", a)
		}
		tokens[at] = append(tokens[at][:0], next...)
		at += n
		return nil
	}
}

// verifier is the code verifier of every request (RFC 7636); nobody remembers it.
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// authorizeTarget is the authorization request that the frontend sends people away with.
func authorizeTarget() string {
	sum := sha256.Sum256([]byte(verifier))
	return "/authorize?" + url.Values{
		"client_id": {fill.Frontend}, "redirect_uri": {fill.Callback}, "response_type": {"code"}, "scope": {fill.Scopes},
		"state": {"c3RhdGUtb2YtdGhlLWZyb250ZW5k"}, "nonce": {"bm9uY2Utb2YtdGhlLWZyb250ZW5k"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

func redeemRequest(host string) wire.Request {
	return wire.Request{Method: "POST", Target: "/token", Host: host, Form: url.Values{
		"grant_type": {"authorization_code"}, "client_id": {fill.Frontend}, "code": {wire.Place},
		"redirect_uri": {fill.Callback}, "code_verifier": {verifier},
	}}
}

// sessionCookie is its name at an issuer on loopback without TLS.
const sessionCookie = "signet"

// code is a sign-in of people whose browser has a session: there and back through /authorize,
// then the code for tokens.
func code() Scenario {
	return Scenario{
		Name: "code", Title: "code + PKCE", Target: 0.5,
		Needed: Needed{Statements: true, What: "2 signatures, 2 statements, 2 requests"},
		Prepare: func(_ context.Context, e *Env) (Maker, error) {
			var requests [][]byte
			for _, m := range e.members() {
				target := authorizeTarget()
				if e.Cast != nil { // who may belong to many tenants
					target += "&organization=" + m.Slug
				}
				requests = append(requests, wire.Request{
					Method: "GET", Target: target, Host: e.Host,
					Header: append(browser(), "Cookie: "+sessionCookie+"="+m.Cookie.Reveal()),
				}.Bytes())
			}
			return func(n int) []measure.Operation {
				out := make([]measure.Operation, n)
				for i := range out {
					at, redeem := i, wire.NewTemplate(redeemRequest(e.Host))
					out[i] = func(c *wire.Conn) error {
						a, err := c.Do(requests[at%len(requests)])
						at += n
						if err != nil {
							return err
						}
						return redeemCode(c, a, redeem)
					}
				}
				return out
			}, nil
		},
	}
}

// browser is what a browser sends when somebody follows a link.
func browser() []string {
	return []string{
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Accept: text/html", "Accept-Language: en",
		"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
	}
}

// redeemCode takes the code out of a redirect to the frontend and redeems it.
func redeemCode(c *wire.Conn, a wire.Answer, request *wire.Template) error {
	_, rest, ok := bytes.Cut(a.Header("Location"), []byte(fill.Callback+"?code="))
	if a.Status != 303 || !ok {
		return unexpected("authorization", a)
	}
	code, _, _ := bytes.Cut(rest, []byte("&"))
	a, err := c.Do(request.Fill(code))
	if err == nil && (a.Status != 200 || !isToken(member(a.Body, "access_token")) || !isToken(member(a.Body, "id_token")) || member(a.Body, "refresh_token") == nil) {
		err = unexpected("code redemption", a)
	}
	return err
}
