package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/verify"
)

// Verifier is a library as a service uses it, with the defaults that its documentation shows. It says of a
// token whether it is good, and may be asked from many goroutines.
type Verifier interface {
	Name() string
	Version() string
	// Ours says that a refusal of a good token is a failure of ours.
	Ours() bool
	Verify(ctx context.Context, t Token) error
	Close() error
}

// accessTokenType is what a library that leaves it to the service is told to look for (RFC 9068 §2.1).
const accessTokenType = "at+jwt"

// library is a Verifier in this process.
type library struct {
	name, version string
	ours          bool
	verify        func(context.Context, Token) error
	close         func()
}

func (l *library) Name() string                              { return l.name }
func (l *library) Version() string                           { return l.version }
func (l *library) Ours() bool                                { return l.ours }
func (l *library) Verify(ctx context.Context, t Token) error { return l.verify(ctx, t) }
func (l *library) Close() error                              { l.close(); return nil }

// Signet is pkg/verify with a set of pkg/jwks. least is jwks.Config's MinTTL; asked counts, if it is not
// nil, the tokens for whose key the set had to be asked beyond what it had in memory.
func Signet(f *Fleet, name string, kinds []Kind, least time.Duration, asked *atomic.Int64) (Verifier, error) {
	ctx, cancel := context.WithCancel(context.Background())
	set, err := jwks.New(ctx, jwks.Config{URL: f.Balancer().KeysURL(name), MinTTL: least, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		return nil, err
	}
	counted := &countedSet{Set: set, asked: asked}
	byAudience := map[string]*verify.Verifier{}
	for _, k := range kinds {
		if byAudience[k.Audience], err = verify.New(ctx, verify.Config{Issuer: f.Issuer(), Audience: k.Audience, Keys: counted}); err != nil {
			cancel()
			return nil, err
		}
	}
	return &library{name: name, version: "of this checkout", ours: true, close: cancel, verify: func(ctx context.Context, t Token) error {
		_, err := byAudience[t.Audience].Verify(ctx, t.Raw)
		return err
	}}, nil
}

// countedSet counts how often a key is not found in memory.
type countedSet struct {
	*jwks.Set
	asked *atomic.Int64
}

// Key implements verify.KeySource.
func (c *countedSet) Key(ctx context.Context, kid string) (keys.Key, error) {
	if c.asked != nil {
		c.asked.Add(1)
	}
	return c.Set.Key(ctx, kid)
}

// GoOIDC is github.com/coreos/go-oidc with its remote key set.
func GoOIDC(f *Fleet, name string, kinds []Kind) (Verifier, error) {
	ctx, cancel := context.WithCancel(context.Background())
	set := oidc.NewRemoteKeySet(ctx, f.Balancer().KeysURL(name))
	byAudience := map[string]*oidc.IDTokenVerifier{}
	for _, k := range kinds {
		byAudience[k.Audience] = oidc.NewVerifier(f.Issuer(), set, &oidc.Config{
			ClientID: k.Audience, SupportedSigningAlgs: []string{string(k.Algorithm)},
		})
	}
	return &library{name: name, version: version("github.com/coreos/go-oidc/v3"), close: cancel, verify: func(ctx context.Context, t Token) error {
		_, err := byAudience[t.Audience].Verify(ctx, t.Raw)
		return err
	}}, nil
}

// errType is what golang-jwt leaves to the service.
var errType = errors.New("not an access token")

// GolangJWT is github.com/golang-jwt/jwt with github.com/MicahParks/keyfunc as its cache of keys.
func GolangJWT(f *Fleet, name string, kinds []Kind) (Verifier, error) {
	ctx, cancel := context.WithCancel(context.Background())
	// As NewDefaultCtx does it, but what cannot be fetched is counted elsewhere and not printed.
	set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{f.Balancer().KeysURL(name)}, keyfunc.Override{
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) { return func(context.Context, error) {} },
	})
	if err != nil {
		cancel()
		return nil, err
	}
	byAudience := map[string]*jwt.Parser{}
	for _, k := range kinds {
		byAudience[k.Audience] = jwt.NewParser(jwt.WithValidMethods([]string{string(k.Algorithm)}), jwt.WithIssuer(f.Issuer()),
			jwt.WithAudience(k.Audience), jwt.WithExpirationRequired())
	}
	return &library{
		name: name, close: cancel,
		version: version("github.com/golang-jwt/jwt/v5") + " + " + version("github.com/MicahParks/keyfunc/v3"),
		verify: func(ctx context.Context, t Token) error {
			_, err := byAudience[t.Audience].Parse(t.Raw, func(parsed *jwt.Token) (any, error) {
				if parsed.Header["typ"] != accessTokenType {
					return nil, errType
				}
				return set.KeyfuncCtx(ctx)(parsed) // or it would wait for a minute when it may not fetch
			})
			return err
		},
	}, nil
}

// version is the version of a module that this program is built with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}

// Close closes all of them.
func Close(all []Verifier) (err error) {
	for _, v := range all {
		if e := v.Close(); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", v.Name(), e))
		}
	}
	return err
}
