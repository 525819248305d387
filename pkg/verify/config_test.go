package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
	"github.com/signet-id/signet/pkg/verify"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*verify.Config)
		want   []string // parts of the error; none for a good Config
	}{
		{"issuer and audience are enough", func(*verify.Config) {}, nil},
		{"an issuer with a path", func(c *verify.Config) { c.Issuer = "https://example.com/id/" }, nil},
		{"http on loopback", func(c *verify.Config) { c.Issuer = "http://127.0.0.1:8080" }, nil},
		{"http on loopback, IPv6", func(c *verify.Config) { c.Issuer = "http://[::1]:8080" }, nil},
		{"http on localhost", func(c *verify.Config) { c.Issuer = "http://localhost:8080" }, nil},
		{"no issuer", func(c *verify.Config) { c.Issuer = "" }, []string{"Config.Issuer is empty"}},
		{"no audience", func(c *verify.Config) { c.Audience = "" }, []string{"Config.Audience is empty"}},
		{"all at once", func(c *verify.Config) { *c = verify.Config{Leeway: -1} }, []string{"Config.Issuer", "Config.Audience", "Config.Leeway"}},
		{"http elsewhere", func(c *verify.Config) { c.Issuer = "http://id.example.com" }, []string{"must use https"}},
		{"http on a host that begins like loopback", func(c *verify.Config) { c.Issuer = "http://127.0.0.1.example.com" }, []string{"must use https"}},
		{"a host alone", func(c *verify.Config) { c.Issuer = "id.example.com" }, []string{"names no host"}},
		{"no URL", func(c *verify.Config) { c.Issuer = "https://%zz" }, []string{"is no URL"}},
		{"a query", func(c *verify.Config) { c.Issuer += "?a" }, []string{"query"}},
		{"an empty query", func(c *verify.Config) { c.Issuer += "/?" }, []string{"query"}},
		{"a fragment", func(c *verify.Config) { c.Issuer += "#" }, []string{"fragment"}},
		{"a user", func(c *verify.Config) { c.Issuer = "https://u:p@id.example.com" }, []string{"user name"}},
		{"the greatest leeway", func(c *verify.Config) { c.Leeway = verify.MaxLeeway }, nil},
		{"more than the greatest leeway", func(c *verify.Config) { c.Leeway = verify.MaxLeeway + 1 }, []string{"Config.Leeway"}},
		{"an unknown algorithm", func(c *verify.Config) { c.Algorithms = []keys.Algorithm{keys.ES256, "HS256"} }, []string{"Config.Algorithms", "HS256"}},
		{"alg none", func(c *verify.Config) { c.Algorithms = []keys.Algorithm{"none"} }, []string{"Config.Algorithms"}},
		{"a cache beyond reason", func(c *verify.Config) { c.CacheSize = 1 << 30 }, []string{"Config.CacheSize"}},
		{"a JWKS URL over http", func(c *verify.Config) { c.JWKSURL = "http://id.example.com/jwks" }, []string{"https"}},
		{"keys and a URL of keys", func(c *verify.Config) { c.Keys, c.JWKSURL = everyKey(), "https://id.example.com/jwks" }, []string{"Config.Keys"}},
		{"the keys of a jwks.New that failed", func(c *verify.Config) { c.Keys = (*jwks.Set)(nil) }, []string{"Config.Keys", "jwks.New"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := verify.Config{Issuer: issuer, Audience: audience, Client: nowhere()}
			c.change(&config)
			if config.Keys != nil {
				config.Client = nil
			}
			v, err := verify.New(t.Context(), config)
			if (err == nil) != (c.want == nil) || (v == nil) != (err != nil) {
				t.Fatalf("error = %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error = %v, without %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Error("the error repeats a password")
			}
		})
	}
}

func TestTheConfigIsCopied(t *testing.T) {
	t.Parallel()
	allowed := []keys.Algorithm{keys.ES256}
	v := build(t, func(c *verify.Config) { c.Algorithms = allowed })
	allowed[0] = keys.EdDSA
	_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], nil))
	refused(t, err, verify.ErrAlgorithm)
}

func TestHealthOfAForeignKeySource(t *testing.T) {
	t.Parallel()
	v := build(t, nil)
	if h := v.Health(); h.State != jwks.Never || h.Keys != nil {
		t.Errorf("Health = %+v", h)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := v.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheClockIsTheMachinesByDefault(t *testing.T) {
	t.Parallel()
	v := build(t, func(c *verify.Config) { c.Now = nil })
	now := time.Now()
	if _, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{"iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})); err != nil {
		t.Error(err)
	}
	_, err := v.Verify(t.Context(), mint(t, pairs()[keys.EdDSA], map[string]any{"iat": 0, "exp": now.Add(-time.Minute).Unix()}))
	refused(t, err, verify.ErrExpired)
}
