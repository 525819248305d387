package mailcatcher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/signet-id/signet/internal/mailcatcher"
)

// box is a catcher that runs, and its pages.
type box struct {
	*mailcatcher.Catcher
	smtp, url string
}

func start(t *testing.T, change func(*mailcatcher.Config)) *box {
	t.Helper()
	c := mailcatcher.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	b := &box{Catcher: mailcatcher.New(c)}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.smtp = ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.ServeSMTP(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h, err := b.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *box) send(t *testing.T, to, raw string) {
	t.Helper()
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	if err := b.deliver(t, to, raw); err != nil {
		t.Fatal(err)
	}
}

func (b *box) deliver(t *testing.T, to, raw string) error {
	t.Helper()
	c, err := smtp.Dial(b.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.SendMail("from@a.example", []string{to}, strings.NewReader(raw))
}

func (b *box) get(t *testing.T, path string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, http.Header, string) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

const letter = `From: =?UTF-8?q?J=C3=B6rg?= <joerg@a.example>
To: grace@b.example
Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?= & <b>more</b>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe! Open https://id.example/invitation?a=3D1&b=3D2#token=
-of-this
and https://id.example/other, and <script>alert(1)</script>.
--x
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: base64

PCFkb2N0eXBlIGh0bWw+PGh0bWw+PGhlYWQ+PC9oZWFkPjxib2R5PjxwPkdyw7zDn2U8L3A+PC9i
b2R5PjwvaHRtbD4=
--x--
`

func TestAMessageIsReadAndShownInAllItsForms(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.send(t, "Grace@b.example", letter)
	m, ok := b.Find(1)
	if !ok {
		t.Fatal("it is not there")
	}
	if m.Subject != "Grüße & <b>more</b>" || m.Sender != "Jörg <joerg@a.example>" || m.From != "from@a.example" || !m.For("grace@B.example") {
		t.Errorf("read as %+v", m)
	}
	if !strings.HasPrefix(m.Text, "Grüße! Open ") || m.HTML != "<!doctype html><html><head></head><body><p>Grüße</p></body></html>" {
		t.Errorf("text %q, HTML %q", m.Text, m.HTML)
	}
	if m.Link() != "https://id.example/invitation?a=1&b=2#token-of-this" {
		t.Errorf("link %q", m.Link())
	}

	_, _, list := b.get(t, "/")
	if !strings.Contains(list, "Grüße &amp; &lt;b&gt;more&lt;/b&gt;") || !strings.Contains(list, `http-equiv="refresh"`) {
		t.Errorf("the list: %s", list)
	}
	_, h, page := b.get(t, "/messages/1")
	for _, want := range []string{
		`sandbox="allow-popups allow-popups-to-escape-sandbox"`, `src="/messages/1/letter"`, "&lt;script&gt;",
		`href="https://id.example/invitation?a=1&amp;b=2#token-of-this"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	_, h, html := b.get(t, "/messages/1/letter")
	if html != `<!doctype html><html><head><base target="_blank"></head><body><p>Grüße</p></body></html>` {
		t.Errorf("HTML %s", html)
	}
	if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox ") || strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-same-origin") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy of the HTML %q", csp)
	}
	_, h, source := b.get(t, "/messages/1/source")
	if !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(source, "Gr=C3=BC=C3=9Fe!") {
		t.Errorf("source: %s\n%s", h.Get("Content-Type"), source)
	}
}

func TestTheNewestComesFirstAndOneAddressCanBeAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for i, to := range []string{"a@x.example", "b@x.example", "a@x.example"} {
		b.send(t, to, fmt.Sprintf("Subject: number %d\n\nhello\n", i+1))
	}
	subjects := func(query string) (out []string) {
		_, _, body := b.get(t, "/messages.json"+query)
		var list struct{ Messages []mailcatcher.Message }
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		for _, m := range list.Messages {
			out = append(out, m.Subject)
		}
		return out
	}
	if got := subjects(""); !reflect.DeepEqual(got, []string{"number 3", "number 2", "number 1"}) {
		t.Errorf("all: %q", got)
	}
	if got := subjects("?to=" + url.QueryEscape("A@x.example")); !reflect.DeepEqual(got, []string{"number 3", "number 1"}) {
		t.Errorf("one address: %q", got)
	}
	if m, err := b.Take(t.Context(), "a@x.example"); err != nil || m.Subject != "number 1" {
		t.Errorf("taken %q, %v", m.Subject, err)
	}
	if got := subjects(""); !reflect.DeepEqual(got, []string{"number 3", "number 2"}) {
		t.Errorf("after one was taken: %q", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *mailcatcher.Config) { c.MaxMessages, c.MaxBytes = 3, 10_000 })
	for range 5 {
		b.send(t, "a@x.example", "Subject: small\n\nhello\n")
	}
	if got := b.Messages(); len(got) != 3 || got[0].ID != 5 {
		t.Errorf("%d messages are kept", len(got))
	}
	b.send(t, "a@x.example", "Subject: large\n\n"+strings.Repeat("x\n", 4000))
	if got := b.Messages(); len(got) != 1 || got[0].Subject != "large" {
		t.Errorf("%d messages are kept", len(got))
	}
	huge := "Subject: huge\r\n\r\n" + strings.Repeat(strings.Repeat("x", 900)+"\r\n", 7000)
	if err := b.deliver(t, "a@x.example", huge); err == nil {
		t.Error("more than 5 MiB were taken")
	}
}

func TestWhatCannotBeReadIsShownAsItCame(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	deep := "Content-Type: multipart/mixed; boundary=b0\n\n"
	for i := range 40 {
		deep += fmt.Sprintf("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	for _, raw := range []string{
		"no header at all\n", "Subject: =?x?q?a?=\nContent-Type: text/plain; boundary\n\n\xff\xfe\n",
		"Content-Type: multipart/mixed\n\nno boundary\n", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!!\n", deep,
	} {
		b.send(t, "a@x.example", raw)
	}
	for id := range 5 {
		for _, form := range []string{"", "/letter", "/source"} {
			if status, _, _ := b.get(t, fmt.Sprintf("/messages/%d%s", id+1, form)); status != http.StatusOK {
				t.Errorf("message %d%s: status %d", id+1, form, status)
			}
		}
	}
}

func TestThePagesKeepStrangersOut(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.send(t, "a@x.example", "Subject: secret link\n\nhello\n")
	request := func(method, path string, change func(*http.Request)) int {
		req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		status, _, body := do(t, req)
		if status != http.StatusOK && strings.Contains(body, "secret") {
			t.Errorf("%s %s shows the message", method, path)
		}
		return status
	}
	if got := request("GET", "/messages.json", func(r *http.Request) { r.Host = "rebound.example" }); got != http.StatusMisdirectedRequest {
		t.Errorf("under a foreign name: %d", got)
	}
	if got := request("POST", "/clear", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); got != http.StatusForbidden {
		t.Errorf("a foreign page clears: %d", got)
	}
	if got := request("GET", "/messages/7", func(*http.Request) {}); got != http.StatusNotFound {
		t.Errorf("unknown message: %d", got)
	}
	if len(b.Messages()) != 1 {
		t.Error("it was cleared")
	}
	if got := request("POST", "/clear", func(*http.Request) {}); got != http.StatusSeeOther || len(b.Messages()) != 0 {
		t.Errorf("clear: %d", got)
	}
	if _, _, body := b.get(t, "/"); !strings.Contains(body, "No messages yet") {
		t.Error("the empty list says nothing")
	}
}
