package upstream

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

// leeway is how much the provider's clock and ours may differ.
const leeway = time.Minute

// received is one token that a provider signed. It is the oidc.KeySet of its own verification: it
// reads as strictly as package keys does, and keeps what it read and why it refused, which the
// library does not tell.
type received struct {
	*openID
	set    *jwks.Set
	types  []string             // of the header that are accepted, besides none
	check  func(o object) error // what is demanded of the claims besides times
	claims object
	why    error
}

// VerifySignature returns the payload of a token whose signature and claims are good.
func (r *received) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := r.verify(ctx, token)
	if r.why = err; err != nil {
		return nil, err
	}
	return payload, nil
}

func (r *received) verify(ctx context.Context, token string) ([]byte, error) {
	u, err := keys.Parse(token)
	if err != nil {
		return nil, connector.Fail(connector.BadToken, err, "the token cannot be read: it has to be a compact JWS of at most %d bytes, signed with RS256, ES256 or EdDSA", keys.MaxTokenSize)
	}
	if u.Type != "" && !u.IsType(r.types...) {
		return nil, connector.Fail(connector.BadToken, nil, "the token is of another kind: its typ is %s", clip(u.Type))
	}
	key, err := r.key(ctx, u)
	if err != nil {
		return nil, err
	}
	payload, err := u.Verify(key)
	if err != nil {
		return nil, connector.Fail(connector.BadToken, err, "the signature of the token does not match the provider's key %s", clip(key.ID))
	}
	if r.claims, err = readObject(payload); err != nil {
		return nil, connector.Fail(connector.BadToken, err, "the claims of the token cannot be read")
	}
	return payload, r.check(r.claims)
}

// key finds the key of a token. One without a kid may be of a provider that has only one (Core
// §10.1).
func (r *received) key(ctx context.Context, u keys.Unverified) (keys.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	kid := u.KeyID
	if kid == "" {
		if err := r.set.Ready(ctx); err != nil {
			return keys.Key{}, r.keysFailure(err)
		}
		published := r.set.Health().Keys
		if len(published) != 1 {
			return keys.Key{}, connector.Fail(connector.BadToken, nil, "the token does not say with which of the provider's %d keys it is signed (kid)", len(published))
		}
		kid = published[0]
	}
	k, err := r.set.Key(ctx, kid)
	switch {
	case errors.Is(err, jwks.ErrUnknownKey):
		return k, connector.Fail(connector.BadToken, err, "the token is signed with a key that the provider does not publish")
	case err != nil:
		return k, r.keysFailure(err)
	}
	return k, nil
}

// verifier is that of the library. Times are judged here, after everything else, and with leeway.
func (o *openID) verifier(r *received) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(o.connector.Issuer, r, &oidc.Config{
		ClientID: o.connector.ClientID, SupportedSigningAlgs: algorithms(), SkipExpiryCheck: true, Now: o.now,
	})
}

// refusal is why r was refused, in our words if there are any.
func (r *received) refusal(err error) error {
	if r.why != nil {
		return r.why
	}
	return connector.Fail(connector.BadToken, nil, "the token is refused: %s", clip(err.Error()))
}

// verifyIDToken returns the claims of an ID token that is the answer to this sign-in (OpenID Connect
// Core 1.0 §3.1.3.7).
func (o *openID) verifyIDToken(ctx context.Context, set *jwks.Set, t connector.Tokens, r connector.Return) (object, error) {
	token := &received{openID: o, set: set, types: []string{"JWT"}, check: func(claims object) error {
		if err := o.checkParties(claims); err != nil {
			return err
		}
		if claims.has("events") {
			return connector.Fail(connector.BadToken, nil, "the token is a logout token")
		}
		// Without a nonce of ours any would do.
		if r.Nonce == "" || subtle.ConstantTimeCompare([]byte(claims.text("nonce")), []byte(r.Nonce)) != 1 {
			return connector.Fail(connector.BadToken, nil, "the ID token was not made for this sign-in: its nonce is another")
		}
		return nil
	}}
	verified, err := o.verifier(token).Verify(ctx, t.ID.Reveal())
	if err != nil {
		return nil, token.refusal(err)
	}
	if token.claims.has("at_hash") {
		if err := verified.VerifyAccessToken(t.Access.Reveal()); err != nil {
			return nil, connector.Fail(connector.BadToken, nil, "the ID token was not issued together with the access token: at_hash does not match")
		}
	}
	if err := o.checkTimes(token.claims); err != nil {
		return nil, err
	}
	return token.claims, o.checkFresh(token.claims, r)
}

