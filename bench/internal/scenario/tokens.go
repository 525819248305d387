package scenario

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
	"github.com/signet-id/signet/keys"
)

const (
	// firstSeenRate is how many tokens never seen before are made for each second; a server that
	// goes through them faster is measured for a shorter time.
	firstSeenRate = 14_000
	// owners is how many people the tokens are about, at most: what a server keeps about people must
	// not make a token that it sees first look like one it has seen.
	owners = 2_000
	// fewTokens is how many are shown over and over where tokens are seen again.
	fewTokens = 200
)

func introspectFirst() Scenario {
	return Scenario{
		Name: "introspect_first", Title: "introspection, first seen", Target: 0.6,
		Needed:  Needed{Verifications: 1, What: "1 verification"},
		Prepare: firstSeen(introspection),
	}
}

func introspectAgain() Scenario {
	return Scenario{
		Name: "introspect_again", Title: "introspection, seen again", Target: 0.6, Needed: Needed{What: "JSON"},
		Prepare: seenAgain(introspection),
	}
}

func userinfoFirst() Scenario {
	return Scenario{
		Name: "userinfo_first", Title: "userinfo, first seen", Target: 0.6,
		Needed:  Needed{Verifications: 1, What: "1 verification"},
		Prepare: firstSeen(userinfo),
	}
}

func userinfoAgain() Scenario {
	return Scenario{
		Name: "userinfo_again", Title: "userinfo, seen again", Target: 0.6, Needed: Needed{What: "JSON"},
		Prepare: seenAgain(userinfo),
	}
}

// question is a request about a token and what its answer must hold.
type question struct {
	request wire.Request
	check   func(wire.Answer) bool
}

func introspection(host string) question {
	return question{
		wire.Request{
			Method: "POST", Target: "/introspect", Host: host,
			Header: []string{wire.Basic(fill.API, fill.Secret().Reveal())}, Form: url.Values{"token": {wire.Place}},
		},
		func(a wire.Answer) bool { return a.Status == 200 && bytes.Contains(a.Body, []byte(`"active":true`)) },
	}
}

func userinfo(host string) question {
	return question{
		wire.Request{Method: "GET", Target: "/userinfo", Host: host, Header: []string{wire.Bearer(wire.Place)}},
		func(a wire.Answer) bool {
			return a.Status == 200 && bytes.HasPrefix(member(a.Body, "sub"), []byte("usr_"))
		},
	}
}

func (q question) ask(c *wire.Conn, request *wire.Template, token []byte) error {
	a, err := c.Do(request.Fill(token))
	if err == nil && !q.check(a) {
		err = unexpected(q.request.Target, a)
	}
	return err
}

func firstSeen(about func(host string) question) func(context.Context, *Env) (Maker, error) {
	return func(ctx context.Context, e *Env) (Maker, error) {
		tokens, err := mint(ctx, e, int(firstSeenRate*e.Longest.Seconds()))
		if err != nil {
			return nil, err
		}
		q := about(e.Host)
		var used atomic.Int64 // never twice, whatever the phase
		return func(n int) []measure.Operation {
			out := make([]measure.Operation, n)
			for i := range out {
				request := wire.NewTemplate(q.request)
				out[i] = func(c *wire.Conn) error {
					at := used.Add(1) - 1
					if at >= int64(len(tokens)) {
						return measure.ErrExhausted
					}
					return q.ask(c, request, tokens[at])
				}
			}
			return out
		}, nil
	}
}

func seenAgain(about func(host string) question) func(context.Context, *Env) (Maker, error) {
	return func(ctx context.Context, e *Env) (Maker, error) {
		tokens, err := mint(ctx, e, fewTokens)
		if err != nil {
			return nil, err
		}
		q := about(e.Host)
		return func(n int) []measure.Operation {
			out := make([]measure.Operation, n)
			for i := range out {
				at, request := i, wire.NewTemplate(q.request)
				out[i] = func(c *wire.Conn) error {
					at++
					return q.ask(c, request, tokens[at%len(tokens)])
				}
			}
			return out
		}, nil
	}
}

// mint makes access tokens of people: real ones from the server serve as patterns, and each
// token gets a jti of its own and the signature that the server would give it.
func mint(ctx context.Context, e *Env, count int) ([][]byte, error) {
	patterns, err := payloads(ctx, e, min(count, owners))
	if err != nil {
		return nil, fmt.Errorf("make access tokens: %w", err)
	}
	tokens := make([][]byte, count)
	expires := e.Now().Add(24 * time.Hour)
	for i := range tokens {
		p := patterns[i%len(patterns)]
		var jti [16]byte
		_, _ = rand.Read(jti[:]) // documented never to fail
		base64.RawURLEncoding.Encode(p.jti, jti[:])
		t, err := e.Ring.Sign(ctx, keys.ES256, "at+jwt", p.text, expires)
		if err != nil {
			return nil, fmt.Errorf("make access tokens: %w", err)
		}
		tokens[i] = []byte(t)
	}
	return tokens, nil
}

// pattern is the payload of a token; jti is the part of text that is the identifier.
type pattern struct{ text, jti []byte }

func payloads(ctx context.Context, e *Env, count int) ([]pattern, error) {
	maker, err := code().Prepare(ctx, e)
	if err != nil {
		return nil, err
	}
	c, err := wire.Dial(ctx, e.Host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.Record = true
	op := maker(1)[0]
	var out []pattern
	for range count {
		c.Recorded = c.Recorded[:0]
		if err := op(c); err != nil {
			return nil, err
		}
		answer := c.Recorded[len(c.Recorded)-1].Answer
		parts := bytes.Split(member(answer.Body, "access_token"), []byte("."))
		if len(parts) != 3 {
			return nil, unexpected("access token", answer)
		}
		text, err := base64.RawURLEncoding.DecodeString(string(parts[1]))
		jti := member(text, "jti")
		if err != nil || len(jti) != 22 {
			return nil, unexpected("access token", answer)
		}
		out = append(out, pattern{text, jti})
	}
	return out, nil
}
