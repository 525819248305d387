package upstream

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/connector"
)

// logoutEvent is what tells a logout token from others (OpenID Connect Back-Channel Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// maxLogoutLife bounds how long it is remembered that a token was seen. Two minutes are recommended
// (§2.4).
const maxLogoutLife = 24 * time.Hour

// verifyLogout follows OpenID Connect Back-Channel Logout 1.0 §2.6. Providers that do not type their
// tokens write JWT, or nothing; the event tells.
func (o *openID) verifyLogout(ctx context.Context, token string) (connector.Logout, error) {
	m, err := o.discovery.get(ctx)
	if err != nil {
		return connector.Logout{}, err
	}
	set, err := o.keySet(m)
	if err != nil {
		return connector.Logout{}, err
	}
	r := &received{openID: o, set: set, types: []string{"JWT", "logout+jwt"}, check: o.checkLogout}
	if _, err := o.verifier(r).VerifyLogout(ctx, token); err != nil {
		return connector.Logout{}, r.refusal(err)
	}
	if err := o.checkTimes(r.claims); err != nil {
		return connector.Logout{}, err
	}
	l := connector.Logout{Issuer: o.connector.Issuer, Subject: r.claims.text("sub"), SessionID: r.claims.text("sid"), TokenID: r.claims.text("jti")}
	l.Expiry, _ = r.claims.moment("exp")
	if l.Expiry.After(o.now().Add(maxLogoutLife)) {
		return connector.Logout{}, connector.Fail(connector.BadToken, nil, "the logout token is good until %s, more than %s from now", stamp(l.Expiry), maxLogoutLife)
	}
	return l, nil
}

func (o *openID) checkLogout(claims object) error {
	if err := o.checkParties(claims); err != nil {
		return err
	}
	bad := func(text string, args ...any) error { return connector.Fail(connector.BadToken, nil, text, args...) }
	events, err := readObject(claims["events"])
	if err != nil {
		return bad("the token is no logout token: it has no events")
	}
	if _, err := readObject(events[logoutEvent]); err != nil {
		return bad("the token is no logout token: its events are others")
	}
	if _, ok := claims["nonce"]; ok {
		return bad("the token has a nonce, as ID tokens have and logout tokens must not")
	}
	for _, name := range []string{"sub", "sid"} {
		if claims.has(name) && !plain(claims.text(name), maxSubject) {
			return bad("the token does not say who is signed out: %s has to be text of 1 to %d bytes", name, maxSubject)
		}
	}
	if !claims.has("sub") && !claims.has("sid") {
		return bad("the token does not say who is signed out: neither sub nor sid is there")
	}
	if !plain(claims.text("jti"), maxSubject) {
		return bad("the token cannot be told from others: it has no jti")
	}
	return nil
}
