package adminapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Connectors stores connectors. A reach of one tenant sees those of the tenant, and of the
// installation's those whose people join it.
type Connectors interface {
	// List returns connectors, oldest first; the tenant, unless it is zero, narrows it to those whose
	// people belong to it (Connector.Joins).
	List(ctx context.Context, reach admin.Reach, tenant id.Tenant, p admin.Page) (admin.List[connector.Connector], error)
	// Find finds by reference or identifier.
	Find(ctx context.Context, reach admin.Reach, reference string) (connector.Connector, error)
	// Create sets Reference, from the slug that the tenant has now, and times. A slug that is taken is
	// admin.Conflict("slug", …), a role that does not exist in Joins admin.Invalid("default_roles[i]"
	// or "role_mappings[i].role", …).
	Create(ctx context.Context, a admin.Act, c connector.Connector) (created connector.Connector, replayed bool, err error)
	// Update edits what is no part of its reference; what the environment manages is
	// errdefs.ErrConflict.
	Update(ctx context.Context, a admin.Act, c id.Connector, edit func(*connector.Connector) error) (connector.Connector, error)
	// Delete removes a connector with its identities and the roles that they gave, and ends the
	// sessions that rest on it. While it has identities, or domains lead to it, it is
	// errdefs.ErrConflict without force.
	Delete(ctx context.Context, a admin.Act, c id.Connector, keep time.Duration, force bool) error
}

// Connector is a provider that people can sign in through.
type Connector struct {
	ID             string        `json:"id" example:"con_01h2xcejqtf2nbrexx3vqjhp41" doc:"Never changes."`
	Reference      string        `json:"reference" example:"acme.okta" doc:"What requests and addresses call it: the slug, and before that, of a tenant's, the slug that the tenant had when it was made. Never changes."`
	Slug           string        `json:"slug" example:"okta"`
	TenantID       string        `json:"tenant_id,omitempty" doc:"The tenant that it belongs to, and whose people come through it; absent when it is the installation's."`
	JoinsTenantID  string        `json:"joins_tenant_id,omitempty" doc:"Of the installation's: the tenant that its people belong to."`
	Kind           string        `json:"kind" enum:"google,github,oidc"`
	Name           string        `json:"name" example:"Okta" doc:"On the button of the sign-in page."`
	Issuer         string        `json:"issuer" example:"https://acme.okta.example" doc:"Of the provider; of github: the address of its pages."`
	ClientID       string        `json:"client_id,omitempty" doc:"Who this server is at the provider. Absent when only the installation may know."`
	SecretSet      bool          `json:"secret_set" doc:"Whether there is a client secret. It is never shown."`
	RedirectURI    string        `json:"redirect_uri,omitempty" example:"https://auth.example/upstream/acme.okta/callback" doc:"To register at the provider."`
	LogoutURI      string        `json:"backchannel_logout_uri,omitempty" example:"https://auth.example/upstream/acme.okta/logout" doc:"To register at the provider, if it knows back-channel logout: it then ends sessions here, too."`
	Scopes         []string      `json:"scopes" nullable:"false" doc:"Asked for beyond those that a sign-in needs."`
	HostedDomains  []string      `json:"hosted_domains" nullable:"false" doc:"Google: only accounts of these Workspace domains are let in. Empty: anybody."`
	AssumeVerified bool          `json:"assume_verified" doc:"Addresses of which the provider does not say whether they are verified count as such."`
	Authoritative  bool          `json:"authoritative" doc:"It is the authority for the verified domains of its tenant: an account with such an address is linked without asking its owner to sign in to it."`
	Provision      bool          `json:"provision" doc:"Whoever is new gets an account, and becomes a member of the tenant."`
	DefaultRoles   []string      `json:"default_roles" nullable:"false" doc:"Given to whoever becomes a member through it."`
	GroupsClaim    string        `json:"groups_claim,omitempty" example:"realm_access.roles" doc:"The claim that names the groups of a person."`
	RoleMappings   []RoleMapping `json:"role_mappings" nullable:"false" doc:"Roles given to those in a group, and taken again when they leave it."`
	KeepTokens     bool          `json:"keep_tokens" doc:"The provider's tokens are kept, encrypted."`
	Hidden         bool          `json:"hidden" doc:"It has no button: only those who are sent there find it."`
	ManagedBy      string        `json:"managed_by,omitempty" enum:"environment" doc:"Where it is declared, and can be changed alone. Absent: here."`
	DisabledAt     *time.Time    `json:"disabled_at,omitempty" doc:"Since when nobody signs in through it; absent while it is enabled."`
	CreatedAt      time.Time     `json:"created_at"`
	UpdatedAt      time.Time     `json:"updated_at"`
}

