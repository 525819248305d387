package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

func TestMethodsAndPathsThatAreNotListedAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Routes: []server.Route{
		route("GET", "/both", ok), route("POST", "/both", ok),
		route("POST", "/token", ok), route("OPTIONS", "/token", ok),
		route("", "/any", ok),
		route("GET", "/t/{tenant}/login", ok),
	}})
	const every = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/both", 200, ""}, {"HEAD", "/both", 200, ""}, {"POST", "/both", 200, ""},
		{"PUT", "/both", 405, "GET, HEAD, POST"}, {"OPTIONS", "/both", 405, "GET, HEAD, POST"}, {"TRACE", "/both", 405, "GET, HEAD, POST"},
		{"GET", "/token", 405, "OPTIONS, POST"}, {"HEAD", "/token", 405, "OPTIONS, POST"}, {"OPTIONS", "/token", 200, ""},
		{"INVENTED", "/token", 405, "OPTIONS, POST"}, {"post", "/token", 405, "OPTIONS, POST"},
		{"DELETE", "/any", 200, ""}, {"TRACE", "/any", 405, every},
		{"GET", "/t/acme/login", 200, ""}, {"GET", "/t//login", 307, ""}, {"GET", "/t/acme/login/", 404, ""},
		{"GET", "/nowhere", 404, ""}, {"POST", "/", 404, ""}, {"TRACE", "/nowhere", 405, "GET, HEAD"},
	} {
		res := s.raw(c.method + " " + c.path + " HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nConnection: close\r\n\r\n")
		if res.StatusCode != c.status || res.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", c.method, c.path, res.StatusCode, res.Header.Get("Allow"), c.status, c.allow)
		}
	}
	if res := s.raw("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"); res.StatusCode != 405 {
		t.Errorf("CONNECT: %d", res.StatusCode)
	}
}

func TestRefusalsAreWrittenByTheCaller(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{
		Routes: []server.Route{route("POST", "/token", ok), route("GET", "/panics", func(http.ResponseWriter, *http.Request) { panic("x") })},
		Refuse: func(w http.ResponseWriter, r *http.Request, status int) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "page %d for %s", status, telemetry.RequestID(r.Context()))
		},
	})
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/x", 404}, {"GET", "/token", 405}, {"GET", "/panics", 500}} {
		res, body := s.do(c.method, s.url+c.path, nil)
		if want := fmt.Sprintf("page %d for %s", c.status, res.Header.Get("X-Request-Id")); res.StatusCode != c.status || body != want {
			t.Errorf("%s: %d %q", c.path, res.StatusCode, body)
		}
	}
	res, body := s.do("POST", s.url+"/token", strings.NewReader(strings.Repeat("x", 65537)))
	if res.StatusCode != 413 || !strings.HasPrefix(body, "page 413") {
		t.Errorf("large body: %d %q", res.StatusCode, body)
	}
}

func TestBodiesAreCapped(t *testing.T) {
	t.Parallel()
	read := func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			http.Error(w, "too long by the handler", http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprint(w, "read")
	}
	s := start(t, server.Config{MaxBodyBytes: 100, Routes: []server.Route{
		route("POST", "/small", read),
		{Method: "POST", Pattern: "/large", Handler: http.HandlerFunc(read), MaxBody: 1000},
	}})
	for _, c := range []struct {
		name, path string
		size       int
		chunked    bool
		status     int
		body       string
	}{
		{"as large as allowed", "/small", 100, false, 200, "read"},
		{"one byte more", "/small", 101, false, 413, `{"error":"request_entity_too_large"`},
		{"one byte more without a length", "/small", 101, true, 413, "too long by the handler"},
		{"a route's own cap", "/large", 1000, false, 200, "read"},
		{"above a route's own cap", "/large", 1001, true, 413, "too long by the handler"},
	} {
		var body io.Reader = strings.NewReader(strings.Repeat("x", c.size))
		if c.chunked {
			body = io.MultiReader(body) // hides the length
		}
		res, text := s.do("POST", s.url+c.path, body)
		if res.StatusCode != c.status || !strings.HasPrefix(text, c.body) {
			t.Errorf("%s: %d %q", c.name, res.StatusCode, text)
		}
	}
}

func TestHeadersAreCapped(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{MaxHeaderBytes: 8192, Routes: []server.Route{route("GET", "/", ok)}})
	if res, _ := s.do("GET", s.url, nil, "Cookie", strings.Repeat("x", 6000)); res.StatusCode != 200 {
		t.Errorf("within the cap: %d", res.StatusCode)
	}
	if res, _ := s.do("GET", s.url, nil, "Cookie", strings.Repeat("x", 40_000)); res.StatusCode != 431 {
		t.Errorf("above the cap: %d", res.StatusCode)
	}
}

