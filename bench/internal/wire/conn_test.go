package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/bench/internal/wire"
)

// saying returns a connection to a server that answers every request with text.
func saying(t *testing.T, text string) *wire.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					// In two pieces, so that no reader can rely on getting all at once.
					_, _ = io.WriteString(c, text[:len(text)/2])
					_, _ = io.WriteString(c, text[len(text)/2:])
					if strings.Contains(text, "Connection: close") || strings.HasSuffix(text, "cut off") {
						return
					}
				}
			}()
		}
	}()
	return dial(t, l.Addr().String())
}

func dial(t *testing.T, addr string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(context.Background(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(host string) []byte { return wire.Request{Method: "GET", Target: "/", Host: host}.Bytes() }

func TestAnAnswerIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		status int
		body   string
	}{
		"with a length":              {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
		"with no body":               {"HTTP/1.1 303 See Other\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n", 303, ""},
		"not modified":               {"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", 304, ""},
		"no content":                 {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		"in chunks":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, everyone\r\n0\r\n\r\n", 200, "hello, everyone"},
		"larger than any buffer":     {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000), 200, strings.Repeat("x", 100_000)},
		"a field in other case":      {"HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc", 200, "abc"},
		"a last answer":              {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x"},
		"a chunk of a large size":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n" + strings.Repeat("y", 40_000) + "\r\n0\r\n\r\n", 200, strings.Repeat("y", 40_000)},
		"a status without its words": {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := saying(t, c.text)
			for range 3 { // the connection serves again, also one that was closed
				a, err := conn.Do(get("x"))
				if err != nil || a.Status != c.status || string(a.Body) != c.body {
					t.Fatalf("status %d, %d bytes, %v", a.Status, len(a.Body), err)
				}
			}
		})
	}
}

func TestAMalformedAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another protocol":             "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no number for a status":       "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"no length":                    "HTTP/1.1 200 OK\r\n\r\n",
		"a negative length":            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"a length beyond reason":       "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
		"more than its length":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
		"a chunk without its end":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz0\r\n\r\n",
		"a chunk of no size":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
		"an encoding that is not ours": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a, err := saying(t, text).Do(get("x")); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("status %d, %v", a.Status, err)
			}
		})
	}
	if _, err := saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut off").Do(get("x")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer cut off: %v", err)
	}
}

func TestARealServerSeesTheRequestThatWasMeant(t *testing.T) {
	t.Parallel()
	type seen struct{ user, pass, form, cookie, target string }
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.user, got.pass, _ = r.BasicAuth()
		got.form, got.cookie, got.target = r.PostFormValue("token"), r.Header.Get("Cookie"), r.URL.Path
		w.Header().Set("X-Answer", "yes")
		_, _ = io.WriteString(w, strings.Repeat("z", 5000)) // in chunks
	}))
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	c := dial(t, addr)
	c.Record = true
	request := wire.NewTemplate(wire.Request{
		Method: "POST", Target: "/t", Host: addr, Header: []string{wire.Basic("id", "se:cret"), "Cookie: a=b"},
		Form: url.Values{"token": {wire.Place}, "z": {"1"}},
	})
	for _, token := range []string{"short", strings.Repeat("long", 100)} {
		a, err := c.Do(request.Fill([]byte(token)))
		if err != nil || a.Status != 200 || len(a.Body) != 5000 || string(a.Header("x-answer")) != "yes" || a.Header("absent") != nil {
			t.Fatalf("%v\n%s", err, a)
		}
		if want := (seen{"id", "se%3Acret", token, "a=b", "/t"}); got != want {
			t.Errorf("the server saw %v, want %v", got, want)
		}
	}
	if len(c.Recorded) != 2 || !strings.Contains(string(c.Recorded[0].Request), "token=short&") {
		t.Errorf("recorded: %v", c.Recorded)
	}
	inHead := wire.NewTemplate(wire.Request{Method: "GET", Target: "/u", Host: addr, Header: []string{wire.Bearer(wire.Place)}})
	if text := string(inHead.Fill([]byte("tok"))); !strings.HasSuffix(text, "\r\nAuthorization: Bearer tok\r\n\r\n") {
		t.Errorf("%q", text)
	}
}
