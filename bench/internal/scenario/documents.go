package scenario

import (
	"bytes"
	"context"

	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
)

const (
	jwksPath      = "/.well-known/jwks.json"
	discoveryPath = "/.well-known/openid-configuration"
)

func jwks() Scenario {
	return Scenario{
		Name: "jwks", Title: "JWKS", Target: 0.6, Needed: Needed{What: Bytes},
		Prepare: document(jwksPath, `"kid":"`),
	}
}

func discovery() Scenario {
	return Scenario{
		Name: "discovery", Title: "discovery", Target: 0.6, Needed: Needed{What: Bytes},
		Prepare: document(discoveryPath, `"jwks_uri":"`),
	}
}

func document(path, holds string) func(context.Context, *Env) (Maker, error) {
	return func(_ context.Context, e *Env) (Maker, error) {
		request := wire.Request{Method: "GET", Target: path, Host: e.Host}.Bytes()
		return func(n int) []measure.Operation {
			return same(n, func(c *wire.Conn) error {
				a, err := c.Do(request)
				if err == nil && (a.Status != 200 || !bytes.Contains(a.Body, []byte(holds))) {
					err = unexpected(path, a)
				}
				return err
			})
		}, nil
	}
}

// jwksUnchanged is a verifier that holds the current document already.
func jwksUnchanged() Scenario {
	return Scenario{
		Name: "jwks_304", Title: "JWKS, not modified", Target: 0.6, Needed: Needed{What: "no body"},
		Prepare: func(ctx context.Context, e *Env) (Maker, error) {
			a, err := one(ctx, e.Host, wire.Request{Method: "GET", Target: jwksPath, Host: e.Host}.Bytes())
			if err != nil {
				return nil, err
			}
			etag := a.Header("ETag")
			if a.Status != 200 || etag == nil {
				return nil, unexpected(jwksPath, a)
			}
			request := wire.Request{Method: "GET", Target: jwksPath, Host: e.Host, Header: []string{"If-None-Match: " + string(etag)}}.Bytes()
			return func(n int) []measure.Operation {
				return same(n, func(c *wire.Conn) error {
					a, err := c.Do(request)
					if err == nil && a.Status != 304 {
						err = unexpected(jwksPath, a)
					}
					return err
				})
			}, nil
		},
	}
}