// checkParties says whether the token is from the provider and for us. Names are compared byte for
// byte; that of the library takes those for the same that differ in case.
func (o *openID) checkParties(claims object) error {
	if got := claims.text("iss"); got != o.connector.Issuer {
		return connector.Fail(connector.BadToken, nil, "the token is of another issuer (iss): %s", clip(got))
	}
	audience, ok := claims.texts("aud")
	if !ok || !slices.Contains(audience, o.connector.ClientID) {
		return connector.Fail(connector.BadToken, nil, "the token is for somebody else (aud): it has to name the client id %s", clip(o.connector.ClientID))
	}
	if claims.has("azp") && claims.text("azp") != o.connector.ClientID || len(audience) > 1 && !claims.has("azp") {
		return connector.Fail(connector.BadToken, nil, "the token was issued to somebody else (azp): it has to name the client id %s", clip(o.connector.ClientID))
	}
	return nil
}

// checkTimes judges exp, iat and nbf.
func (o *openID) checkTimes(claims object) error {
	now := o.now()
	exp, ok1 := claims.moment("exp")
	iat, ok2 := claims.moment("iat")
	nbf, ok3 := claims.moment("nbf")
	if !ok1 || !ok2 || !ok3 || exp.IsZero() || iat.IsZero() {
		return connector.Fail(connector.BadToken, nil, "the token does not say when it was issued and when it expires (iat, exp)")
	}
	const advice = "one of the clocks is wrong"
	switch {
	case !now.Before(exp.Add(leeway)):
		return connector.Fail(connector.Clock, nil, "the token expired at %s, and here it is %s: %s", stamp(exp), stamp(now), advice)
	case now.Add(leeway).Before(iat):
		return connector.Fail(connector.Clock, nil, "the token was issued at %s, and here it is %s: %s", stamp(iat), stamp(now), advice)
	case now.Add(leeway).Before(nbf):
		return connector.Fail(connector.Clock, nil, "the token is valid from %s on, and here it is %s: %s", stamp(nbf), stamp(now), advice)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkFresh says whether the person signed in at the provider as lately as was demanded. Google
// never says when; to be let choose the account anew is all that it has.
func (o *openID) checkFresh(claims object, r connector.Return) error {
	at, ok := claims.moment("auth_time")
	now := o.now()
	switch {
	case !ok:
		return connector.Fail(connector.BadToken, nil, "the token does not say when the person signed in: auth_time is no time")
	case now.Add(leeway).Before(at):
		return connector.Fail(connector.Clock, nil, "the person signed in at %s, and here it is %s: one of the clocks is wrong", stamp(at), stamp(now))
	case !r.Fresh && r.MaxAge < 0, at.IsZero() && o.connector.Kind == connector.Google:
		return nil
	case at.IsZero():
		return connector.Fail(connector.NotFresh, nil, "the provider was asked to let the person sign in again and does not say when they did: it has to put auth_time into the ID token")
	case r.Fresh && at.Add(leeway).Before(r.StartedAt):
		return connector.Fail(connector.NotFresh, nil, "the provider was asked to let the person sign in again, and they last did at %s", stamp(at))
	case !r.Fresh && at.Add(time.Duration(min(r.MaxAge, 1<<31))*time.Second+leeway).Before(now):
		return connector.Fail(connector.NotFresh, nil, "the person was to have signed in within %d seconds, and they last did at %s", r.MaxAge, stamp(at))
	}
	return nil
}