func TestRequestsHaveADeadlineUnlessTheyStream(t *testing.T) {
	t.Parallel()
	deadline := func(w http.ResponseWriter, r *http.Request) {
		d, ok := r.Context().Deadline()
		fmt.Fprintf(w, "%t %t", ok, time.Until(d) > 20*time.Second)
	}
	s := start(t, server.Config{RequestTimeout: 10 * time.Second, Routes: []server.Route{
		route("GET", "/default", deadline),
		{Method: "GET", Pattern: "/own", Handler: http.HandlerFunc(deadline), Timeout: time.Minute},
		{Method: "GET", Pattern: "/stream", Handler: http.HandlerFunc(deadline), Timeout: server.Streaming},
	}})
	for path, want := range map[string]string{"/default": "true false", "/own": "true true", "/stream": "false false"} {
		if _, got := s.do("GET", s.url+path, nil); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestAStreamOutlivesTheDeadlinesOfTheRequestsBeforeIt(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	s := start(t, server.Config{RequestTimeout: timeout, Routes: []server.Route{
		route("GET", "/quick", ok),
		{Method: "GET", Pattern: "/stream", Timeout: server.Streaming, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "begun")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(3 * timeout):
				fmt.Fprint(w, " ended")
			case <-r.Context().Done():
			}
		})},
	}})
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	for _, c := range []struct{ path, body string }{
		{"/quick", "ok"}, {"/stream", "begun ended"}, {"/nowhere", ""}, {"/stream", "begun ended"}, {"/quick", "ok"},
	} {
		res, err := client.Get(s.url + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.HasPrefix(string(body), c.body) {
			t.Errorf("%s: %q, %v", c.path, body, err)
		}
	}
	client.CloseIdleConnections()
}

func TestASlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{RequestTimeout: 50 * time.Millisecond, Routes: []server.Route{
		route("POST", "/", func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusRequestTimeout)
			}
		}),
	}})
	// The rest of the body never comes.
	if res := s.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"); res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestAConnectionOpenedAheadOfItsFirstRequestHasTimeForTheBody(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	s := start(t, server.Config{RequestTimeout: timeout, Routes: []server.Route{
		route("POST", "/", func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v %v", b, err, r.Context().Err())
		}),
	}})
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-time.After(2 * timeout) // as browsers do, who open connections that they may need
	for _, part := range []string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "abc"} {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
		<-time.After(timeout / 10) // so that the two arrive one after the other
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "abc <nil> <nil>" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestARouteWithALongerTimeoutWaitsLongerForItsBody(t *testing.T) {
	t.Parallel()
	const timeout = 50 * time.Millisecond
	s := start(t, server.Config{RequestTimeout: timeout, Routes: []server.Route{
		{Method: "POST", Pattern: "/import", Timeout: 20 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", b, err)
		})},
	}})
	body, writer := io.Pipe()
	go func() {
		_, _ = io.WriteString(writer, "slow")
		<-time.After(4 * timeout)
		_, _ = io.WriteString(writer, "ly")
		_ = writer.Close()
	}()
	if _, got := s.do("POST", s.url+"/import", body); got != "slowly <nil>" {
		t.Errorf("%q", got)
	}
}

func TestAPanicBecomesA500WithTheRequestIDAndLeaksNothing(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Routes: []server.Route{
		route("GET", "/panics", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "session=secret")
			panic("hunter2")
		}),
		route("GET", "/halfway", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
			panic("halfway")
		}),
		route("GET", "/ok", ok),
	}})
	res, body := s.do("GET", s.url+"/panics", nil)
	id := res.Header.Get("X-Request-Id")
	if res.StatusCode != 500 || id == "" || !strings.Contains(body, id) || strings.Contains(body, "hunter2") || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	logged := s.log.records("panic in a handler")
	if len(logged) != 1 || logged[0]["request_id"] != id || logged[0]["panic"] != "hunter2" || !strings.Contains(fmt.Sprint(logged[0]["stack"]), "middleware_test.go") {
		t.Errorf("logged %v", logged)
	}
	if access := s.log.records("request"); len(access) != 1 || access[0]["status"] != 500.0 {
		t.Errorf("access log %v", access)
	}

	cut, err := http.Get(s.url + "/halfway")
	if err == nil {
		_, err = io.ReadAll(cut.Body)
		_ = cut.Body.Close()
	}
	if err == nil {
		t.Error("a response that broke off looks whole")
	}
	if res, _ := s.do("GET", s.url+"/ok", nil); res.StatusCode != 200 {
		t.Errorf("after the panics: %d", res.StatusCode)
	}
}

func TestRequestIDsAreEchoedAndTakenFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	echo := []server.Route{route("GET", "/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, telemetry.RequestID(r.Context())) })}
	direct := start(t, server.Config{Routes: echo})
	proxied := start(t, server.Config{Routes: echo, TrustedProxies: prefixes("127.0.0.1/32")})
	for _, c := range []struct {
		name     string
		server   *running
		sent     string
		accepted bool
	}{
		{"from anybody", direct, "abc-123", false},
		{"from a trusted proxy", proxied, "abc-123", true},
		{"none from a trusted proxy", proxied, "", false},
		{"with a space", proxied, "abc 123", false},
		{"with a quote", proxied, `a"b`, false},
		{"beyond ASCII", proxied, "é", false},
		{"too long", proxied, strings.Repeat("x", 129), false},
	} {
		res, body := c.server.do("GET", c.server.url, nil, "X-Request-Id", c.sent)
		if got := res.Header.Get("X-Request-Id"); got == "" || got != body || (got == c.sent) != c.accepted {
			t.Errorf("%s: header %q, context %q", c.name, got, body)
		}
	}
	a, _ := direct.do("GET", direct.url, nil)
	b, _ := direct.do("GET", direct.url, nil)
	if a.Header.Get("X-Request-Id") == b.Header.Get("X-Request-Id") {
		t.Error("two requests with one id")
	}
}

func TestTheAccessLogHoldsTheFactsAndNoSecrets(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{
		TrustedProxies: prefixes("127.0.0.1/32"),
		Routes:         []server.Route{route("GET", "/t/{tenant}/login", ok)},
	})
	s.do("GET", s.url+"/t/secret-tenant/login?code=secret-code", nil, "X-Request-Id", "req-1", "X-Forwarded-For", "192.0.2.1",
		"Cookie", "session=secret-cookie", "Authorization", "Bearer secret-token", "Referer", "https://x/?secret-referer")
	wait(t, "the log line", func() bool { return len(s.log.records("request")) == 1 })
	rec := s.log.records("request")[0]
	for key, want := range map[string]any{"method": "GET", "route": "/t/{tenant}/login", "status": 200.0, "bytes": 2.0,
		"request_id": "req-1", "client_ip": "192.0.2.1", "level": "INFO"} {
		if rec[key] != want {
			t.Errorf("%s is %v, want %v", key, rec[key], want)
		}
	}
	if _, ok := rec["duration_us"].(float64); !ok {
		t.Errorf("duration_us is %v", rec["duration_us"])
	}
	if text := s.log.String(); strings.Contains(text, "secret") {
		t.Errorf("a secret in the log: %s", text)
	}
}

func TestRequestsAreCountedByRouteMethodAndCode(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Routes: []server.Route{route("GET", "/t/{tenant}/login", ok)}})
	s.do("GET", s.url+"/t/a/login", nil)
	s.do("GET", s.url+"/t/b/login", nil)
	s.do("GET", s.url+"/nowhere", nil)
	s.raw("INVENTED /t/b/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	for _, want := range []string{
		`signet_http_requests_total{code="200",method="GET",route="/t/{tenant}/login"} 2`,
		`signet_http_requests_total{code="404",method="GET",route=""} 1`,
		`signet_http_requests_total{code="405",method="other",route="/t/{tenant}/login"} 1`,
		`signet_http_request_duration_seconds_count{method="GET",route="/t/{tenant}/login"} 2`,
		`signet_http_requests_in_flight 0`,
		`signet_build_info{`, `go_goroutines `, `process_start_time_seconds `,
	} {
		wait(t, want, func() bool { return strings.Contains(s.scrape(), want) })
	}
}

func TestRoutesThatContradictOneAnotherAreAnError(t *testing.T) {
	t.Parallel()
	for name, routes := range map[string][]server.Route{
		"twice":            {route("GET", "/a", ok), route("GET", "/a", ok)},
		"overlapping":      {route("GET", "/{tenant}/x", ok), route("GET", "/static/{file}", ok)},
		"malformed":        {route("GET", "/{", ok)},
		"without a slash":  {route("GET", "a", ok)},
		"without handlers": {{Method: "GET", Pattern: "/a"}},
	} {
		m := telemetry.NewMetrics(telemetry.Build{})
		_, err := server.New(server.Config{Routes: routes, Metrics: m, Log: telemetry.NewLogger(io.Discard, 0, "json")})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestQuietRoutesAreLoggedAtDebugLevelUnlessTheyFail(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	quiet, failing, loud := route("GET", "/quiet", status(200)), route("GET", "/failing", status(503)), route("GET", "/loud", status(200))
	quiet.Quiet, failing.Quiet = true, true
	s := start(t, server.Config{Routes: []server.Route{quiet, failing, loud}})
	for _, c := range []struct{ method, path, level string }{
		{"GET", "/quiet", "DEBUG"}, {"GET", "/failing", "INFO"}, {"GET", "/loud", "INFO"}, {"POST", "/quiet", "INFO"},
	} {
		before := len(s.log.records("request"))
		s.do(c.method, s.url+c.path, nil)
		wait(t, "a line", func() bool { return len(s.log.records("request")) > before })
		if got := s.log.records("request")[before]["level"]; got != c.level {
			t.Errorf("%s %s: %v, want %s", c.method, c.path, got, c.level)
		}
	}
}
