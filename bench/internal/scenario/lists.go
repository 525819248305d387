package scenario

import (
	"bytes"
	"context"
	"net/url"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/measure"
	"github.com/signet-id/signet/bench/internal/wire"
)

// Lists returns the scenarios that read lists of the administration page by page.
func Lists() []Scenario {
	return []Scenario{
		pages("list_users", "users", func(*Env) string { return "/users?limit=50" }),
		pages("list_tenants", "tenants", func(*Env) string { return "/tenants?limit=50" }),
		pages("list_members", "members of a tenant", func(e *Env) string { return "/tenants/" + e.Set.Member(0).Slug + "/members?limit=50" }),
		pages("list_roles", "roles of a tenant", func(e *Env) string { return "/tenants/" + e.Set.Member(0).Slug + "/roles?limit=50" }),
		pages("list_clients", "clients", func(*Env) string { return "/clients?limit=50" }),
		pages("list_grants", "grants of a tenant", func(e *Env) string { return "/grants?limit=50&tenant=" + e.Set.Member(0).Slug }),
		pages("list_audit", "audit log", func(*Env) string { return "/audit?limit=50" }),
		pages("list_audit_tenant", "audit log of a tenant", func(e *Env) string { return "/audit?limit=50&tenant=" + e.Set.Member(0).Slug }),
	}
}

// listing is how many connections read lists: administrators are few.
const listing = 4

// pages reads a list from its beginning to its end, and again.
func pages(name, title string, path func(*Env) string) Scenario {
	return Scenario{
		Name: name, Title: title, Connections: listing, Needed: Needed{What: "a page of 50"},
		Prepare: func(ctx context.Context, e *Env) (Maker, error) {
			token, err := adminToken(ctx, e)
			if err != nil {
				return nil, err
			}
			first := wire.Request{Method: "GET", Target: "/admin/v1" + path(e), Host: e.Host, Header: []string{wire.Bearer(token)}}
			next := first
			next.Target += "&cursor=" + wire.Place
			return func(n int) []measure.Operation {
				out := make([]measure.Operation, n)
				for i := range out {
					out[i] = walk(title, first.Bytes(), wire.NewTemplate(next))
				}
				return out
			}, nil
		},
	}
}

func walk(title string, first []byte, next *wire.Template) measure.Operation {
	var cursor []byte
	return func(c *wire.Conn) error {
		request := first
		if len(cursor) > 0 {
			request = next.Fill(cursor)
		}
		a, err := c.Do(request)
		if err == nil && (a.Status != 200 || !bytes.HasPrefix(a.Body, []byte(`{"items":[{`))) {
			err = unexpected(title, a)
		}
		cursor = append(cursor[:0], member(a.Body, "next_cursor")...)
		return err
	}
}

// adminToken returns an access token for the administration.
func adminToken(ctx context.Context, e *Env) (string, error) {
	a, err := one(ctx, e.Host, wire.Request{
		Method: "POST", Target: "/token", Host: e.Host, Header: []string{wire.Basic(fill.Admin, fill.Secret().Reveal())},
		Form: url.Values{"grant_type": {"client_credentials"}},
	}.Bytes())
	if err != nil {
		return "", err
	}
	token := member(a.Body, "access_token")
	if a.Status != 200 || !isToken(token) {
		return "", unexpected("token for the administration", a)
	}
	return string(token), nil
}
