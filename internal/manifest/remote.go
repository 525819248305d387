package manifest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/pkg/adminclient"
)

// remote is the server, and how it knows what a document names otherwise.
type remote struct {
	api     *adminclient.Client
	servers map[string]string // resource servers: identifier by audience
	slugs   map[string]string // tenants: slug by identifier
	people  map[string]string // accounts: identifier by folded address
	made    []MadeSecret

	providers []adminclient.Connector // all that the caller sees; nil until they are asked for

	oversized []Oversized
}

func newRemote(api *adminclient.Client) *remote {
	return &remote{api: api, servers: map[string]string{}, slugs: map[string]string{}, people: map[string]string{}}
}

// read returns what the server has of what the document declares, and of collections that it
// knows completely, everything. Without a document it returns everything.
func (r *remote) read(ctx context.Context, want *Document) (*Document, error) {
	out := &Document{things: map[string]*things{}}
	for _, step := range []struct {
		name string
		read func(context.Context, *kind, *things, bool) (*things, error)
	}{
		{tenants, r.tenants}, {resourceServers, r.resourceServers}, {roleTemplates, r.templates}, {users, r.users}, {clients, r.clients}, {connectors, r.connectors},
	} {
		var declared *things
		all := want == nil
		if want != nil {
			if declared = want.things[step.name]; declared == nil {
				continue
			}
			all = slices.Contains(want.Complete, step.name)
		}
		found, err := step.read(ctx, kindOf(step.name), declared, all)
		if err != nil {
			return nil, err
		}
		out.things[step.name] = found
	}
	return out, nil
}

func kindOf(name string) *kind {
	for _, c := range format() {
		if c.name == name {
			return c.of
		}
	}
	return nil
}

func (k *kind) lower(name string) *kind {
	for _, c := range k.below {
		if c.name == name {
			return c.of
		}
	}
	return nil
}

// thing turns an object of the API into a thing of a kind.
func (r *remote) thing(ctx context.Context, k *kind, key string, v any) (*thing, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	if err := dec.Decode(&members); err != nil {
		return nil, err
	}
	t := &thing{kind: k, key: key, fields: map[string]value{}, below: map[string]*things{}}
	t.id, _ = members["id"].(string)
	for _, f := range k.fields {
		switch f.name {
		case "disabled", "suspended", "verified":
			_, since := members[f.name+"_at"]
			t.fields[f.name] = value{v: since}
			continue
		case "tenant":
			owner, _ := members["tenant_id"].(string)
			if t.fields[f.name], err = r.slug(ctx, owner); err != nil {
				return nil, err
			}
			continue
		}
		if k.noun == "domain" && f.name == "connector" {
			if t.fields[f.name], err = r.connectorName(ctx, members); err != nil {
				return nil, err
			}
			continue
		}
		if f.name == "joins" {
			joins, _ := members["joins_tenant_id"].(string)
			if t.fields[f.name], err = r.slug(ctx, joins); err != nil {
				return nil, err
			}
			continue
		}
		if v := convert(f.shape, members[f.name]); v != nil {
			t.fields[f.name] = value{v: v}
		}
	}
	return t, nil
}

// slug returns the slug of the tenant that owns something; "" for the installation.
func (r *remote) slug(ctx context.Context, id string) (value, error) {
	if slug, known := r.slugs[id]; known || id == "" {
		return value{v: slug}, nil
	}
	t, _, err := r.api.GetTenant(ctx, id)
	if err != nil {
		return value{}, err
	}
	r.slugs[id] = t.Slug
	return value{v: t.Slug}, nil
}

// convert turns what JSON says into what a field of the shape holds; nil when it says nothing.
func convert(s shape, v any) any {
	items, _ := v.([]any)
	switch s {
	case set, list:
		out := []string{}
		for _, x := range items {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		if s == set {
			slices.Sort(out)
		}
		return out
	case grants:
		out := []string{}
		for _, x := range items {
			if p, ok := x.(map[string]any); ok {
				out = append(out, fmt.Sprintf("%v %v", p["audience"], p["slug"]))
			}
		}
		slices.Sort(out)
		return out
	case objects:
		if items == nil {
			return []any{}
		}
	}
	return v
}

// body turns the fields of a thing into what a request sends.
func body[T any](fields map[string]any) (T, error) {
	var out T
	send := map[string]any{}
	for name, v := range fields {
		switch x := v.(type) {
		case secret.Text:
			v = x.Reveal()
		case []string:
			if name == "permissions" {
				v = permissionList(x)
			}
		}
		switch name {
		case "tenant":
			name = "tenant_id"
		case "joins":
			name = "joins_tenant_id"
		}
		send[name] = v
	}
	b, err := json.Marshal(send)
	if err != nil {
		return out, err
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	return out, dec.Decode(&out)
}

func permissionList(grants []string) []adminclient.RolePermission {
	out := []adminclient.RolePermission{}
	for _, g := range grants {
		audience, slug, _ := strings.Cut(g, " ")
		out = append(out, adminclient.RolePermission{Audience: audience, Slug: slug})
	}
	return out
}

// user returns the identifier of a person.
func (r *remote) user(ctx context.Context, email string) (string, error) {
	if id, ok := r.people[strings.ToLower(email)]; ok {
		return id, nil
	}
	page, err := r.api.ListUsers(ctx, adminclient.ListUsersParams{Email: email, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(page.Items) == 0 {
		return "", errdefs.Say(errdefs.ErrNotFound, nil, "there is no account of %s: declare it under users, or invite the person", email)
	}
	r.know(page.Items[0])
	return page.Items[0].ID, nil
}

func (r *remote) know(u adminclient.User) { r.people[strings.ToLower(u.Email)] = u.ID }
