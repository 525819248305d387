package manifest

import (
	"context"
	"iter"
	"slices"

	"github.com/signet-id/signet/pkg/adminclient"
)

// Connectors are known by their slug, below a tenant or at the top, and the server knows them by
// identifiers. What the environment of the server declares is not the document's.

// allProviders reads every connector that the caller sees, once.
func (r *remote) allProviders(ctx context.Context) ([]adminclient.Connector, error) {
	if r.providers != nil {
		return r.providers, nil
	}
	list, err := adminclient.Collect(r.api.AllConnectors(ctx, adminclient.ListConnectorsParams{}))
	if err != nil {
		return nil, err
	}
	r.providers = append([]adminclient.Connector{}, list...)
	return r.providers, nil
}

// connectors reads those of the installation.
func (r *remote) connectors(ctx context.Context, k *kind, _ *things, _ bool) (*things, error) {
	return r.providersOf(ctx, k, "")
}

// providersOf reads those of a tenant, by its identifier, or of the installation.
func (r *remote) providersOf(ctx context.Context, k *kind, tenant string) (*things, error) {
	list, err := r.allProviders(ctx)
	if err != nil {
		return nil, err
	}
	var own iter.Seq2[adminclient.Connector, error] = func(yield func(adminclient.Connector, error) bool) {
		for _, c := range list {
			if c.TenantID == tenant && c.ManagedBy == "" && !yield(c, nil) {
				return
			}
		}
	}
	return listed(ctx, r, k, own, func(c adminclient.Connector) string { return c.Slug }, nil)
}

// connectorName is what a domain calls the connector that it leads to: its slug, or its identifier
// where the tenant's own connector of that slug is another.
func (r *remote) connectorName(ctx context.Context, domain map[string]any) (value, error) {
	leads, _ := domain["connector_id"].(string)
	if leads == "" {
		return value{v: ""}, nil
	}
	list, err := r.allProviders(ctx)
	if err != nil {
		return value{}, err
	}
	i := slices.IndexFunc(list, func(c adminclient.Connector) bool { return c.ID == leads })
	tenant, _ := domain["tenant_id"].(string)
	if i < 0 || r.provider(tenant, list[i].Slug) != leads {
		return value{v: leads}, nil
	}
	return value{v: list[i].Slug}, nil
}

// provider finds the connector that a domain of the tenant names: the tenant's own before the
// installation's. What is neither is returned as it is.
func (r *remote) provider(tenant, name string) string {
	for _, owner := range []string{tenant, ""} {
		for _, c := range r.providers {
			if c.TenantID == owner && c.Slug == name {
				return c.ID
			}
		}
	}
	return name
}

// tenantID returns the identifier of the tenant that a step is in.
func (r *remote) tenantID(slug string) string {
	for id, known := range r.slugs {
		if known == slug {
			return id
		}
	}
	return slug
}

// noticed keeps a connector that was just made, unless all are still to be read.
func (r *remote) noticed(c adminclient.Connector) {
	if r.providers != nil {
		r.providers = append(r.providers, c)
	}
}

func connectorVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetConnector(ctx, r.connectorOf(s))
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			fields = with(fields, "slug", s.last())
			if len(s.Path) > 1 {
				fields["tenant"] = s.Path[0]
			}
			b, err := body[adminclient.NewConnector](fields)
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateConnector(ctx, b, once())
			if err == nil {
				r.noticed(v)
			}
			return err
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			// What is stored is not sent to another issuer, so the document's goes along.
			if given, declared := s.desired.fields["client_secret"]; declared && fields["issuer"] != nil {
				fields["client_secret"] = given.v
			}
			b, err := body[adminclient.UpdateConnectorBody](fields)
			if err != nil {
				return err
			}
			_, _, err = r.api.UpdateConnector(ctx, r.connectorOf(s), b, adminclient.IfMatch(etag))
			return err
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteConnector(ctx, r.connectorOf(s), adminclient.DeleteConnectorParams{}, adminclient.IfMatch(etag))
		},
	}
}

// connectorOf returns the identifier of the connector that a step is about.
func (r *remote) connectorOf(s *Step) string {
	if s.current != nil && s.current.id != "" {
		return s.current.id
	}
	if len(s.Path) > 1 {
		return r.provider(r.tenantID(s.Path[0]), s.last())
	}
	return r.provider("", s.last())
}

func domainVerbs() verbs {
	save := func(ctx context.Context, r *remote, s *Step, fields map[string]any, opts ...adminclient.Option) error {
		if _, err := r.allProviders(ctx); err != nil {
			return err
		}
		name, declared := fields["connector"].(string)
		if !declared && s.current != nil { // a claim is saved as a whole
			name, _ = s.current.fields["connector"].v.(string)
		}
		b := adminclient.SaveDomainBody{}
		if name != "" {
			b.ConnectorID = r.provider(r.tenantID(s.Path[0]), name)
		}
		if v, declared := fields["verified"].(bool); declared && (v || s.current != nil) {
			b.Verified = &v
		}
		_, _, err := r.api.SaveDomain(ctx, s.Path[0], s.last(), b, opts...)
		return err
	}
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetDomain(ctx, s.Path[0], s.last())
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			return save(ctx, r, s, fields)
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			return save(ctx, r, s, fields, adminclient.IfMatch(etag))
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteDomain(ctx, s.Path[0], s.last(), adminclient.IfMatch(etag))
		},
	}
}
