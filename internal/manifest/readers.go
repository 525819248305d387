package manifest

import (
	"context"
	"iter"

	"github.com/signet-id/signet/pkg/adminclient"
)

// listed turns a whole list of the API into things.
func listed[T any](ctx context.Context, r *remote, k *kind, items iter.Seq2[T, error], key func(T) string, each func(T, *thing) error) (*things, error) {
	out := &things{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		t, err := r.thing(ctx, k, key(item), item)
		if err != nil {
			return nil, err
		}
		if each != nil {
			if err := each(item, t); err != nil {
				return nil, err
			}
		}
		out.add(t)
	}
	return out, nil
}

// tenants reads tenants. Their identifiers are wanted by what they own.
func (r *remote) tenants(ctx context.Context, k *kind, want *things, all bool) (*things, error) {
	each := func(a adminclient.Tenant, t *thing) error {
		r.slugs[a.ID] = a.Slug
		w := want.find(k, a.Slug)
		if !all && w == nil {
			return nil
		}
		return r.inTenant(ctx, k, t, w, all && want == nil)
	}
	if all {
		return listed(ctx, r, k, r.api.AllTenants(ctx, adminclient.ListTenantsParams{}), func(a adminclient.Tenant) string { return a.Slug }, each)
	}
	out := &things{}
	for _, w := range want.list {
		a, _, err := r.api.GetTenant(ctx, w.key)
		if adminclient.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := r.thing(ctx, k, a.Slug, a)
		if err != nil {
			return nil, err
		}
		if err := each(a, t); err != nil {
			return nil, err
		}
		out.add(t)
	}
	return out, nil
}

// inTenant reads what is below a tenant, as far as it is declared.
func (r *remote) inTenant(ctx context.Context, k *kind, t, want *thing, all bool) (err error) {
	if all || want != nil && want.below[roles] != nil {
		if t.below[roles], err = r.roles(ctx, k.lower(roles), t.id); err != nil {
			return err
		}
	}
	if all || want != nil && want.below[members] != nil {
		t.below[members], err = listed(ctx, r, k.lower(members), r.api.AllMembers(ctx, t.id, adminclient.ListMembersParams{}),
			func(m adminclient.Member) string { return m.User.Email },
			func(m adminclient.Member, t *thing) error { t.id = m.User.ID; r.know(m.User); return nil })
		if err != nil {
			return err
		}
	}
	if all || want != nil && want.below[connectors] != nil {
		if t.below[connectors], err = r.providersOf(ctx, k.lower(connectors), t.id); err != nil {
			return err
		}
	}
	if all || want != nil && want.below[domains] != nil {
		t.below[domains], err = listed(ctx, r, k.lower(domains), r.api.AllDomains(ctx, t.id, adminclient.ListDomainsParams{}),
			func(d adminclient.Domain) string { return d.Domain }, nil)
	}
	return err
}

func (r *remote) roles(ctx context.Context, k *kind, tenant string) (*things, error) {
	return listed(ctx, r, k, r.api.AllRoles(ctx, tenant, adminclient.ListRolesParams{}), func(a adminclient.Role) string { return a.Name }, nil)
}

// resourceServers reads resource servers: all of them, for a role may name any.
func (r *remote) resourceServers(ctx context.Context, k *kind, want *things, all bool) (*things, error) {
	return listed(ctx, r, k, r.api.AllResourceServers(ctx, adminclient.ListResourceServersParams{}), func(a adminclient.ResourceServer) string { return a.Audience },
		func(a adminclient.ResourceServer, t *thing) (err error) {
			r.servers[a.Audience] = a.ID
			if w := want.find(k, a.Audience); all && want == nil || w != nil && w.below[permissions] != nil {
				t.below[permissions], err = listed(ctx, r, k.lower(permissions), r.api.AllPermissions(ctx, a.ID, adminclient.ListPermissionsParams{}),
					func(p adminclient.Permission) string { return p.Slug }, nil)
			}
			return err
		})
}

func (r *remote) templates(ctx context.Context, k *kind, _ *things, _ bool) (*things, error) {
	return listed(ctx, r, k, r.api.AllRoleTemplates(ctx, adminclient.ListRoleTemplatesParams{}), func(a adminclient.RoleTemplate) string { return a.Name }, nil)
}

func (r *remote) users(ctx context.Context, k *kind, want *things, all bool) (*things, error) {
	if all {
		return listed(ctx, r, k, r.api.AllUsers(ctx, adminclient.ListUsersParams{}), func(u adminclient.User) string { return u.Email },
			func(u adminclient.User, _ *thing) error { r.know(u); return nil })
	}
	out := &things{}
	for _, w := range want.list {
		page, err := r.api.ListUsers(ctx, adminclient.ListUsersParams{Email: w.key, Limit: 1})
		if err != nil {
			return nil, err
		}
		for _, u := range page.Items {
			r.know(u)
			t, err := r.thing(ctx, k, u.Email, u)
			if err != nil {
				return nil, err
			}
			out.add(t)
		}
	}
	return out, nil
}

func (r *remote) clients(ctx context.Context, k *kind, want *things, all bool) (*things, error) {
	if all {
		return listed(ctx, r, k, r.api.AllClients(ctx, adminclient.ListClientsParams{}), func(c adminclient.ClientRegistration) string { return c.ID },
			func(c adminclient.ClientRegistration, t *thing) error {
				return r.secrets(ctx, k, t, want.find(k, c.ID))
			})
	}
	out := &things{}
	for _, w := range want.list {
		c, _, err := r.api.GetClient(ctx, w.key)
		if adminclient.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.TenantID != "" {
			r.slugs[c.TenantID] = c.Tenant
		}
		t, err := r.thing(ctx, k, c.ID, c)
		if err != nil {
			return nil, err
		}
		if err := r.secrets(ctx, k, t, w); err != nil {
			return nil, err
		}
		out.add(t)
	}
	return out, nil
}

// secrets reads what is known of a client's secrets, where the document says which there are.
func (r *remote) secrets(ctx context.Context, k *kind, t, want *thing) error {
	if want == nil || want.below[secrets] == nil {
		return nil
	}
	page, err := r.api.ListClientSecrets(ctx, t.key)
	if err != nil {
		return err
	}
	found := &things{}
	for _, s := range page.Items {
		found.add(&thing{kind: k.lower(secrets), key: s.Fingerprint, id: s.ID})
	}
	t.below[secrets] = found
	return nil
}
