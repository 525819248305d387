package issuer

import (
	"context"
	"errors"
	"net/url"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
)

// A refused switch leaves the refresh token as good as it was, so it must not be invalid_grant,
// on which clients forget their tokens. Of a tenant that cannot be had, RFC 8707 §2 and RFC 8693
// §2.2.2 say invalid_target; where the person has to take part, OpenID Connect Core 1.0 §3.1.2.6
// has the word.
var (
	errSwitchRefused     = errInvalidTarget.hint("The organization is unknown, does not have the person as a member, or is not one that this client is for. The refresh token is still good.")
	errSwitchInteraction = fault(errInvalidTarget.status, "interaction_required", "The person has to take part: send them to the authorization endpoint with this organization. The refresh token is still good.")
)

// switchTenant opens a grant like that of the refresh token in the tenant that the request names,
// and leaves the token and its grant as they are. switched is false when there is nothing to
// switch: the request is an ordinary refresh.
func (i *Issuer) switchTenant(ctx context.Context, c client.Client, form url.Values, token grant.RefreshToken) (n *issuance, switched bool, err error) {
	organization := form.Get("organization")
	address, requestID := i.Caller(ctx)
	now := i.Now()
	made, err := i.Families.Switch(ctx, grant.Switch{
		Token:        token,
		Client:       c.ID,
		ClientTenant: c.Tenant,
		Organization: organization,
		AsksConsent:  !c.SkipConsent,
		ID:           id.NewGrant(now),
		Since:        c.ValidFrom,
		Retry:        i.Lifetimes.RefreshRetry,
		Idle:         i.Lifetimes.RefreshIdle,
	}, audit.Event{At: now, Action: audit.GrantSwitched, Address: address, RequestID: requestID})
	switch {
	case errors.Is(err, grant.ErrPinned):
		return nil, false, nil
	case errors.Is(err, errdefs.ErrNotFound):
		return nil, true, i.explainRefresh(ctx, token, c)
	case errors.Is(err, grant.ErrInteraction):
		i.recordRefusedSwitch(ctx, made.From, organization, errSwitchInteraction.code)
		return nil, true, errSwitchInteraction
	case errors.Is(err, errdefs.ErrDenied):
		i.recordRefusedSwitch(ctx, made.From, organization, errSwitchRefused.code)
		return nil, true, errSwitchRefused
	case err != nil:
		return nil, true, err
	}
	scopes, ok := made.Narrow(fields(form.Get("scope")))
	if !ok { // checked before, and a grant never shrinks
		return nil, true, errInvalidScope
	}
	audiences, err := narrowResources(form, made.Grant)
	if err != nil {
		return nil, true, err
	}
	i.Observer.Refresh("switched")
	return &issuance{
		grantType: client.GrantRefreshToken,
		client:    c,
		scopes:    scopes,
		audiences: audiences,
		grant:     made.Grant,
		subject:   &made.Subject,
		refresh:   grant.RefreshToken{Family: made.ID}.Format(i.RefreshMAC),
	}, true, nil
}

// recordRefusedSwitch says on record who was not let into another tenant: the token was theirs.
func (i *Issuer) recordRefusedSwitch(ctx context.Context, from grant.Grant, organization, code string) {
	i.Observer.Refresh("rejected")
	e := audit.Event{
		Action: audit.AuthorizeDenied, Client: string(from.Client), Tenant: from.Tenant, User: from.User, Session: from.Session, Grant: from.ID,
		Detail: map[string]string{"error": code, "reason": "switch"},
	}
	if directory.IsReference(organization) {
		e.Detail["organization"] = organization
	}
	i.record(ctx, e)
}
