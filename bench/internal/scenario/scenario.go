// Package scenario says what is measured: each scenario is what one kind of caller does over
// and over, with every answer checked, and what of it no server could do without.
package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
	"github.com/signet-id/signet/internal/keyring"
)

// Env is what scenarios work on: a running server and what its database holds.
type Env struct {
	Issuer string // with scheme
	Host   string // host:port
	Set    fill.Set
	Ring   *keyring.Ring // of the same database: for minting tokens
	// Longest is for how long a scenario is driven at most; it decides how many tokens never seen
	// before are made.
	Longest time.Duration
	Slice   int // how many people and families are used
	Now     func() time.Time
	// Cast narrows a scenario to these people and their families; nil for people and families that
	// are spread evenly over all there are.
	Cast *Cast
}

// Cast is who takes part in a scenario.
type Cast struct {
	Members  []fill.Member
	Families []fill.Family
}

// members returns the people who sign in.
func (e *Env) members() []fill.Member {
	if e.Cast != nil {
		return e.Cast.Members
	}
	return e.Set.Members(e.Slice)
}

// Families returns the refresh families that are rotated: half of the slice for the server under
// test and half for the ceiling, because a family that somebody else rotates looks stolen.
func (e *Env) Families() (server, ceiling []fill.Family) {
	if e.Cast != nil {
		return e.Cast.Families, nil // without a ceiling
	}
	for i, f := range e.Set.Spread(2 * e.Slice) {
		if i%2 == 0 {
			server = append(server, f)
		} else {
			ceiling = append(ceiling, f)
		}
	}
	return server, ceiling
}

// Maker returns what each of n connections does. What one call's operations have used up, a
// later call's do not use again.
type Maker func(n int) []measure.Operation

// Needed is what a request needs whatever the server: the ceiling does it and nothing else.
type Needed struct {
	Verifications int    // of ES256 signatures
	Statements    bool   // the one statement of a refresh, or the two of a code
	What          string // in words, for the table
}

// Bytes says that the answer is the same bytes each time.
const Bytes = "bytes"

// Scenario is one thing to measure.
type Scenario struct {
	Name, Title string
	// Target is the share of the ceiling's rate that is aimed at; 0 without a ceiling.
	Target float64
	// Connections caps the number of connections; 0 does not.
	Connections int
	// HalfLoad asks for the latency at half the highest rate too.
	HalfLoad bool
	// Password says that each operation checks one password.
	Password bool
	Needed   Needed
	Prepare  func(context.Context, *Env) (Maker, error)
}

// All returns every scenario in the order in which they are measured and shown. What hashing
// passwords takes of memory the process keeps for a while, so that is the last.
func All() []Scenario {
	return []Scenario{
		clientCredentials(), refresh(), code(),
		introspectFirst(), introspectAgain(), userinfoFirst(), userinfoAgain(),
		jwks(), jwksUnchanged(), discovery(), signIn(),
	}
}

// Select returns those of All that are named, in their order.
func Select(names []string) ([]Scenario, error) {
	if len(names) == 0 {
		return All(), nil
	}
	all := append(append(All(), Lists()...), upstreamSignIn())
	var out []Scenario
	for _, s := range all {
		for _, n := range names {
			if n == s.Name {
				out = append(out, s)
				break
			}
		}
	}
	if len(out) < len(names) {
		var known []string
		for _, s := range all {
			known = append(known, s.Name)
		}
		return nil, fmt.Errorf("not all of the scenarios %q exist; these do: %q", names, known)
	}
	return out, nil
}

// ErrUnexpected says that an answer was not what it must be.
var ErrUnexpected = errors.New("unexpected answer")

func unexpected(what string, a wire.Answer) error {
	return fmt.Errorf("%s: %w:\n%s", what, ErrUnexpected, a)
}

// member returns the value of the first string member called name of a compact JSON object, or
// nil. The value is not unescaped: what is looked for here has no escapes.
func member(body []byte, name string) []byte {
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte(name))
		if i < 0 {
			return nil
		}
		at += i + len(name)
		if at < len(body)-2 && at > len(name) && body[at-len(name)-1] == '"' && string(body[at:at+3]) == `":"` {
			value := body[at+3:]
			if end := bytes.IndexByte(value, '"'); end >= 0 {
				return value[:end]
			}
			return nil
		}
	}
}

// isToken reports whether b could be a JWT.
func isToken(b []byte) bool { return len(b) > 100 && bytes.HasPrefix(b, []byte("eyJ")) }

// same returns n times an operation that has no state.
func same(n int, op measure.Operation) []measure.Operation {
	out := make([]measure.Operation, n)
	for i := range out {
		out[i] = op
	}
	return out
}

// one performs a single exchange, for preparations.
func one(ctx context.Context, host string, request []byte) (wire.Answer, error) {
	c, err := wire.Dial(ctx, host)
	if err != nil {
		return wire.Answer{}, err
	}
	defer c.Close()
	return c.Do(request)
}
