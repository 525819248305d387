package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Clients stores registrations.
type Clients interface {
	List(ctx context.Context, reach admin.Reach, f client.Filter, p admin.Page) (admin.List[client.Client], error)
	Find(ctx context.Context, reach admin.Reach, c client.ID) (client.Client, error)
	Create(ctx context.Context, a admin.Act, c client.Client) (created client.Client, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, c client.ID, edit func(*client.Client) error) (client.Client, error)
	Delete(ctx context.Context, a admin.Act, c client.ID) error
}

// Client is the registration of an application.
type Client struct {
	ID                     string          `json:"id" example:"cli_01h2xcejqtf2nbrexx3vqjhp41" doc:"The client_id. Never changes."`
	TenantID               string          `json:"tenant_id,omitempty" doc:"The tenant that owns it and whose people alone it signs in; absent when it is the installation's."`
	Tenant                 string          `json:"tenant,omitempty" example:"acme" doc:"With tenant_id: its slug."`
	Name                   string          `json:"name" example:"Shop" doc:"For people, on the pages that they sign in on."`
	AuthMethod             string          `json:"auth_method" enum:"none,client_secret_basic,client_secret_post" doc:"How it proves who it is at the token endpoint; none is a public client, which keeps no secret."`
	RedirectURIs           []string        `json:"redirect_uris" nullable:"false"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris" nullable:"false"`
	Origins                []string        `json:"origins" nullable:"false" doc:"Web origins whose scripts may call the token endpoint."`
	GrantTypes             []string        `json:"grant_types" nullable:"false"`
	Scopes                 []string        `json:"scopes" nullable:"false" doc:"That it may ask for. What a machine may do in the administration is among them."`
	Audiences              []string        `json:"audiences" nullable:"false" doc:"Of the resource servers that it may ask tokens for; the first is the default."`
	ServesAudience         string          `json:"serves_audience,omitempty" doc:"The audience of the resource server that this client is, which may introspect its tokens."`
	PKCEOptional           bool            `json:"pkce_optional" doc:"It may go without PKCE. Confidential clients only."`
	SkipConsent            bool            `json:"skip_consent" doc:"People are not asked what it may do."`
	IDTokenAlgorithm       string          `json:"id_token_algorithm,omitempty" doc:"Of the signature of ID tokens; absent for the server's default."`
	AccessTokenLifetime    int             `json:"access_token_lifetime" doc:"In seconds; 0 is the server's default."`
	PolicyURI              string          `json:"policy_uri,omitempty"`
	TermsURI               string          `json:"terms_uri,omitempty"`
	Claims                 []DeclaredClaim `json:"claims" nullable:"false" doc:"Claims that it declares for its tokens."`
	Forecast               []TokenForecast `json:"token_forecast,omitempty" doc:"How large access tokens get by its claims, of somebody without roles. Absent without claims, and in lists."`
	Secrets                []ClientSecret  `json:"secrets,omitempty" doc:"What is known of its secrets, which are shown once, when they are made. Absent in lists."`
	DisabledAt             *time.Time      `json:"disabled_at,omitempty" doc:"Since when it gets no tokens and its old ones are void; absent while it is enabled."`
	CreatedAt              time.Time       `json:"created_at"`
	UpdatedAt              time.Time       `json:"updated_at"`
}

// CreatedClient is a registration with its first secret.
type CreatedClient struct {
	Client
	Secret string `json:"secret,omitempty" doc:"The client_secret. It is shown now and never again."`
}

