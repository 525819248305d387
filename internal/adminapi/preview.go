package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/id"
)

// Previews makes tokens up to the signature; package issuer implements it.
type Previews interface {
	Preview(ctx context.Context, q claims.Request) (claims.Preview, error)
	Forecast(h claims.Holding) ([]claims.Forecast, error)
}

// Provenances knows where what a person holds comes from.
type Provenances interface {
	Explain(ctx context.Context, reach admin.Reach, tenant id.Tenant, user id.User) (claims.Provenance, error)
	Holding(ctx context.Context, reach admin.Reach, tenant id.Tenant, role string) (claims.Holding, error)
}

// TokenPreview is what tokens would say, and why.
type TokenPreview struct {
	AccessToken PreviewedToken  `json:"access_token"`
	IDToken     *PreviewedToken `json:"id_token,omitempty" doc:"Absent when there would be none: for machines, and without the scope openid."`
	Budget      int             `json:"budget_bytes" doc:"The size beyond which tokens leave out permissions, then declared claims."`
}

// PreviewedToken is what one token would say.
type PreviewedToken struct {
	Claims    map[string]any `json:"claims" doc:"The claims, exactly, but for those that varying names."`
	Varying   []string       `json:"varying" nullable:"false" doc:"Claims that are different in each token, as jti; here they are made up."`
	Omitted   []OmittedClaim `json:"omitted" nullable:"false" doc:"What is left out, and why."`
	Algorithm string         `json:"algorithm" example:"ES256" doc:"What it would be signed with."`
	Bytes     int            `json:"bytes" doc:"About the size of the token."`
	Sources   []ClaimSource  `json:"sources" nullable:"false" doc:"Where each value comes from: one for each claim, and for each element of roles and permissions."`
}

// OmittedClaim is a claim that the token has no room for, or that has no value.
type OmittedClaim struct {
	Claim  string `json:"claim"`
	Reason string `json:"reason"`
}

// ClaimSource says where a value comes from.
type ClaimSource struct {
	Claim   string         `json:"claim" example:"permissions"`
	Value   string         `json:"value,omitempty" example:"orders:read" doc:"The element, when the claim is roles or permissions."`
	Kind    string         `json:"kind" enum:"protocol,sign_in,user,tenant,client,membership,declared" doc:"protocol: the request and this server; sign_in: how and when the person signed in; declared: a declared claim."`
	Because []Because      `json:"because,omitempty" doc:"Of roles and permissions, every way that leads to it; one would do."`
	Mapping *MappingSource `json:"mapping,omitempty" doc:"Of declared claims."`
}

// Because is one way from the membership to a role or a permission.
type Because struct {
	Membership Given            `json:"membership"`
	Role       GivenRole        `json:"role" doc:"The role that the person holds."`
	Includes   string           `json:"includes,omitempty" doc:"The role that it is by way of, which the one held includes; absent when it is the one held."`
	Permission *GivenPermission `json:"permission,omitempty"`
}

// Given says who gave something, and when.
type Given struct {
	By string    `json:"granted_by" doc:"A person, a client, or installation."`
	At time.Time `json:"granted_at"`
}

// GivenRole is a role that the person holds.
type GivenRole struct {
	Name string `json:"name"`
	Given
}

// GivenPermission is a permission that a role bundles.
type GivenPermission struct {
	Audience string `json:"audience"`
	Slug     string `json:"slug"`
	Given
}

// MappingSource is the declaration of a claim.
type MappingSource struct {
	Client   string   `json:"client,omitempty" doc:"The client that declares it, or:"`
	Audience string   `json:"audience,omitempty" doc:"the resource server."`
	Value    any      `json:"value" doc:"The template."`
	Reads    []string `json:"reads" nullable:"false" doc:"The facts that its expressions use, as user.email or roles."`
}

type previewToken struct {
	InTenant
	User     string   `query:"user" maxLength:"64" doc:"A member; absent for the tokens that the client gets for itself." example:"usr_01h2xcejqtf2nbrexx3vqjhp41"`
	Client   string   `query:"client" required:"true" minLength:"1" maxLength:"255" doc:"The client_id."`
	Resource []string `query:"resource,explode" maxItems:"20" doc:"As at the authorization endpoint; absent for the client's default."`
	Scope    string   `query:"scope" maxLength:"4000" doc:"As at the authorization endpoint, where nothing is asked for by default."`
}

func (a *API) previews() {
	register(a, operation{
		ID: "preview-token", Method: http.MethodGet, Path: "/tenants/{tenant}/token-preview", Tag: "Token preview",
		Summary:     "Say what tokens a person would get with a client, and where each value comes from.",
		Description: "Administrators of a tenant see it for the clients that the tenant owns. Nothing is signed, stored or counted.",
	}, a.previewToken)
}

