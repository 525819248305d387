package scenario

import (
	"bytes"
	"context"
	"html"
	"net/url"
	"strings"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
)

// signInConnections is how many people sign in at once: a password takes its time and memory.
const signInConnections = 8

// signIn is the whole way of a person with no session: away from the frontend, the hosted form,
// e-mail and password, back with a code, tokens. Each time another person.
func signIn() Scenario {
	return Scenario{
		Name: "sign_in", Title: "sign-in with password", Connections: signInConnections, Password: true,
		Prepare: func(_ context.Context, e *Env) (Maker, error) {
			members := e.Set.Members(e.Slice)
			start := wire.Request{Method: "GET", Target: authorizeTarget(), Host: e.Host, Header: browser()}.Bytes()
			return func(n int) []measure.Operation {
				out := make([]measure.Operation, n)
				for i := range out {
					at, redeem := i, wire.NewTemplate(redeemRequest(e.Host))
					out[i] = func(c *wire.Conn) error {
						m := members[at%len(members)]
						at += n
						return person{host: e.Host, conn: c}.signIn(start, m.Email, redeem)
					}
				}
				return out
			}, nil
		},
	}
}

// person is somebody with a browser.
type person struct {
	host string
	conn *wire.Conn
}

func (p person) signIn(start []byte, email string, redeem *wire.Template) error {
	flow, err := p.signInPage(start)
	if err != nil {
		return err
	}
	a, err := p.post("/login", url.Values{"flow": {flow}, "email": {email}, "password": {fill.Password}})
	if err != nil {
		return err
	}
	cookie := sessionFrom(a.Head)
	if cookie == "" {
		return unexpected("sign-in", a)
	}
	if a, err = p.follow(a, cookie); err != nil {
		return err
	}
	return redeemCode(p.conn, a, redeem)
}

// signInPage goes away from the frontend and returns the pending request that the page carries.
func (p person) signInPage(start []byte) (flow string, err error) {
	a, err := p.conn.Do(start)
	if err != nil {
		return "", err
	}
	page, err := p.follow(a, "")
	if err != nil {
		return "", err
	}
	if flow = hidden(page.Body, "flow"); page.Status != 200 || flow == "" {
		return "", unexpected("sign-in page", page)
	}
	return flow, nil
}

// post submits a form of the site.
func (p person) post(target string, form url.Values) (wire.Answer, error) {
	return p.conn.Do(wire.Request{
		Method: "POST", Target: target, Host: p.host, Form: form,
		Header: []string{browser()[0], "Accept: text/html", "Sec-Fetch-Site: same-origin", "Origin: http://" + p.host},
	}.Bytes())
}

// follow opens the page of the same site that a redirect leads to.
func (p person) follow(a wire.Answer, cookie string) (wire.Answer, error) {
	to := string(a.Header("Location"))
	if a.Status != 303 || !strings.HasPrefix(to, "/") {
		return wire.Answer{}, unexpected("redirect", a)
	}
	header := browser()
	if cookie != "" {
		header = append(header, "Cookie: "+sessionCookie+"="+cookie)
	}
	return p.conn.Do(wire.Request{Method: "GET", Target: to, Host: p.host, Header: header}.Bytes())
}

// hidden returns the value of a hidden input.
func hidden(page []byte, name string) string {
	_, rest, ok := bytes.Cut(page, []byte(`name="`+name+`" value="`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return html.UnescapeString(string(value))
}

// sessionFrom returns the value of the session cookie that an answer sets.
func sessionFrom(head []byte) string {
	_, rest, ok := bytes.Cut(head, []byte("\r\nSet-Cookie: "+sessionCookie+"="))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(";"))
	return string(value)
}