// RoleMapping gives a role to whoever is in a group at the provider.
type RoleMapping struct {
	Group string `json:"group" maxLength:"255" example:"signet-admins" doc:"As the provider writes it."`
	Role  string `json:"role" maxLength:"64" example:"admin" doc:"A role of the tenant that people join."`
}

func roleMappingOf(m connector.RoleMapping) RoleMapping { return RoleMapping(m) }
func (m RoleMapping) rule() connector.RoleMapping       { return connector.RoleMapping(m) }

// connectorFor is a connector as the caller may see it: of the installation's, an administrator of
// the tenant that people join sees what concerns those people alone.
func (a *API) connectorFor(actor admin.Actor) func(connector.Connector) Connector {
	return func(c connector.Connector) Connector {
		out := Connector{
			ID: c.ID.String(), Reference: c.Reference, Slug: c.Slug, TenantID: c.Tenant.String(), Kind: string(c.Kind), Name: c.Name, Issuer: c.Issuer,
			Scopes: []string{}, HostedDomains: listed(c.HostedDomains), AssumeVerified: c.AssumeVerified, Authoritative: c.Authoritative,
			Provision: c.Provision, DefaultRoles: listed(c.DefaultRoles), GroupsClaim: c.GroupsClaim, RoleMappings: each(c.RoleMappings, roleMappingOf),
			KeepTokens: c.KeepTokens, Hidden: c.Hidden, DisabledAt: moment(c.DisabledAt), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		}
		if c.Tenant.IsZero() {
			out.JoinsTenantID = c.Joins.String()
		}
		if actor.Reads(c.Tenant) {
			out.ClientID, out.SecretSet, out.Scopes, out.ManagedBy = c.ClientID, len(c.Secret) > 0, listed(c.Scopes), c.ManagedBy
			out.RedirectURI, out.LogoutURI = a.Issuer+c.CallbackPath(), a.Issuer+c.LogoutPath()
		}
		return out
	}
}

// OfConnector is the path of everything about a connector.
type OfConnector struct {
	Connector string `path:"connector" maxLength:"127" example:"acme.okta" doc:"Reference or identifier of the connector."`
}

// connector finds the connector of a path. One that the caller does not see is not there.
func (a *API) connector(ctx context.Context, actor admin.Actor, in OfConnector) (connector.Connector, error) {
	if _, err := id.ParseConnector(in.Connector); err != nil && !connector.IsReference(in.Connector) {
		return connector.Connector{}, errNoSuch
	}
	return a.Connectors.Find(ctx, actor.Reach(), in.Connector)
}

// managedConnector is connector for those who change it.
func (a *API) managedConnector(ctx context.Context, actor admin.Actor, in OfConnector) (connector.Connector, error) {
	c, err := a.connector(ctx, actor, in)
	if err != nil {
		return c, err
	}
	return c, may(actor.Manages(c.Tenant))
}