func (a *API) previewToken(ctx context.Context, actor admin.Actor, in *previewToken) (*struct{ Body TokenPreview }, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	// A client that the caller does not see, or one of another tenant, is not there.
	c, err := a.client(ctx, actor, OfClient{in.Client})
	if err != nil {
		return nil, err
	}
	q := claims.Request{Tenant: t.ID, Client: string(c.ID), Resources: in.Resource, Scopes: strings.Fields(in.Scope)}
	if in.User != "" {
		if q.User, err = (OfUser{in.User}).userID(); err == nil {
			_, err = a.Members.Find(ctx, actor.Reach(), t.ID, q.User)
		}
		if err != nil {
			return nil, err
		}
	} else if c.Tenant.IsZero() && t.Slug == admin.InstallationTenant {
		q.Tenant = id.Tenant{} // the installation's machines have no tenant
	}
	p, err := a.Previews.Preview(ctx, q)
	if err != nil {
		return nil, err
	}
	var why claims.Provenance
	if !q.User.IsZero() {
		if why, err = a.Provenances.Explain(ctx, actor.Reach(), t.ID, q.User); err != nil {
			return nil, err
		}
	}
	out := TokenPreview{Budget: a.TokenBudget}
	if out.AccessToken, err = previewedOf(p.Access, in.Client, why); err == nil && p.ID != nil {
		var idToken PreviewedToken
		idToken, err = previewedOf(*p.ID, in.Client, why)
		out.IDToken = &idToken
	}
	return &struct{ Body TokenPreview }{out}, err
}

func previewedOf(p claims.Previewed, client string, why claims.Provenance) (PreviewedToken, error) {
	out := PreviewedToken{Claims: map[string]any{}, Varying: p.Varying, Omitted: []OmittedClaim{}, Algorithm: string(p.Algorithm), Bytes: p.Bytes, Sources: []ClaimSource{}}
	for _, o := range p.Omitted {
		out.Omitted = append(out.Omitted, OmittedClaim{Claim: o.Name, Reason: o.Reason})
	}
	d := json.NewDecoder(bytes.NewReader(p.Payload))
	d.UseNumber() // so that numbers stay as they are
	if err := d.Decode(&out.Claims); err != nil {
		return out, err
	}
	declared := map[string]claims.Explained{}
	for _, e := range p.Declared {
		declared[e.Name] = e
	}
	names := make([]string, 0, len(out.Claims))
	for name := range out.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if e, ok := declared[name]; ok {
			out.Sources = append(out.Sources, declaredSource(e, client))
			continue
		}
		if name != "roles" && name != "permissions" {
			out.Sources = append(out.Sources, ClaimSource{Claim: name, Kind: kindOf(name, p.ForPerson)})
			continue
		}
		list, _ := out.Claims[name].([]any)
		for _, v := range list {
			value, _ := v.(string)
			paths := why.OfRole(value)
			if name == "permissions" {
				paths = why.OfPermission(p.Audience, value)
			}
			out.Sources = append(out.Sources, ClaimSource{Claim: name, Value: value, Kind: "membership", Because: reasons(paths)})
		}
	}
	return out, nil
}

// kindOf says where the value of a claim of our own comes from.
func kindOf(name string, person bool) string {
	switch name {
	case "acr", "amr", "auth_time", "sid", "grant_id":
		return "sign_in"
	case "name", "given_name", "family_name", "picture", "locale", "updated_at", "email", "email_verified":
		return "user"
	case "sub":
		if person {
			return "user"
		}
		return "client"
	case "tenant", "tenant_id":
		return "tenant"
	case "client_id":
		return "client"
	}
	return "protocol"
}

func declaredSource(e claims.Explained, client string) ClaimSource {
	m := &MappingSource{Audience: e.Origin.Audience, Reads: append([]string{}, e.Reads...)}
	if m.Audience == "" {
		m.Client = client
	}
	_ = json.Unmarshal(e.Value, &m.Value) // it was read as a template before
	return ClaimSource{Claim: e.Name, Kind: "declared", Mapping: m}
}

func reasons(paths []claims.Path) []Because {
	var out []Because
	for _, p := range paths {
		b := Because{Membership: Given(p.Membership), Role: GivenRole{p.Held, Given(p.HeldSince)}}
		if p.Role != p.Held {
			b.Includes = p.Role
		}
		if g := p.Permission; g != nil {
			b.Permission = &GivenPermission{g.Audience, g.Slug, Given(g.Granted)}
		}
		out = append(out, b)
	}
	return out
}
