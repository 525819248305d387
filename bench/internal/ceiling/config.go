// Package ceiling is the server that Signet is held against: net/http and, for each request,
// only what no implementation could leave out: answering with as many bytes, making or checking
// the signatures, and the one statement that spends a code or a refresh token. No routing, no
// parsing, no client authentication, no claims, no audit log, no metrics.
//
// Derive makes its configuration from exchanges recorded with the real server, Serve runs it,
// Replay sends the recorded requests.
package ceiling

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/scenario"
	"github.com/signet-id/signet/bench/internal/wire"
)

// Config is what one scenario needs of the server.
type Config struct {
	Answers  []Answer
	Database string   // "" without statements
	Families []Family // to rotate, for a refresh
	People   []Person // to authorize, for a code
}

// Answer is what a request for a path is answered with.
type Answer struct {
	Path        string
	Status      int
	ContentType string
	Location    string
	Size        int    // of the body
	Fixed       []byte // the body, when it is the same each time
	Payloads    []int  // sizes of the JWS payloads to sign
	Verify      int    // size of the JWS payload to check; 0 for none
	Statement   string // rotate, authorize or redeem; "" for none
}

// Family and Person name rows by their hexadecimal UUIDs.
type (
	Family struct {
		ID         string
		Generation int
	}
	Person struct{ Tenant, User, Session string }
)

// The statements.
const (
	rotate    = "rotate"
	authorize = "authorize"
	redeem    = "redeem"
)

// Derive returns the configuration for a scenario, one operation of which was recorded.
func Derive(s scenario.Scenario, recorded []wire.Exchange, e *scenario.Env, database string) (Config, error) {
	var c Config
	for _, x := range recorded {
		a, err := answer(s, x, len(recorded))
		if err != nil {
			return Config{}, err
		}
		c.Answers = append(c.Answers, a)
	}
	if !s.Needed.Statements {
		return c, nil
	}
	c.Database = database
	_, families := e.Families() // the server under test has the others
	for _, f := range families {
		c.Families = append(c.Families, Family{ID: text(f.ID.UUID())})
	}
	for _, m := range e.Set.Members(e.Slice) {
		c.People = append(c.People, Person{text(m.Tenant.UUID()), text(m.ID.UUID()), text(m.Session.UUID())})
	}
	return c, nil
}

func text(u [16]byte) string { return hex.EncodeToString(u[:]) }

func answer(s scenario.Scenario, x wire.Exchange, exchanges int) (Answer, error) {
	method, rest, _ := strings.Cut(string(x.Request), " ")
	target, _, _ := strings.Cut(rest, " ")
	path, _, _ := strings.Cut(target, "?")
	a := Answer{
		Path: path, Status: x.Answer.Status, ContentType: string(x.Answer.Header("Content-Type")),
		Location: string(x.Answer.Header("Location")), Size: len(x.Answer.Body),
	}
	if s.Needed.Statements {
		switch {
		case method == "GET":
			a.Statement = authorize
		case exchanges > 1:
			a.Statement = redeem
		default:
			a.Statement = rotate
		}
	}
	if s.Needed.What == scenario.Bytes {
		a.Fixed = x.Answer.Body
		return a, nil
	}
	if a.Status != 200 {
		return a, nil
	}
	var members map[string]any
	if err := json.Unmarshal(x.Answer.Body, &members); err != nil {
		return Answer{}, fmt.Errorf("recorded answer of %s: %w", path, err)
	}
	for _, name := range []string{"access_token", "id_token"} {
		if token, ok := members[name].(string); ok {
			a.Payloads = append(a.Payloads, payloadSize(token))
		}
	}
	if s.Needed.Verifications > 0 {
		i := bytes.Index(x.Request, []byte("eyJ"))
		if i < 0 {
			return Answer{}, fmt.Errorf("recorded request of %s holds no token", path)
		}
		a.Verify = payloadSize(string(x.Request[i:]))
	}
	return a, nil
}

// payloadSize is the size of a JWS payload before its encoding.
func payloadSize(token string) int {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	return len(payload) * 3 / 4
}

// Replay returns operations that send what was recorded and check that the answers have the
// recorded status and size.
func Replay(recorded []wire.Exchange, n int) []measure.Operation {
	out := make([]measure.Operation, n)
	for i := range out {
		out[i] = func(c *wire.Conn) error {
			for _, x := range recorded {
				a, err := c.Do(x.Request)
				if err != nil {
					return err
				}
				if a.Status != x.Answer.Status || len(a.Body) != len(x.Answer.Body) {
					return fmt.Errorf("ceiling: %w: status %d, %d bytes instead of %d:\n%s", scenario.ErrUnexpected,
						a.Status, len(a.Body), len(x.Answer.Body), a)
				}
			}
			return nil
		}
	}
	return out
}
