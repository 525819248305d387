package main

import (
	"context"
	"strings"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

// signet is pkg/verify as a service uses it: keys from the issuer's JWKS, over the network.
// cacheSize is verify.Config's: 0 is its default, negative none.
func signet(name string, cacheSize int) contender {
	return contender{Name: name, New: func(ctx context.Context, i *issuer) (verifier, error) {
		v, err := verify.New(ctx, verify.Config{
			Issuer: i.URL, Audience: audience, Algorithms: []keys.Algorithm{i.Algorithm}, Leeway: leeway, CacheSize: cacheSize,
		})
		if err != nil {
			return nil, err
		}
		if err := v.Ready(ctx); err != nil {
			return nil, err
		}
		return func(t token) (identity, error) {
			c, err := v.Verify(ctx, t.Raw)
			if err != nil {
				return identity{}, err
			}
			out := identity{Subject: c.Subject, Tenant: c.Tenant}
			if len(c.Scopes) > 0 {
				out.Scope = c.Scopes[0] // a list here: nobody needs to split it again
			}
			return out, nil
		}, nil
	}}
}

// sameScope reports whether got is the scope, or the first of its list.
func sameScope(got string) bool { return got == scope || got == strings.Fields(scope)[0] }
