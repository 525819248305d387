package issuer

import (
	"cmp"
	"context"
	"errors"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// errSeveralAlgorithms answers a request for one token that no resource server among those it is for
// would accept from the others. A grant may well be for all of them (RFC 8707 §2.2): each token then
// names its own, which is best anyway, since whoever receives a token can use it at every audience.
var errSeveralAlgorithms = errInvalidTarget.hint("The resources expect tokens that are signed with different algorithms: ask for one token for each, with one resource parameter. A code or refresh token that was sent is still good.")

// idTokenAlgorithm is what ID tokens of the client are signed with.
func (i *Issuer) idTokenAlgorithm(c client.Client) keys.Algorithm {
	return cmp.Or(c.IDTokenAlgorithm, i.Keys.Default())
}

// accessTokenAlgorithm is what an access token of the client for the resource servers is signed with:
// what they chose. That the issuer is an audience besides makes no difference; it accepts them all.
func (i *Issuer) accessTokenAlgorithm(c client.Client, audiences []string) (keys.Algorithm, error) {
	alg, ok := c.TokenAlgorithms.For(audiences, i.Keys.Default())
	if !ok {
		return "", errSeveralAlgorithms
	}
	return alg, nil
}

// oneAlgorithm reports whether whatever the client asks for is signed with the same algorithm, as is
// the rule: nothing needs to be looked up then before a code or refresh token is spent.
func (i *Issuer) oneAlgorithm(c client.Client) bool {
	_, err := i.accessTokenAlgorithm(c, c.Audiences)
	return err == nil
}

// checkAlgorithm refuses a token for all of the granted audiences that are still the client's.
func (i *Issuer) checkAlgorithm(c client.Client, granted []string) error {
	_, err := i.accessTokenAlgorithm(c, still(granted, c.Audiences))
	return err
}

// checkCode is checkAlgorithm before a code is spent. What else may be wrong with the code is for its
// redemption to say.
func (i *Issuer) checkCode(ctx context.Context, code secret.Text, c client.Client, asked []string) error {
	if i.oneAlgorithm(c) {
		return nil
	}
	if len(asked) == 0 {
		found, err := i.Codes.FindCode(ctx, code.Hash(), c.ID)
		if errors.Is(err, errdefs.ErrNotFound) || err == nil && found.Spent {
			return nil
		}
		if err != nil {
			return err
		}
		asked = found.Audiences
	}
	return i.checkAlgorithm(c, asked)
}