// NewConnector is what a connector is made from. Kind, client_id and client_secret suffice for
// those of Google and GitHub, issuer, client_id and client_secret for all others.
type NewConnector struct {
	TenantID       string        `json:"tenant_id,omitempty" maxLength:"63" doc:"Slug or identifier of the tenant that it belongs to. Absent: the installation, or the tenant of its administrator."`
	JoinsTenantID  string        `json:"joins_tenant_id,omitempty" maxLength:"63" doc:"Of the installation's: slug or identifier of the tenant that its people belong to. Installation administrators only."`
	Slug           string        `json:"slug,omitempty" maxLength:"63" doc:"In addresses. Absent: after the kind or the issuer."`
	Kind           string        `json:"kind,omitempty" enum:"google,github,oidc" doc:"Absent with an issuer: oidc."`
	Name           string        `json:"name,omitempty" maxLength:"80" doc:"On the button. Absent: after the kind or the issuer."`
	Issuer         string        `json:"issuer,omitempty" maxLength:"2048" doc:"Of an OpenID Provider: exactly what its discovery document says. Of github: the address of a GitHub Enterprise Server."`
	ClientID       string        `json:"client_id" maxLength:"255" doc:"As the provider issued it."`
	ClientSecret   string        `json:"client_secret,omitempty" maxLength:"4096" writeOnly:"true" doc:"As the provider issued it. Only providers of kind oidc know clients without one."`
	Scopes         []string      `json:"scopes,omitempty" doc:"To ask for beyond those that a sign-in needs."`
	HostedDomains  []string      `json:"hosted_domains,omitempty" doc:"Google: let in only accounts of these Workspace domains."`
	AssumeVerified bool          `json:"assume_verified,omitempty" doc:"Take addresses for verified of which the provider does not say whether they are, as Entra ID does not."`
	Authoritative  bool          `json:"authoritative,omitempty" doc:"Link accounts with an address of a verified domain of the tenant without asking their owner to sign in to them."`
	Provision      bool          `json:"provision,omitempty" doc:"Give whoever is new an account, and make them a member of the tenant."`
	DefaultRoles   []string      `json:"default_roles,omitempty" doc:"For whoever becomes a member through it."`
	GroupsClaim    string        `json:"groups_claim,omitempty" maxLength:"255" doc:"The claim that names the groups of a person; names joined by dots lead into objects."`
	RoleMappings   []RoleMapping `json:"role_mappings,omitempty" doc:"Roles for those in a group."`
	KeepTokens     bool          `json:"keep_tokens,omitempty" doc:"Keep the provider's tokens, encrypted."`
	Hidden         bool          `json:"hidden,omitempty" doc:"No button."`
	Disabled       bool          `json:"disabled,omitempty"`
}

type createConnector struct {
	Creation
	Body NewConnector
}

type updateConnector struct {
	OfConnector
	Conditional
	Body struct {
		Name           *string        `json:"name,omitempty" maxLength:"80"`
		Issuer         *string        `json:"issuer,omitempty" maxLength:"2048" doc:"People are known by it: with another one they are new. A client secret that is stored is not sent to another one: give it anew."`
		ClientID       *string        `json:"client_id,omitempty" maxLength:"255"`
		ClientSecret   *string        `json:"client_secret,omitempty" maxLength:"4096" writeOnly:"true" doc:"Replaces the one before; empty takes it away."`
		JoinsTenantID  *string        `json:"joins_tenant_id,omitempty" maxLength:"63" doc:"Installation administrators only. Empty: none."`
		Scopes         *[]string      `json:"scopes,omitempty" doc:"Replaces all."`
		HostedDomains  *[]string      `json:"hosted_domains,omitempty" doc:"Replaces all."`
		AssumeVerified *bool          `json:"assume_verified,omitempty"`
		Authoritative  *bool          `json:"authoritative,omitempty"`
		Provision      *bool          `json:"provision,omitempty"`
		DefaultRoles   *[]string      `json:"default_roles,omitempty" doc:"Replaces all; members keep what they have."`
		GroupsClaim    *string        `json:"groups_claim,omitempty" maxLength:"255"`
		RoleMappings   *[]RoleMapping `json:"role_mappings,omitempty" doc:"Replaces all, from the next sign-in of each person on."`
		KeepTokens     *bool          `json:"keep_tokens,omitempty"`
		Hidden         *bool          `json:"hidden,omitempty"`
		Disabled       *bool          `json:"disabled,omitempty"`
	}
}

