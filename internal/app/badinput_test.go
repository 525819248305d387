package app_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

var programPaths = []string{"/token", "/refresh", "/introspect", "/revoke"}

func TestMalformedRequestsGetTheProtocolsErrorAndWriteNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		contentType, body string
		status            int
	}{
		"no body":             {form, "", 400},
		"JSON":                {"application/json", `{"grant_type":"client_credentials"}`, 400},
		"JSON null":           {"application/json", `null`, 400},
		"no content type":     {"", "grant_type=client_credentials", 400},
		"odd content type":    {";;;", "grant_type=client_credentials", 400},
		"multipart":           {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n", 400},
		"broken escape":       {form, "grant_type=%zz", 400},
		"semicolon":           {form, "grant_type=client_credentials;x=y", 400},
		"invalid UTF-8":       {form, "grant_type=client_credentials&scope=%ff%fe", 400},
		"NUL":                 {form, "grant_type=client_credentials&scope=%00", 400},
		"duplicate":           {form, "grant_type=client_credentials&grant_type=client_credentials", 400},
		"duplicate unknown":   {form, "grant_type=client_credentials&x=1&x=2", 400},
		"too many parameters": {form, "grant_type=client_credentials" + strings.Repeat("&a=b", 100), 400},
		"parameter too long":  {form, "grant_type=client_credentials&scope=" + strings.Repeat("a", 9000), 400},
		"body too long":       {form, "grant_type=client_credentials&scope=" + strings.Repeat("a", 100_000), 413},
		"gzip that is not":    {form + "; charset=utf-16", "\xff\xfe", 400},
	} {
		for _, path := range programPaths {
			req, err := http.NewRequest(http.MethodPost, a.URL+path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.contentType)
			req.SetBasicAuth("machine", apptest.Secret.Reveal())
			out := apptest.Do(t, req)
			if out.Status != c.status || out.Error() == "" || out.Error() == "server_error" {
				t.Errorf("%s at %s: %d %s, want %d and an error code", name, path, out.Status, out.Raw, c.status)
			}
			if out.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s at %s may be cached", name, path)
			}
		}
	}
	var rows int
	row(t, a, "SELECT (SELECT count(*) FROM authorization_code) + (SELECT count(*) FROM refresh_family) + (SELECT count(*) FROM revocation)", &rows)
	if rows != 0 {
		t.Errorf("%d rows were written", rows)
	}
}

func TestWrongMethodsAreRefusedWithTheAllowedOnes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	for path, methods := range map[string][]string{
		"/token": {"GET", "PUT", "DELETE", "PATCH", "TRACE", "HEAD"}, "/introspect": {"GET", "PUT"}, "/revoke": {"GET"},
		"/userinfo": {"PUT", "DELETE", "TRACE"}, "/.well-known/jwks.json": {"POST", "DELETE"}, "/authorize": {"PUT", "TRACE"},
		"/.well-known/openid-configuration": {"POST"}, "/login": {"PUT", "TRACE"},
	} {
		for _, method := range methods {
			req, err := http.NewRequest(method, a.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			out := apptest.Do(t, req)
			if out.Status != http.StatusMethodNotAllowed && out.Status != http.StatusNotImplemented || method != "TRACE" && out.Header.Get("Allow") == "" {
				t.Errorf("%s %s: %d, Allow %q", method, path, out.Status, out.Header.Get("Allow"))
			}
		}
	}
	if out := a.Get(t, "/no/such/page"); out.Status != http.StatusNotFound || out.Error() != "not_found" {
		t.Errorf("unknown path: %d %s", out.Status, out.Raw)
	}
	if p := a.Browser(t).Get(a.URL + "/no/such/page"); p.Status != http.StatusNotFound || !strings.Contains(p.Header.Get("Content-Type"), "text/html") {
		t.Errorf("unknown path in a browser: %d %s", p.Status, p.Header.Get("Content-Type"))
	}
	if p := a.Browser(t).Get(a.URL + "/token"); p.Status != http.StatusMethodNotAllowed || !strings.Contains(p.Header.Get("Content-Type"), "json") {
		t.Errorf("an endpoint for programs in a browser: %d %s", p.Status, p.Header.Get("Content-Type"))
	}
}

func TestOversizedQueriesAndHeadersAreRefused(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "state="+strings.Repeat("s", 17_000))); p.Status != http.StatusRequestEntityTooLarge || p.Away != nil {
		t.Errorf("a query of 17 KB: %d, sent to %v", p.Status, p.Away)
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "nonce="+strings.Repeat("n", 9_000))); p.Status != http.StatusBadRequest {
		t.Errorf("a nonce of 9 KB: %d", p.Status)
	}
	out := a.Get(t, "/userinfo", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 64<<10)) })
	if out.Status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 64 KB: %d", out.Status)
	}
	// A request that fits everywhere but not into the sealed form is answered, not crashed on.
	long := strings.Repeat("x", 8_000)
	if p := a.Browser(t).Get(a.AuthorizeURL("spa", "state="+long, "login_hint="+strings.Repeat("y", 7_000))); p.Status >= 500 {
		t.Errorf("a request too long to seal: %d %s", p.Status, p.Body)
	}
}