func clientOf(c client.Client) Client {
	out := Client{
		ID: string(c.ID), TenantID: c.Tenant.String(), Tenant: c.TenantSlug, Name: c.Name, AuthMethod: string(c.AuthMethod),
		RedirectURIs: listed(c.RedirectURIs), PostLogoutRedirectURIs: listed(c.PostLogoutRedirectURIs), Origins: listed(c.Origins),
		GrantTypes: listed(c.GrantTypes), Scopes: listed(c.Scopes), Audiences: listed(c.Audiences), ServesAudience: c.ServesAudience,
		PKCEOptional: c.PKCEOptional, SkipConsent: c.SkipConsent, IDTokenAlgorithm: string(c.IDTokenAlgorithm),
		AccessTokenLifetime: int(c.AccessTokenLifetime / time.Second), PolicyURI: c.PolicyURI, TermsURI: c.TermsURI, Claims: declared(c.Claims),
		DisabledAt: moment(c.DisabledAt), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	for _, s := range c.Secrets {
		out.Secrets = append(out.Secrets, clientSecretOf(s))
	}
	return out
}

// listed keeps an absent list from becoming null.
func listed(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// maxRegistration is room for all that a registration may hold, in bytes.
const maxRegistration = 1 << 20

// OfClient is the path of everything below a client.
type OfClient struct {
	Client string `path:"client" maxLength:"255" example:"cli_01h2xcejqtf2nbrexx3vqjhp41" doc:"The client_id, percent-encoded."`
}

func clientPath(c client.ID) string { return "/clients/" + url.PathEscape(string(c)) }

// client finds the client of a path. One that the caller does not see is not there.
func (a *API) client(ctx context.Context, actor admin.Actor, in OfClient) (client.Client, error) {
	if client.CheckID(client.ID(in.Client)) != nil {
		return client.Client{}, errNoSuch
	}
	return a.Clients.Find(ctx, actor.Reach(), client.ID(in.Client))
}

// errNoSuch is about identifiers that nothing can have.
var errNoSuch = fmt.Errorf("no such identifier: %w", errdefs.ErrNotFound)

// managedClient is client for those who change it.
func (a *API) managedClient(ctx context.Context, actor admin.Actor, in OfClient) (client.Client, error) {
	c, err := a.client(ctx, actor, in)
	if err != nil {
		return c, err
	}
	return c, may(actor.Manages(c.Tenant))
}

type createClient struct {
	Creation
	Body struct {
		ID                     string          `json:"id,omitempty" maxLength:"255" doc:"The client_id of a system that you migrate from; otherwise absent. Installation administrators only."`
		TenantID               string          `json:"tenant_id,omitempty" maxLength:"63" doc:"Slug or identifier of the tenant that owns it. Absent: the installation, or the tenant of its administrator."`
		Name                   string          `json:"name" maxLength:"200"`
		AuthMethod             string          `json:"auth_method,omitempty" default:"client_secret_basic" doc:"none, client_secret_basic or client_secret_post."`
		RedirectURIs           []string        `json:"redirect_uris,omitempty" doc:"Compared exactly; only the port of an http loopback URI varies."`
		PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
		Origins                []string        `json:"origins,omitempty"`
		GrantTypes             *[]string       `json:"grant_types,omitempty" doc:"authorization_code, refresh_token, client_credentials. Absent: authorization_code."`
		Scopes                 []string        `json:"scopes,omitempty"`
		Audiences              []string        `json:"audiences,omitempty"`
		ServesAudience         string          `json:"serves_audience,omitempty" maxLength:"255"`
		PKCEOptional           bool            `json:"pkce_optional,omitempty"`
		SkipConsent            bool            `json:"skip_consent,omitempty"`
		IDTokenAlgorithm       string          `json:"id_token_algorithm,omitempty" doc:"ES256, RS256 or EdDSA, of those in use here; absent for the server's default."`
		AccessTokenLifetime    int             `json:"access_token_lifetime,omitempty" doc:"In seconds; 0 is the server's default."`
		PolicyURI              string          `json:"policy_uri,omitempty"`
		TermsURI               string          `json:"terms_uri,omitempty"`
		Claims                 []DeclaredClaim `json:"claims,omitempty" doc:"Installation administrators only."`
		Secret                 string          `json:"secret,omitempty" doc:"A random secret of a system that you migrate from; absent: one is made. Confidential clients only."`
	}
}

type updateClient struct {
	OfClient
	Conditional
	Body struct {
		Name                   *string          `json:"name,omitempty" maxLength:"200"`
		AuthMethod             *string          `json:"auth_method,omitempty" doc:"A client that becomes public loses its secrets; one that becomes confidential needs one made."`
		RedirectURIs           *[]string        `json:"redirect_uris,omitempty"`
		PostLogoutRedirectURIs *[]string        `json:"post_logout_redirect_uris,omitempty"`
		Origins                *[]string        `json:"origins,omitempty"`
		GrantTypes             *[]string        `json:"grant_types,omitempty"`
		Scopes                 *[]string        `json:"scopes,omitempty"`
		Audiences              *[]string        `json:"audiences,omitempty"`
		ServesAudience         *string          `json:"serves_audience,omitempty" maxLength:"255"`
		PKCEOptional           *bool            `json:"pkce_optional,omitempty"`
		SkipConsent            *bool            `json:"skip_consent,omitempty"`
		IDTokenAlgorithm       *string          `json:"id_token_algorithm,omitempty" doc:"Empty for the server's default."`
		AccessTokenLifetime    *int             `json:"access_token_lifetime,omitempty"`
		PolicyURI              *string          `json:"policy_uri,omitempty"`
		TermsURI               *string          `json:"terms_uri,omitempty"`
		Claims                 *[]DeclaredClaim `json:"claims,omitempty" doc:"Installation administrators only."`
		Disabled               *bool            `json:"disabled,omitempty" doc:"Disabling recalls everything that was issued to it, for good."`
	}
}

func (a *API) clients() {
	const tag = "Clients"
	register(a, operation{ID: "list-clients", Method: http.MethodGet, Path: "/clients", Tag: tag, Summary: "List clients by their id."}, a.listClients)
	register(a, operation{
		ID: "create-client", MaxBody: maxRegistration, Method: http.MethodPost, Path: "/clients", Tag: tag, Status: http.StatusCreated,
		Summary: "Register a client.", Description: "The answer holds its first secret, which is shown this once.",
	}, a.createClient)
	register(a, operation{ID: "get-client", Method: http.MethodGet, Path: "/clients/{client}", Tag: tag, Summary: "Read a client."}, a.getClient)
	register(a, operation{ID: "update-client", MaxBody: maxRegistration, Method: http.MethodPatch, Path: "/clients/{client}", Tag: tag, Summary: "Edit a client: absent fields stay."}, a.updateClient)
	register(a, operation{
		ID: "delete-client", Method: http.MethodDelete, Path: "/clients/{client}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a client.", Description: "Everything that was issued to it is void, for good.",
	}, a.deleteClient)
	a.clientSecrets()
}

func (a *API) listClients(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Tenant       string `query:"tenant" maxLength:"63" doc:"Only those of the tenant with this slug or identifier."`
	Installation bool   `query:"installation" doc:"Only those that no tenant owns."`
	Prefix       string `query:"id_prefix" maxLength:"255" doc:"Only those whose id begins like this."`
},
) (*listing[Client], error) {
	tenant, err := a.filterTenant(ctx, actor, in.Tenant)
	if err != nil {
		return nil, err
	}
	l, err := a.Clients.List(ctx, actor.Reach(), client.Filter{Tenant: tenant, Installation: in.Installation, Prefix: in.Prefix}, in.page())
	return &listing[Client]{pageOf(l, clientOf)}, err
}

func (a *API) getClient(ctx context.Context, actor admin.Actor, in *OfClient) (*single[Client], error) {
	c, err := a.client(ctx, actor, *in)
	return one(c.Version, a.forecastClient(ctx, c)), err
}

func (a *API) createClient(ctx context.Context, actor admin.Actor, in *createClient) (*created[CreatedClient], error) {
	b := in.Body
	tenant, err := a.owner(ctx, actor, b.TenantID)
	if err == nil && b.TenantID == "" && !actor.ManagesAll() {
		tenant = actor.Tenant
	}
	if err == nil {
		err = may(actor.Manages(tenant))
	}
	if err != nil {
		return nil, err
	}
	var faults []error
	if !actor.ManagesAll() && b.ID != "" {
		faults = append(faults, admin.Denied("id", "is chosen by administrators of the installation alone; leave it out and get one made"))
	}
	if !actor.ManagesAll() && b.Claims != nil {
		faults = append(faults, errClaimsDenied)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	c := client.Client{
		ID: client.ID(b.ID), Tenant: tenant, Name: b.Name, AuthMethod: client.AuthMethod(b.AuthMethod), RedirectURIs: b.RedirectURIs,
		PostLogoutRedirectURIs: b.PostLogoutRedirectURIs, Origins: b.Origins, GrantTypes: []string{client.GrantAuthorizationCode},
		Scopes: b.Scopes, Audiences: b.Audiences, ServesAudience: b.ServesAudience, PKCEOptional: b.PKCEOptional, SkipConsent: b.SkipConsent,
		AccessTokenLifetime: seconds(b.AccessTokenLifetime), PolicyURI: b.PolicyURI, TermsURI: b.TermsURI,
		Claims: declarations(b.Claims),
	}
	set(&c.GrantTypes, b.GrantTypes)
	if c.ID == "" {
		c.ID = client.ID(id.NewClient(a.Now()))
	}
	first, value, err := a.firstSecret(actor, in.Creation, c, secret.New(b.Secret))
	unusable := a.choose("id_token_algorithm", &c.IDTokenAlgorithm, &b.IDTokenAlgorithm)
	if err := errors.Join(checkClient(c), unusable, err); err != nil {
		return nil, err
	}
	c.Secrets = first
	act := a.act(ctx, actor, audit.ClientCreated, tenant, string(c.ID), nil)
	act.Once = in.once("create-client", tenant, b) // the default depends on who asks
	c, replayed, err := a.Clients.Create(ctx, act, c)
	if err == nil && replayed && b.Secret == "" {
		value = a.derived(actor, in.Creation, c)
	}
	a.ForgetClient(c.ID)
	return made(clientPath(c.ID), c.Version, replayed, CreatedClient{a.forecastClient(ctx, c), value.Reveal()}), err
}

var errClaimsDenied = admin.Denied("claims", "are declared by administrators of the installation alone")

// seconds keeps what does not fit into a duration out of range.
func seconds(n int) time.Duration {
	return time.Duration(max(-1, min(n, 1<<31))) * time.Second
}

// firstSecret makes the first secret of a confidential client, unless one is given.
func (a *API) firstSecret(actor admin.Actor, k Creation, c client.Client, given secret.Text) ([]client.Secret, secret.Text, error) {
	if c.Public() {
		if !given.Empty() {
			return nil, secret.Text{}, admin.Invalid("secret", "a public client has none; leave it out, or choose another auth_method")
		}
		return nil, secret.Text{}, nil
	}
	s, value, err := a.newSecret(actor, k, c.ID, given)
	return []client.Secret{s}, value, err
}

// checkClient says what is wrong with a registration. A tenant's client cannot hold what is for
// the installation, whoever registers it.
func checkClient(c client.Client) error {
	faults := []error{c.Check()}
	for i, s := range c.Scopes {
		if admin.OfInstallation(s) && !c.Tenant.IsZero() {
			faults = append(faults, admin.Invalid("scopes["+strconv.Itoa(i)+"]", "is reserved for clients of the installation"))
		}
	}
	return errors.Join(faults...)
}

func (a *API) updateClient(ctx context.Context, actor admin.Actor, in *updateClient) (*single[Client], error) {
	c, err := a.managedClient(ctx, actor, in.OfClient)
	if err == nil && in.Body.Claims != nil && !actor.ManagesAll() {
		err = errClaimsDenied
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ClientUpdated, c.Tenant, string(c.ID), map[string]string{"fields": fields(in.Body)})
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	if d := in.Body.Disabled; d != nil {
		act.Event.Detail["disabled"] = strconv.FormatBool(*d)
	}
	c, err = a.Clients.Update(ctx, act, c.ID, func(c *client.Client) error {
		in.edit(c, a.Now())
		return errors.Join(a.choose("id_token_algorithm", &c.IDTokenAlgorithm, in.Body.IDTokenAlgorithm), checkClient(*c))
	})
	a.ForgetClient(client.ID(in.Client))
	return one(c.Version, a.forecastClient(ctx, c)), err
}

func (in *updateClient) edit(c *client.Client, now time.Time) {
	b := in.Body
	set(&c.Name, b.Name)
	if b.AuthMethod != nil {
		c.AuthMethod = client.AuthMethod(*b.AuthMethod)
	}
	set(&c.RedirectURIs, b.RedirectURIs)
	set(&c.PostLogoutRedirectURIs, b.PostLogoutRedirectURIs)
	set(&c.Origins, b.Origins)
	set(&c.GrantTypes, b.GrantTypes)
	set(&c.Scopes, b.Scopes)
	set(&c.Audiences, b.Audiences)
	set(&c.ServesAudience, b.ServesAudience)
	set(&c.PKCEOptional, b.PKCEOptional)
	set(&c.SkipConsent, b.SkipConsent)
	if b.AccessTokenLifetime != nil {
		c.AccessTokenLifetime = seconds(*b.AccessTokenLifetime)
	}
	set(&c.PolicyURI, b.PolicyURI)
	set(&c.TermsURI, b.TermsURI)
	if b.Claims != nil {
		c.Claims = declarations(*b.Claims)
	}
	disable(&c.DisabledAt, b.Disabled, now)
}

func (a *API) deleteClient(ctx context.Context, actor admin.Actor, in *struct {
	OfClient
	Conditional
},
) (*none, error) {
	c, err := a.managedClient(ctx, actor, in.OfClient)
	if err == nil && c.ID == admin.CLIClient {
		err = errdefs.Say(errdefs.ErrConflict, nil, "This client is the command line and part of Signet. Disable it if nobody shall use it.")
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.ClientDeleted, c.Tenant, string(c.ID), nil)
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Clients.Delete(ctx, act, c.ID)
	a.ForgetClient(c.ID)
	return &none{}, err
}
