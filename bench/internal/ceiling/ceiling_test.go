package ceiling

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/signet-id/signet/bench/internal/scenario"
	"github.com/signet-id/signet/bench/internal/wire"
)

// recorded is an exchange with an answer of that body.
func recorded(request, head, body string, status int) wire.Exchange {
	return wire.Exchange{
		Request: []byte(request + "\r\n\r\n"),
		Answer:  wire.Answer{Status: status, Head: []byte("HTTP/1.1 200 OK\r\n" + head), Body: []byte(body)},
	}
}

// jwt has a payload of the size.
func jwt(size int) string {
	s, err := newSigner()
	if err != nil {
		panic(err)
	}
	token, err := s.sign(size)
	if err != nil {
		panic(err)
	}
	return token
}

func TestTheCeilingSignsAndChecksWhatTheRealAnswerNeeded(t *testing.T) {
	t.Parallel()
	const kind = "Content-Type: application/json"
	for name, c := range map[string]struct {
		scenario scenario.Scenario
		exchange wire.Exchange
		want     Answer
	}{
		"two tokens are two signatures": {
			scenario.Scenario{}, recorded("POST /token HTTP/1.1", kind, `{"access_token":"`+jwt(600)+`","id_token":"`+jwt(300)+`","refresh_token":"srt_x.1.y"}`, 200),
			Answer{Path: "/token", Payloads: []int{600, 300}},
		},
		"a token that was asked about is one check": {
			scenario.Scenario{Needed: scenario.Needed{Verifications: 1}}, recorded("GET /userinfo HTTP/1.1\r\nAuthorization: Bearer "+jwt(450), kind, `{"sub":"usr_1"}`, 200),
			Answer{Path: "/userinfo", Verify: 450},
		},
		"one that was seen before is none": {
			scenario.Scenario{}, recorded("GET /userinfo HTTP/1.1\r\nAuthorization: Bearer "+jwt(450), kind, `{"sub":"usr_1"}`, 200),
			Answer{Path: "/userinfo"},
		},
		"the query is no part of the path": {
			scenario.Scenario{}, recorded("GET /authorize?a=b HTTP/1.1", "Location: https://app.example/?code=x", "", 303),
			Answer{Path: "/authorize"},
		},
	} {
		a, err := answer(c.scenario, c.exchange, 1)
		if err != nil || a.Path != c.want.Path || a.Verify != c.want.Verify || len(a.Payloads) != len(c.want.Payloads) ||
			a.Size != len(c.exchange.Answer.Body) || a.Status != c.exchange.Answer.Status {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		for i, size := range c.want.Payloads {
			if a.Payloads[i] != size {
				t.Errorf("%s: payload %d of %d bytes, want %d", name, i, a.Payloads[i], size)
			}
		}
	}
	statements := scenario.Scenario{Needed: scenario.Needed{Statements: true}}
	for _, c := range []struct {
		request   string
		exchanges int
		want      string
	}{{"GET /authorize HTTP/1.1", 2, authorize}, {"POST /token HTTP/1.1", 2, redeem}, {"POST /token HTTP/1.1", 1, rotate}} {
		if a, err := answer(statements, recorded(c.request, "", "{}", 200), c.exchanges); err != nil || a.Statement != c.want {
			t.Errorf("%s: statement %q, want %q (%v)", c.request, a.Statement, c.want, err)
		}
	}
	if _, err := answer(scenario.Scenario{}, recorded("GET / HTTP/1.1", "", "<html>", 200), 1); err == nil {
		t.Error("a page passed as JSON")
	}
}

func TestASignatureIsReallyMadeAndReallyChecked(t *testing.T) {
	t.Parallel()
	s, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.sign(200)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.sign(200)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || payloadSize(a) != 200 {
		t.Errorf("the same signature twice, or a payload of %d bytes", payloadSize(a))
	}
	if err := s.verify(a); err != nil {
		t.Error(err)
	}
	other := a[:strings.LastIndexByte(a, '.')] + b[strings.LastIndexByte(b, '.'):]
	if err := s.verify("x" + a); err == nil {
		t.Error("a changed token passed")
	}
	if err := s.verify(other); err != nil { // another signature of the same bytes
		t.Error(err)
	}
}

func TestAnswersAreAsLargeAsThoseThatWereRecorded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	exchanges := []wire.Exchange{
		recorded("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "Content-Type: application/json", `{"access_token":"`+jwt(600)+`","token_type":"Bearer","scope":"`+strings.Repeat("s", 90)+`"}`, 200),
		recorded("GET /jwks HTTP/1.1\r\nHost: x", "Content-Type: application/jwk-set+json", strings.Repeat("k", 5000), 200),
		recorded("GET /unchanged HTTP/1.1\r\nHost: x", "", "", 304),
		recorded("GET /authorize?x=y HTTP/1.1\r\nHost: x", "Location: https://app.example/?code=1", "", 303),
	}
	exchanges[0].Request = bytes.TrimSuffix(exchanges[0].Request, []byte("\r\n\r\n"))
	var c Config
	for i, x := range exchanges {
		s := scenario.Scenario{}
		if i == 1 {
			s.Needed.What = scenario.Bytes
		}
		a, err := answer(s, x, 1)
		if err != nil {
			t.Fatal(err)
		}
		c.Answers = append(c.Answers, a)
	}
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, bytes.NewReader(config), out) }()
	addr, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Dial(ctx, strings.TrimSpace(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		if err := Replay(exchanges, 1)[0](conn); err != nil {
			t.Fatal(err)
		}
	}
	exchanges[1].Answer.Body = exchanges[1].Answer.Body[1:]
	if err := Replay(exchanges, 1)[0](conn); err == nil {
		t.Error("an answer of another size passed")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