func (a *API) connectors() {
	const tag = "Connectors"
	register(a, operation{
		ID: "list-connectors", Method: http.MethodGet, Path: "/connectors", Tag: tag, Summary: "List connectors, oldest first.",
		Description: "Tenant administrators see those of their tenant, and of the installation's those whose people join it.",
	}, a.listConnectors)
	register(a, operation{
		ID: "create-connector", Method: http.MethodPost, Path: "/connectors", Tag: tag, Status: http.StatusCreated,
		Summary:     "Let people sign in through a provider.",
		Description: "kind, client_id and client_secret suffice for Google and GitHub; issuer, client_id and client_secret for any OpenID Provider. Register the redirect_uri of the answer at the provider. Tenant administrators make connectors of their tenant, which vouch for addresses in its verified domains alone.",
	}, a.createConnector)
	register(a, operation{ID: "get-connector", Method: http.MethodGet, Path: "/connectors/{connector}", Tag: tag, Summary: "Read a connector."}, a.getConnector)
	register(a, operation{ID: "update-connector", Method: http.MethodPatch, Path: "/connectors/{connector}", Tag: tag, Summary: "Edit a connector: absent fields stay."}, a.updateConnector)
	register(a, operation{
		ID: "delete-connector", Timeout: longest, Method: http.MethodDelete, Path: "/connectors/{connector}", Tag: tag, Status: http.StatusNoContent,
		Summary:     "Delete a connector.",
		Description: "While people are linked to it or domains lead to it, only with force=true: they keep their accounts, and lose the roles that it gave and the sessions that began through it.",
	}, a.deleteConnector)
	a.connections()
}

func (a *API) listConnectors(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Tenant string `query:"tenant" maxLength:"63" doc:"Only those whose people belong to the tenant with this slug or identifier."`
},
) (*listing[Connector], error) {
	tenant, err := a.filterTenant(ctx, actor, in.Tenant)
	if err != nil {
		return nil, err
	}
	l, err := a.Connectors.List(ctx, actor.Reach(), tenant, in.page())
	return &listing[Connector]{pageOf(l, a.connectorFor(actor))}, err
}

func (a *API) getConnector(ctx context.Context, actor admin.Actor, in *OfConnector) (*single[Connector], error) {
	c, err := a.connector(ctx, actor, *in)
	return one(c.Version, a.connectorFor(actor)(c)), err
}

// draft is the connector that b describes, checked, for those who may make it.
func (a *API) draft(ctx context.Context, actor admin.Actor, b NewConnector) (connector.Connector, error) {
	tenant, err := a.owner(ctx, actor, b.TenantID)
	if err == nil && b.TenantID == "" && !actor.ManagesAll() {
		tenant = actor.Tenant
	}
	if err == nil {
		err = may(actor.Manages(tenant))
	}
	if err != nil {
		return connector.Connector{}, err
	}
	joins, err := a.joins(ctx, actor, tenant, b.JoinsTenantID)
	if err != nil {
		return connector.Connector{}, err
	}
	c := connector.Connector{
		ID: id.NewConnector(a.Now()), Slug: b.Slug, Tenant: tenant, Joins: joins, Kind: connector.Kind(b.Kind), Name: b.Name,
		Issuer: b.Issuer, ClientID: b.ClientID, Scopes: b.Scopes, HostedDomains: b.HostedDomains, AssumeVerified: b.AssumeVerified,
		Authoritative: b.Authoritative, Provision: b.Provision, DefaultRoles: b.DefaultRoles, GroupsClaim: b.GroupsClaim,
		RoleMappings: each(b.RoleMappings, RoleMapping.rule), KeepTokens: b.KeepTokens, Hidden: b.Hidden,
	}.WithDefaults()
	disable(&c.DisabledAt, &b.Disabled, a.Now())
	return c, checkConnector(c, b.ClientSecret != "")
}

// joins is the tenant that people of a connector belong to.
func (a *API) joins(ctx context.Context, actor admin.Actor, of id.Tenant, reference string) (id.Tenant, error) {
	switch {
	case reference == "":
		return of, nil
	case !actor.ManagesAll():
		return of, admin.Denied("joins_tenant_id", "is set by administrators of the installation alone")
	case !of.IsZero():
		return of, admin.Invalid("joins_tenant_id", "people of a tenant's connector belong to that tenant; leave it out")
	}
	t, err := a.Tenants.Find(ctx, actor.Reach(), reference)
	if errors.Is(err, errdefs.ErrNotFound) {
		err = admin.Invalid("joins_tenant_id", "there is no such tenant")
	}
	return t.ID, err
}

