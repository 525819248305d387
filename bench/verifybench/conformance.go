package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// trial is a token that no service may accept.
type trial struct {
	Name string
	// Vital trials decide whether a contender may take part: a library that does not refuse them
	// was set up wrongly here.
	Vital bool
	Make  func(*issuer) (string, error)
}

func trials() []trial {
	with := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if value == nil {
				delete(c, name)
				return
			}
			c[name] = value
		}
	}
	claim := func(name string, value any) func(*issuer) (string, error) {
		return func(i *issuer) (string, error) { return i.Token(accessTokenType, 0, with(name, value)) }
	}
	return []trial{
		{"signature", true, func(i *issuer) (string, error) {
			one, err := i.Token(accessTokenType, 0, nil)
			if err != nil {
				return "", err
			}
			other, err := i.Token(accessTokenType, 1, nil)
			return one[:strings.LastIndexByte(one, '.')] + other[strings.LastIndexByte(other, '.'):], err
		}},
		{"iss", true, claim("iss", "https://elsewhere.example")},
		{"aud", true, claim("aud", []string{"https://billing.example"})},
		{"exp", true, claim("exp", time.Now().Add(-time.Hour).Unix())},
		{"typ", false, func(i *issuer) (string, error) { return i.Token("JWT", 0, nil) }},
		{"exp absent", false, claim("exp", nil)},
		{"nbf", false, claim("nbf", time.Now().Add(10*time.Minute).Unix())},
		{"iat in the future", false, claim("iat", time.Now().Add(10*time.Minute).Unix())},
		{"sub, client_id or jti absent", false, func(i *issuer) (string, error) {
			return i.Token(accessTokenType, 0, func(c map[string]any) { delete(c, "sub"); delete(c, "client_id"); delete(c, "jti") })
		}},
	}
}

// unchecked returns the trials that v accepts. The error says that it must not take part: it
// refuses good tokens, extracts something else, or lets a vital trial pass.
func unchecked(ctx context.Context, c contender, i *issuer) ([]string, error) {
	v, err := c.New(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	raw, err := i.Token(accessTokenType, 0, nil)
	if err != nil {
		return nil, err
	}
	good, err := dissect(raw, i.Algorithm)
	if err != nil {
		return nil, err
	}
	for range 2 { // the second time from a cache, if there is one
		got, err := v(good)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s refuses a good %s token: %w", c.Name, i.Algorithm, err)
		case !c.Bare && (!strings.HasPrefix(got.Subject, "usr_") || !sameScope(got.Scope) || got.Tenant != tenant):
			return nil, fmt.Errorf("%s read %+v", c.Name, got)
		}
	}
	var passed []string
	for _, bad := range trials() {
		raw, err := bad.Make(i)
		if err != nil {
			return nil, err
		}
		t, err := dissect(raw, i.Algorithm)
		if err != nil {
			return nil, err
		}
		if _, err := v(t); err != nil {
			continue
		}
		if bad.Vital && (!c.Bare || bad.Name == "signature") {
			return nil, fmt.Errorf("%s accepts a bad %s", c.Name, bad.Name)
		}
		passed = append(passed, bad.Name)
	}
	return passed, nil
}
