package scenario

import (
	"bytes"
	"context"
	"net/url"
	"strings"

	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/provider"
	"github.com/signet-id/signet/bench/internal/wire"
)

// SignIns returns the two ways in: with a password, and through a provider.
func SignIns() []Scenario { return []Scenario{signIn(), upstreamSignIn()} }

// upstreamSignIn is the whole way of a person with no session who signs in through a provider, where
// they need no time at all. Each time another person.
func upstreamSignIn() Scenario {
	return Scenario{
		Name: "sign_in_upstream", Title: "sign-in through a provider", Connections: signInConnections,
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
						return person{host: e.Host, conn: c}.signInThrough(start, m.ID.String(), redeem)
					}
				}
				return out
			}, nil
		},
	}
}

// signInThrough goes to the provider and comes back as the one whom it calls subject.
func (p person) signInThrough(start []byte, subject string, redeem *wire.Template) error {
	flow, err := p.signInPage(start)
	if err != nil {
		return err
	}
	a, err := p.post("/upstream/"+provider.Slug, url.Values{"flow": {flow}})
	if err != nil {
		return err
	}
	away, err := url.Parse(string(a.Header("Location")))
	if err != nil || a.Status != 303 || away.Path != "/authorize" {
		return unexpected("departure", a)
	}
	asked := away.Query()
	back, err := p.conn.Do(wire.Request{
		Method: "GET", Host: p.host, Header: append(browser(), "Cookie: "+cookies(a.Head)),
		Target: "/upstream/" + provider.Slug + "/callback?" + url.Values{"state": {asked.Get("state")}, "code": {provider.Code(subject, asked.Get("nonce"))}}.Encode(),
	}.Bytes())
	if err != nil {
		return err
	}
	cookie := sessionFrom(back.Head)
	if cookie == "" {
		return unexpected("return from the provider", back)
	}
	if a, err = p.follow(back, cookie); err != nil {
		return err
	}
	return redeemCode(p.conn, a, redeem)
}

// cookies returns what an answer sets, as a browser sends it back.
func cookies(head []byte) string {
	var out []string
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if value, ok := bytes.CutPrefix(line, []byte("Set-Cookie: ")); ok {
			pair, _, _ := bytes.Cut(value, []byte(";"))
			out = append(out, string(pair))
		}
	}
	return strings.Join(out, "; ")
}
