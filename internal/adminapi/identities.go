package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Identities stores who is who. A reach of one tenant sees the identities at the connectors of that
// tenant, not those at the installation's.
type Identities interface {
	ListIdentitiesOf(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[connector.LinkedIdentity], error)
	ListIdentitiesAt(ctx context.Context, reach admin.Reach, c id.Connector, p admin.Page) (admin.List[connector.LinkedIdentity], error)
	FindIdentity(ctx context.Context, reach admin.Reach, user id.User, i id.Identity) (connector.LinkedIdentity, error)
	// DeleteIdentity unlinks an identity, even the last way to sign in, takes the roles that it gave,
	// and ends the sessions that rest on it.
	DeleteIdentity(ctx context.Context, a admin.Act, user id.User, i id.Identity, keep time.Duration) error
	// ReadTokens returns the sealed tokens of an identity; nil when none are kept, of which nothing is
	// recorded.
	ReadTokens(ctx context.Context, a admin.Act, user id.User, i id.Identity) (sealed []byte, err error)
}

// Identity is who a person is at a provider.
type Identity struct {
	ID          string    `json:"id" example:"idn_01h2xcejqtf2nbrexx3vqjhp41"`
	UserID      string    `json:"user_id" doc:"Whose account it signs in to."`
	ConnectorID string    `json:"connector_id"`
	Connector   string    `json:"connector" example:"Okta" doc:"The name of the connector."`
	Kind        string    `json:"kind" enum:"google,github,oidc"`
	Issuer      string    `json:"issuer" doc:"With subject: who it is, for ever."`
	Subject     string    `json:"subject"`
	Email       string    `json:"email,omitempty" doc:"As the provider said it last. Nobody is recognised by it."`
	Label       string    `json:"label" doc:"By which people recognise it."`
	TokensKept  bool      `json:"tokens_kept" doc:"The provider's tokens are kept."`
	LinkedAt    time.Time `json:"linked_at"`
	LastUsedAt  time.Time `json:"last_used_at"`
}

func identityOf(i connector.LinkedIdentity) Identity {
	return Identity{
		ID: i.ID.String(), UserID: i.User.String(), ConnectorID: i.Identity.Connector.String(), Connector: i.Name, Kind: string(i.Kind),
		Issuer: i.Issuer, Subject: i.Subject, Email: i.Email, Label: i.Label, TokensKept: i.HasTokens, LinkedAt: i.LinkedAt, LastUsedAt: i.LastUsedAt,
	}
}

// IdentityTokens are what a provider issued at the last sign-in.
type IdentityTokens struct {
	AccessToken  string     `json:"access_token,omitempty"`
	RefreshToken string     `json:"refresh_token,omitempty"`
	IDToken      string     `json:"id_token,omitempty"`
	TokenType    string     `json:"token_type,omitempty"`
	Scope        string     `json:"scope,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty" doc:"Of the access token; absent: the provider did not say."`
}

// OfIdentity is the path of an identity.
type OfIdentity struct {
	OfUser
	Identity string `path:"identity" maxLength:"64" example:"idn_01h2xcejqtf2nbrexx3vqjhp41" doc:"Identifier of the identity."`
}

func (a *API) identities() {
	const tag = "Identities"
	register(a, operation{
		ID: "list-user-identities", Method: http.MethodGet, Path: "/users/{user}/identities", Tag: tag, Summary: "List who a person is at providers.",
		Description: "Tenant administrators see what is at the connectors of their tenant.",
	}, a.listUserIdentities)
	register(a, operation{
		ID: "list-connector-identities", Method: http.MethodGet, Path: "/connectors/{connector}/identities", Tag: tag, Summary: "List who is linked to a connector, oldest first.",
		Description: "Those at connectors of the installation: installation administrators only.",
	}, a.listConnectorIdentities)
	register(a, operation{
		ID: "delete-identity", Method: http.MethodDelete, Path: "/users/{user}/identities/{identity}", Tag: tag, Status: http.StatusNoContent,
		Summary:     "Unlink an identity from an account.",
		Description: "For administrators of its connector. The person loses the roles that it gave and the sessions that began through it, and signs in another way: with a password, which a link can set, if there is none.",
	}, a.deleteIdentity)
	register(a, operation{
		ID: "read-identity-tokens", Method: http.MethodPost, Path: "/users/{user}/identities/{identity}/tokens", Tag: tag, Summary: "Hand out the tokens of the provider that are kept.",
		Description: "For administrators of its connector, and recorded in the audit log.",
	}, a.readIdentityTokens)
}

