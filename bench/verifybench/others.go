package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	jwxt "github.com/lestrrat-go/jwx/v3/jwt"
)

// Each library below is set up to check all that its interface offers, in the way that its
// documentation shows. Conformance finds out what remains unchecked.

const accessTokenType = "at+jwt"

var errType = errors.New("not an access token")

// goOIDC is github.com/coreos/go-oidc: made for ID tokens, and used for access tokens often.
func goOIDC(name string, remote bool) contender {
	return contender{Name: name, New: func(ctx context.Context, i *issuer) (verifier, error) {
		var set oidc.KeySet = &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{i.Active.Public, i.Next.Public}}
		if remote {
			set = oidc.NewRemoteKeySet(ctx, i.URL+"/.well-known/jwks.json")
		}
		v := oidc.NewVerifier(i.URL, set, &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{string(i.Algorithm)}})
		return func(t token) (identity, error) {
			parsed, err := v.Verify(ctx, t.Raw)
			if err != nil {
				return identity{}, err
			}
			var claims struct {
				Scope  string `json:"scope"`
				Tenant string `json:"tenant"`
			}
			if err := parsed.Claims(&claims); err != nil {
				return identity{}, err
			}
			return identity{parsed.Subject, claims.Scope, claims.Tenant}, nil
		}, nil
	}}
}

// newGolangJWT is github.com/golang-jwt/jwt. It knows no JWKS: the keys are in a map.
func newGolangJWT(_ context.Context, i *issuer) (verifier, error) {
	byID := map[string]crypto.PublicKey{i.Active.ID: i.Active.Public, i.Next.ID: i.Next.Public}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(i.Algorithm)}), jwt.WithIssuer(i.URL), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway))
	key := func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != accessTokenType {
			return nil, errType
		}
		kid, _ := t.Header["kid"].(string)
		public, ok := byID[kid]
		if !ok {
			return nil, fmt.Errorf("unknown key %q", kid)
		}
		return public, nil
	}
	type claims struct {
		jwt.RegisteredClaims
		Scope  string `json:"scope"`
		Tenant string `json:"tenant"`
	}
	return func(t token) (identity, error) {
		var c claims
		if _, err := parser.ParseWithClaims(t.Raw, &c, key); err != nil {
			return identity{}, err
		}
		return identity{c.Subject, c.Scope, c.Tenant}, nil
	}, nil
}

// newJWX is github.com/lestrrat-go/jwx, with a key provider so that typ is checked too.
func newJWX(_ context.Context, i *issuer) (verifier, error) {
	byID := map[string]jwk.Key{}
	for id, public := range map[string]crypto.PublicKey{i.Active.ID: i.Active.Public, i.Next.ID: i.Next.Public} {
		key, err := jwk.Import(public)
		if err != nil {
			return nil, err
		}
		byID[id] = key
	}
	alg, ok := jwa.LookupSignatureAlgorithm(string(i.Algorithm))
	if !ok {
		return nil, fmt.Errorf("jwx does not know %s", i.Algorithm)
	}
	provider := jws.KeyProviderFunc(func(_ context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
		head := sig.ProtectedHeaders()
		if typ, _ := head.Type(); typ != accessTokenType {
			return errType
		}
		if got, _ := head.Algorithm(); got != alg {
			return fmt.Errorf("algorithm %s", got)
		}
		kid, _ := head.KeyID()
		key, ok := byID[kid]
		if !ok {
			return fmt.Errorf("unknown key %q", kid)
		}
		sink.Key(alg, key)
		return nil
	})
	options := []jwxt.ParseOption{
		jwxt.WithKeyProvider(provider), jwxt.WithIssuer(i.URL), jwxt.WithAudience(audience),
		jwxt.WithRequiredClaim("exp"), jwxt.WithAcceptableSkew(leeway), jwxt.WithValidate(true),
	}
	return func(t token) (identity, error) {
		parsed, err := jwxt.ParseString(t.Raw, options...)
		if err != nil {
			return identity{}, err
		}
		var out identity
		out.Subject, _ = parsed.Subject()
		if err := parsed.Get("scope", &out.Scope); err != nil {
			return identity{}, err
		}
		if err := parsed.Get("tenant", &out.Tenant); err != nil {
			return identity{}, err
		}
		return out, nil
	}, nil
}