// Bytes that no HTTP library would send.
func TestRawGarbageNeitherPanicsNorHangs(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	host := strings.TrimPrefix(a.URL, "http://")
	for _, raw := range []string{
		"GET /authorize?client_id=%00%ff&redirect_uri=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\n%%%%%",
		"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nzz\r\n",
		"GET /userinfo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer null.null.x\r\n\r\n",
		"GET /userinfo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\nAuthorization: Bearer x\r\n\r\n",
		"GET /login HTTP/1.1\r\nHost: x\r\nCookie: signet=\xff\xfe; signet=; =; ;;; a=\"\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, raw); err != nil {
			t.Fatal(err)
		}
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.CloseWrite()
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		if strings.Contains(line, " 5") && !strings.Contains(line, " 505 ") {
			t.Errorf("%.60q: %s", raw, line)
		}
		_ = conn.Close()
	}
	if strings.Contains(a.Log.String(), "panic") {
		t.Error("something panicked")
	}
	if out := a.Get(t, "/.well-known/jwks.json"); out.Status != http.StatusOK {
		t.Errorf("afterwards: %d", out.Status)
	}
}

func TestNeitherLogNorAuditHoldsASecret(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code := a.Code(t, "spa", apptest.Grace)
	tokens := a.PostForm(t, "/token", apptest.RedeemForm("spa", code))
	next := refresh(t, a, tokens.Text("refresh_token"))
	a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine"))
	a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) { r.SetBasicAuth("machine", "a wrong secret") })
	a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}, apptest.Basic("machine"))
	b := a.Browser(t)
	b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, "a wrong password indeed")
	a.Get(t, "/userinfo", apptest.Bearer(tokens.Text("access_token")))
	a.PostForm(t, "/revoke", url.Values{"token": {next.Text("refresh_token")}, "client_id": {"spa"}})
	a.Stop(t) // writes what is queued
	var audit string
	row(t, a, "SELECT coalesce(string_agg(e::text, E'\\n'), '') FROM audit_event e", &audit)
	for _, action := range []string{"session.signed_in", "session.sign_in_failed", "grant.authorized", "token.issued", "token.refused", "token.revoked"} {
		if !strings.Contains(audit, action) {
			t.Errorf("the audit log has no %s:\n%s", action, audit)
		}
	}
	if jti := apptest.Claims(t, tokens.Text("access_token"))["jti"].(string); !strings.Contains(audit, jti) {
		t.Error("an issuance is not audited by its jti")
	}
	log := a.Log.String()
	for name, s := range map[string]string{
		"password": apptest.Password, "wrong password": "a wrong password indeed", "code": code, "client secret": apptest.Secret.Reveal(),
		"wrong client secret": "a wrong secret", "access token": tokens.Text("access_token"), "ID token": tokens.Text("id_token"),
		"refresh token": tokens.Text("refresh_token"), "verifier": apptest.Verifier, "master key": apptest.MasterKey,
		"signature": tokens.Text("access_token")[strings.LastIndexByte(tokens.Text("access_token"), '.')+1:],
	} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds the %s", name)
		}
		if strings.Contains(audit, s) {
			t.Errorf("the audit log holds the %s", name)
		}
	}
	// A dump of the database holds nothing that could be used either.
	var dump string
	row(t, a, `SELECT (SELECT coalesce(string_agg(c::text, ' '), '') FROM authorization_code c) || (SELECT coalesce(string_agg(f::text, ' '), '') FROM refresh_family f)
	        || (SELECT coalesce(string_agg(s::text, ' '), '') FROM client_secret s) || (SELECT coalesce(string_agg(b::text, ' '), '') FROM browser_session b)`, &dump)
	for name, s := range map[string]string{"code": code, "refresh token": tokens.Text("refresh_token"), "client secret": apptest.Secret.Reveal()} {
		if strings.Contains(dump, s) {
			t.Errorf("the database holds the %s", name)
		}
	}
}

func TestStrangersCannotFillTheAuditLog(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.With("SIGNET_THROTTLE_FAILURE_TIME", "0s"))
	b := a.Browser(t)
	held := 0
	for range 20 {
		if p := b.SignIn(b.Get(a.AuthorizeURL("spa")), apptest.Grace, "a guess among very many"); p.Status == http.StatusTooManyRequests {
			held++
		}
		b.Get(a.AuthorizeURL("spa", "prompt=none"))
		a.PostForm(t, "/token", apptest.RedeemForm("spa", "no such code"))
		a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) { r.SetBasicAuth("machine", "wrong") })
	}
	a.Stop(t) // writes what is queued
	var rows, failed int
	row(t, a, "SELECT count(*), count(*) FILTER (WHERE action = 'session.sign_in_failed') FROM audit_event WHERE action NOT LIKE 'key.%'", &rows, &failed)
	if held == 0 || failed != 20-held || rows != failed {
		t.Errorf("%d attempts held off, %d failures and %d events on record", held, failed, rows)
	}
	if !strings.Contains(a.Log.String(), "sign-in attempt held off") || !strings.Contains(a.Log.String(), "token request refused") {
		t.Error("the log says nothing of it")
	}
}
