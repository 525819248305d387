package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/signet-id/signet/keys"
)

// contender is one way to verify an access token.
type contender struct {
	Name string
	// Bare marks the check of a signature alone, which all others are compared with.
	Bare bool
	// New returns a verifier that has its keys and has seen no token. What it returns is called by
	// many goroutines.
	New func(context.Context, *issuer) (verifier, error)
}

// verifier verifies a token and hands out what a service needs of it.
type verifier func(token) (identity, error)

// identity is what every contender has to extract, so that none is faster by leaving it to the
// service.
type identity struct{ Subject, Scope, Tenant string }

var errBare = errors.New("wrong signature")

// contenders in the order of the table, the bare check first.
func contenders() []contender {
	return []contender{
		{Name: "bare signature check", Bare: true, New: newBare},
		signet("Signet pkg/verify", 0),
		signet("Signet pkg/verify, no cache", -1),
		goOIDC("go-oidc, static keys", false),
		goOIDC("go-oidc, remote keys", true),
		{Name: "golang-jwt", New: newGolangJWT},
		{Name: "lestrrat-go/jwx", New: newJWX},
	}
}

// newBare checks prepared bytes: no parsing, no hashing where the algorithm takes a digest. It is
// the least that a verifier can do.
func newBare(_ context.Context, i *issuer) (verifier, error) {
	switch public := i.Active.Public.(type) {
	case *ecdsa.PublicKey:
		return func(t token) (identity, error) {
			if !ecdsa.VerifyASN1(public, t.Digest, t.Signature) {
				return identity{}, errBare
			}
			return identity{}, nil
		}, nil
	case *rsa.PublicKey:
		return func(t token) (identity, error) {
			return identity{}, rsa.VerifyPKCS1v15(public, crypto.SHA256, t.Digest, t.Signature)
		}, nil
	case ed25519.PublicKey:
		return func(t token) (identity, error) {
			if !ed25519.Verify(public, t.Input, t.Signature) {
				return identity{}, errBare
			}
			return identity{}, nil
		}, nil
	}
	return nil, fmt.Errorf("no bare check for a %T", i.Active.Public)
}

// derOf writes a JWS's ECDSA signature (RFC 7518 §3.4) as crypto/ecdsa takes it.
func derOf(signature []byte) ([]byte, error) {
	half := len(signature) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])})
}

// algorithms by the names of the command line.
func parseAlgorithms(names []string) ([]keys.Algorithm, error) {
	var out []keys.Algorithm
	for _, name := range names {
		alg, err := keys.ParseAlgorithm(name)
		if err != nil {
			return nil, err
		}
		out = append(out, alg)
	}
	return out, nil
}
