package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

// newHasher returns the password hasher that the settings ask for.
func newHasher(c config.Config, o password.Observer, now func() time.Time) (*password.Hasher, error) {
	return password.New(password.Config{
		Memory:      uint32(c.Password.Argon2MemoryKiB),
		Time:        uint32(c.Password.Argon2Time),
		Parallelism: uint8(c.Password.Argon2Parallelism),
		Concurrency: c.Password.MaxConcurrent,
		Observer:    o,
		Now:         now,
	})
}

// newRules returns the rules for new passwords, with the operator's blocklist if there is one.
func newRules(c config.Config) (*password.Rules, error) {
	rc := password.RulesConfig{Min: c.Password.MinLength, Service: []string{c.Brand.Name, c.IssuerURL().Hostname()}}
	if c.Password.BlocklistFile != "" {
		f, err := os.Open(c.Password.BlocklistFile)
		if err != nil {
			return nil, fmt.Errorf("passwords.blocklist_file: %w", err)
		}
		defer func() { _ = f.Close() }()
		if rc.Blocklist, err = password.LoadBlocklist(f); err != nil {
			return nil, fmt.Errorf("passwords.blocklist_file: %w", err)
		}
	}
	return password.NewRules(rc)
}

// HashNewPassword checks a password by the same rules as the hosted pages and returns its
// encoded hash. The error says which rule it breaks and never repeats it.
func HashNewPassword(ctx context.Context, c config.Config, p secret.Text, email, name string) (string, error) {
	rules, err := newRules(c)
	if err != nil {
		return "", err
	}
	if err := rules.Check(p, password.Context{Email: email, Name: name}); err != nil {
		return "", err
	}
	hasher, err := newHasher(c, password.Observer{}, time.Now)
	if err != nil {
		return "", err
	}
	return hasher.Hash(ctx, p)
}
