package manifest

import (
	"context"
	"crypto/rand"

	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/pkg/adminclient"
)

// verbs is what can be done to a thing of one kind.
type verbs struct {
	// get reads a thing again, with the entity tag that an edit names.
	get    func(context.Context, *remote, *Step) (current *thing, etag string, err error)
	create func(context.Context, *remote, *Step, map[string]any) error
	update func(context.Context, *remote, *Step, string, map[string]any) error
	remove func(context.Context, *remote, *Step, string) error
}

// verbsOf returns those of a noun. Permissions and secrets are never edited under an entity tag of
// their own: get is nil.
func verbsOf(noun string) verbs {
	return map[string]verbs{
		"resource server": serverVerbs(),
		"permission":      permissionVerbs(),
		"role template":   templateVerbs(),
		"tenant":          tenantVerbs(),
		"role":            roleVerbs(),
		"member":          memberVerbs(),
		"user":            userVerbs(),
		"client":          clientVerbs(),
		"secret":          secretVerbs(),
		"connector":       connectorVerbs(),
		"domain":          domainVerbs(),
	}[noun]
}

// last is the key of the step's own thing.
func (s *Step) last() string { return s.Path[len(s.Path)-1] }

func once() adminclient.Option { return adminclient.IdempotencyKey(rand.Text()) }

// got is the end of every get.
func got[T any](ctx context.Context, r *remote, s *Step, v T, etag string, err error) (*thing, string, error) {
	if err != nil {
		return nil, "", err
	}
	t, err := r.thing(ctx, s.kind, s.last(), v)
	return t, etag, err
}

// measured keeps what the server forecasts of tokens that are too large, and passes the error on.
func (r *remote) measured(s *Step, forecast []adminclient.TokenForecast, err error) error {
	for _, f := range forecast {
		if f.OverBudget {
			r.oversized = append(r.oversized, Oversized{Step: s.Name(), Forecast: f})
		}
	}
	return err
}

func serverVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetResourceServer(ctx, r.servers[s.last()])
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateResourceServerBody](with(fields, "audience", s.last(), "name", s.last()))
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateResourceServer(ctx, b, once())
			r.servers[s.last()] = v.ID
			return r.measured(s, v.TokenForecast, err)
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateResourceServerBody](fields)
			if err != nil {
				return err
			}
			v, _, err := r.api.UpdateResourceServer(ctx, r.servers[s.last()], b, adminclient.IfMatch(etag))
			return r.measured(s, v.TokenForecast, err)
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteResourceServer(ctx, r.servers[s.last()], adminclient.DeleteResourceServerParams{}, adminclient.IfMatch(etag))
		},
	}
}

func permissionVerbs() verbs {
	save := func(ctx context.Context, r *remote, s *Step, fields map[string]any, opts ...adminclient.Option) error {
		b, err := body[adminclient.SavePermissionBody](fields)
		if err != nil {
			return err
		}
		_, _, err = r.api.SavePermission(ctx, r.servers[s.Path[0]], s.last(), b, opts...)
		return err
	}
	return verbs{
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			return save(ctx, r, s, fields)
		},
		update: func(ctx context.Context, r *remote, s *Step, _ string, fields map[string]any) error {
			return save(ctx, r, s, fields, adminclient.IfMatch("*")) // the plan says what is replaced
		},
		remove: func(ctx context.Context, r *remote, s *Step, _ string) error {
			return r.api.DeletePermission(ctx, r.servers[s.Path[0]], s.last(), adminclient.DeletePermissionParams{})
		},
	}
}

func templateVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetRoleTemplate(ctx, s.last())
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateTemplateBody](with(fields, "name", s.last()))
			if err != nil {
				return err
			}
			_, _, err = r.api.CreateRoleTemplate(ctx, b, once())
			return err
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateTemplateBody](fields)
			if err != nil {
				return err
			}
			_, _, err = r.api.UpdateRoleTemplate(ctx, s.last(), b, adminclient.IfMatch(etag))
			return err
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteRoleTemplate(ctx, s.last(), adminclient.IfMatch(etag))
		},
	}
}

func tenantVerbs() verbs {
	update := func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
		b, err := body[adminclient.UpdateTenantBody](fields)
		if err != nil {
			return err
		}
		_, _, err = r.api.UpdateTenant(ctx, s.last(), b, adminclient.IfMatch(etag))
		return err
	}
	get := func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
		v, etag, err := r.api.GetTenant(ctx, s.last())
		return got(ctx, r, s, v, etag, err)
	}
	return verbs{
		get: get,
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateTenantBody](with(fields, "slug", s.last(), "name", s.last()))
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateTenant(ctx, b, once())
			r.slugs[v.ID] = v.Slug
			return err
		},
		update: update,
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			if s.current.fields["disabled"].v != true { // first, so that nobody is at work in it
				if err := update(ctx, r, s, etag, map[string]any{"disabled": true}); err != nil {
					return err
				}
				_, fresh, err := get(ctx, r, s)
				if err != nil {
					return err
				}
				etag = fresh
			}
			return r.api.DeleteTenant(ctx, s.last(), adminclient.IfMatch(etag))
		},
	}
}

func roleVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetRole(ctx, s.Path[0], s.last())
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateRoleBody](with(fields, "name", s.last()))
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateRole(ctx, s.Path[0], b, once())
			return r.measured(s, v.TokenForecast, err)
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateRoleBody](fields)
			if err != nil {
				return err
			}
			v, _, err := r.api.UpdateRole(ctx, s.Path[0], s.last(), b, adminclient.IfMatch(etag))
			return r.measured(s, v.TokenForecast, err)
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteRole(ctx, s.Path[0], s.last(), adminclient.IfMatch(etag))
		},
	}
}

func memberVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			user, err := r.user(ctx, s.last())
			if err != nil {
				return nil, "", err
			}
			v, etag, err := r.api.GetMember(ctx, s.Path[0], user)
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			user, err := r.user(ctx, s.last())
			if err != nil {
				return err
			}
			b, err := body[adminclient.AddMemberBody](with(fields, "user", user))
			if err != nil {
				return err
			}
			_, _, err = r.api.AddMember(ctx, s.Path[0], b, once())
			return err
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateMemberBody](fields)
			if err != nil {
				return err
			}
			_, _, err = r.api.UpdateMember(ctx, s.Path[0], r.people[s.kind.fold(s.last())], b, adminclient.IfMatch(etag))
			return err
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.RemoveMember(ctx, s.Path[0], r.people[s.kind.fold(s.last())], adminclient.IfMatch(etag))
		},
	}
}

func userVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetUser(ctx, r.people[s.kind.fold(s.last())])
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateUserBody](with(fields, "email", s.last()))
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateUser(ctx, b, once())
			if err == nil {
				r.know(v)
			}
			return err
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateUserBody](fields)
			if err != nil {
				return err
			}
			_, _, err = r.api.UpdateUser(ctx, r.people[s.kind.fold(s.last())], b, adminclient.IfMatch(etag))
			return err
		},
	}
}

func clientVerbs() verbs {
	return verbs{
		get: func(ctx context.Context, r *remote, s *Step) (*thing, string, error) {
			v, etag, err := r.api.GetClient(ctx, s.last())
			return got(ctx, r, s, v, etag, err)
		},
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			fields = with(fields, "id", s.last(), "name", s.last())
			if declared := s.desired.below[secrets]; declared != nil && len(declared.list) > 0 {
				fields["secret"] = declared.list[0].fields["secret"].v
			}
			b, err := body[adminclient.CreateClientBody](fields)
			if err != nil {
				return err
			}
			v, _, err := r.api.CreateClient(ctx, b, once())
			if err == nil && v.Secret != "" && fields["secret"] == nil {
				r.made = append(r.made, MadeSecret{Client: v.ID, Secret: secret.New(v.Secret)})
			}
			return r.measured(s, v.TokenForecast, err)
		},
		update: func(ctx context.Context, r *remote, s *Step, etag string, fields map[string]any) error {
			b, err := body[adminclient.UpdateClientBody](fields)
			if err != nil {
				return err
			}
			v, _, err := r.api.UpdateClient(ctx, s.last(), b, adminclient.IfMatch(etag))
			return r.measured(s, v.TokenForecast, err)
		},
		remove: func(ctx context.Context, r *remote, s *Step, etag string) error {
			return r.api.DeleteClient(ctx, s.last(), adminclient.IfMatch(etag))
		},
	}
}

func secretVerbs() verbs {
	return verbs{
		create: func(ctx context.Context, r *remote, s *Step, fields map[string]any) error {
			b, err := body[adminclient.CreateClientSecretBody](fields)
			if err != nil {
				return err
			}
			_, err = r.api.CreateClientSecret(ctx, s.Path[0], b, once())
			return err
		},
		remove: func(ctx context.Context, r *remote, s *Step, _ string) error {
			return r.api.DeleteClientSecret(ctx, s.Path[0], s.current.id)
		},
	}
}

// with adds members to the fields of a new thing that it does not have: its key, and what cannot
// be left out.
func with(fields map[string]any, pairs ...string) map[string]any {
	for i := 0; i < len(pairs); i += 2 {
		if fields[pairs[i]] == nil {
			fields[pairs[i]] = pairs[i+1]
		}
	}
	return fields
}