// checkConnector says what is wrong with a connector, which has a secret or not.
func checkConnector(c connector.Connector, hasSecret bool) error {
	var fault error
	if !hasSecret && (c.Kind == connector.Google || c.Kind == connector.GitHub) {
		fault = admin.Invalid("client_secret", "is required: the provider knows no clients without one")
	}
	return errors.Join(c.Check(), fault)
}

func (a *API) createConnector(ctx context.Context, actor admin.Actor, in *createConnector) (*created[Connector], error) {
	b := in.Body
	c, err := a.draft(ctx, actor, b)
	if err != nil {
		return nil, err
	}
	if c.Secret, err = a.Keeper.SealSecret(c.ID, secret.New(b.ClientSecret)); err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ConnectorCreated, c.Tenant, c.ID.String(), map[string]string{"slug": c.Slug, "kind": string(c.Kind), "issuer": c.Issuer})
	b.ClientSecret = "" // the fingerprint of one that is easily guessed would help to guess it
	act.Once = in.once("create-connector", c.Tenant, b)
	c, replayed, err := a.Connectors.Create(ctx, act, c)
	a.ForgetConnectors()
	return made("/connectors/"+c.ID.String(), c.Version, replayed, a.connectorFor(actor)(c)), err
}

func (a *API) updateConnector(ctx context.Context, actor admin.Actor, in *updateConnector) (*single[Connector], error) {
	c, err := a.managedConnector(ctx, actor, in.OfConnector)
	if err != nil {
		return nil, err
	}
	joins := c.Joins
	if in.Body.JoinsTenantID != nil {
		joins, err = a.joins(ctx, actor, c.Tenant, *in.Body.JoinsTenantID)
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ConnectorUpdated, c.Tenant, c.ID.String(), map[string]string{"reference": c.Reference, "fields": fields(in.Body)})
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	if d := in.Body.Disabled; d != nil {
		act.Event.Detail["disabled"] = strconv.FormatBool(*d)
	}
	if issuer := in.Body.Issuer; issuer != nil {
		act.Event.Detail["issuer"] = *issuer
	}
	c, err = a.Connectors.Update(ctx, act, c.ID, func(c *connector.Connector) error {
		if in.Body.JoinsTenantID != nil {
			c.Joins = joins
		}
		if s := in.Body.ClientSecret; s != nil {
			sealed, err := a.Keeper.SealSecret(c.ID, secret.New(*s))
			if err != nil {
				return err
			}
			c.Secret = sealed
		}
		in.edit(c, a.Now())
		return checkConnector(*c, len(c.Secret) > 0)
	})
	a.ForgetConnectors()
	return one(c.Version, a.connectorFor(actor)(c)), err
}

func (in *updateConnector) edit(c *connector.Connector, now time.Time) {
	b := in.Body
	set(&c.Name, b.Name)
	set(&c.Issuer, b.Issuer)
	set(&c.ClientID, b.ClientID)
	set(&c.Scopes, b.Scopes)
	set(&c.HostedDomains, b.HostedDomains)
	set(&c.AssumeVerified, b.AssumeVerified)
	set(&c.Authoritative, b.Authoritative)
	set(&c.Provision, b.Provision)
	set(&c.DefaultRoles, b.DefaultRoles)
	set(&c.GroupsClaim, b.GroupsClaim)
	if b.RoleMappings != nil {
		c.RoleMappings = each(*b.RoleMappings, RoleMapping.rule)
	}
	set(&c.KeepTokens, b.KeepTokens)
	set(&c.Hidden, b.Hidden)
	disable(&c.DisabledAt, b.Disabled, now)
	*c = c.WithDefaults() // an empty name or issuer means the one of its kind
}

func (a *API) deleteConnector(ctx context.Context, actor admin.Actor, in *struct {
	OfConnector
	Conditional
	Forced
},
) (*none, error) {
	c, err := a.managedConnector(ctx, actor, in.OfConnector)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ConnectorDeleted, c.Tenant, c.ID.String(), map[string]string{"reference": c.Reference})
	if in.Force {
		act.Event.Detail["force"] = "true"
	}
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Connectors.Delete(ctx, act, c.ID, maxAccessToken, in.Force)
	a.ForgetConnectors()
	a.ForgetEverybody()
	return &none{}, err
}