func (a *API) listUserIdentities(ctx context.Context, actor admin.Actor, in *struct {
	OfUser
	Paging
},
) (*listing[Identity], error) {
	u, err := a.user(ctx, actor, in.OfUser)
	if err != nil {
		return nil, err
	}
	l, err := a.Identities.ListIdentitiesOf(ctx, actor.Reach(), u.ID, in.page())
	return &listing[Identity]{pageOf(l, identityOf)}, err
}

func (a *API) listConnectorIdentities(ctx context.Context, actor admin.Actor, in *struct {
	OfConnector
	Paging
},
) (*listing[Identity], error) {
	c, err := a.connector(ctx, actor, in.OfConnector)
	if err == nil {
		err = may(actor.Reads(c.Tenant))
	}
	if err != nil {
		return nil, err
	}
	l, err := a.Identities.ListIdentitiesAt(ctx, actor.Reach(), c.ID, in.page())
	return &listing[Identity]{pageOf(l, identityOf)}, err
}

// ownIdentity finds the identity of a path and the tenant of its connector, for those who manage
// that. What the caller does not see is not there; whether the person is still a member does not
// matter.
func (a *API) ownIdentity(ctx context.Context, actor admin.Actor, in OfIdentity) (connector.LinkedIdentity, id.Tenant, error) {
	var none connector.LinkedIdentity
	user, err := in.userID()
	if err != nil {
		return none, id.Tenant{}, err
	}
	i, err := id.ParseIdentity(in.Identity)
	if err != nil {
		return none, id.Tenant{}, errNoSuch
	}
	found, err := a.Identities.FindIdentity(ctx, actor.Reach(), user, i)
	if err != nil {
		return none, id.Tenant{}, err
	}
	c, err := a.managedConnector(ctx, actor, OfConnector{found.Identity.Connector.String()})
	return found, c.Tenant, err
}

func (a *API) deleteIdentity(ctx context.Context, actor admin.Actor, in *OfIdentity) (*none, error) {
	i, tenant, err := a.ownIdentity(ctx, actor, *in)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.IdentityUnlinked, tenant, i.ID.String(), map[string]string{"connector": i.Identity.Connector.String(), "issuer": i.Issuer, "subject": i.Subject})
	act.Event.User = i.User
	err = a.Identities.DeleteIdentity(ctx, act, i.User, i.ID, maxAccessToken)
	a.ForgetUser(i.User)
	return &none{}, err
}

func (a *API) readIdentityTokens(ctx context.Context, actor admin.Actor, in *OfIdentity) (*plain[IdentityTokens], error) {
	i, tenant, err := a.ownIdentity(ctx, actor, *in)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.IdentityTokensRead, tenant, i.ID.String(), map[string]string{"connector": i.Identity.Connector.String()})
	act.Event.User = i.User
	sealed, err := a.Identities.ReadTokens(ctx, act, i.User, i.ID)
	if err == nil && len(sealed) == 0 {
		err = errdefs.Say(errdefs.ErrConflict, nil, "No tokens are kept of this identity. Set keep_tokens on its connector, and have the person sign in again.")
	}
	if err != nil {
		return nil, err
	}
	t, err := a.Keeper.OpenTokens(i.ID, sealed)
	if err != nil {
		return nil, a.unopened(ctx, err, "The tokens of this identity cannot be opened any more: have the person sign in through the connector again.")
	}
	return &plain[IdentityTokens]{IdentityTokens{
		AccessToken: t.Access.Reveal(), RefreshToken: t.Refresh.Reveal(), IDToken: t.ID.Reveal(), TokenType: t.Type, Scope: t.Scope, ExpiresAt: moment(t.Expiry),
	}}, nil
}
