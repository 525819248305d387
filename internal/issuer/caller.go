package issuer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Administrator returns who sent a request to the administration, by its access token: one of
// ours, not recalled, meant for the administration and for no other resource server, which could
// otherwise pass on what it received. What the caller may do is as of now, whatever was true when
// the token was issued.
//
// A request that is malformed is errdefs.ErrInvalid, one without a good token
// errdefs.ErrUnauthenticated.
func (i *Issuer) Administrator(w http.ResponseWriter, r *http.Request) (admin.Actor, error) {
	token, ok := bearerToken(w, r)
	if !ok {
		return admin.Actor{}, fmt.Errorf("more than one token: %w", errdefs.ErrInvalid)
	}
	c, err := i.readAccessToken(token)
	if err != nil {
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	for _, audience := range c.Audience {
		if audience != admin.Audience && audience != i.URL {
			return admin.Actor{}, errdefs.ErrUnauthenticated
		}
	}
	void, err := i.void(r, c)
	if err != nil {
		return admin.Actor{}, err
	}
	if void || !c.meantFor(admin.Audience) {
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	registered, err := i.Clients.FindClient(r.Context(), client.ID(c.ClientID))
	switch {
	case errors.Is(err, errdefs.ErrNotFound):
		return admin.Actor{}, errdefs.ErrUnauthenticated
	case err != nil:
		return admin.Actor{}, err
	case !registered.Enabled() || !slices.Contains(registered.Audiences, admin.Audience):
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	if c.Grant == "" {
		return machine(c, registered)
	}
	return i.administratorOf(r, c)
}

// machine is a client acting for itself: it may do what its scopes say, as far as it is still
// registered for them.
func machine(c *seen, registered client.Client) (admin.Actor, error) {
	if c.Subject != c.ClientID || !registered.Allows(client.GrantClientCredentials) {
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	return admin.Actor{
		Client:       registered.ID,
		Tenant:       registered.Tenant,
		Installation: registered.Tenant.IsZero() || registered.TenantSlug == admin.InstallationTenant,
		Permissions:  still(c.scopes(), registered.Scopes),
	}, nil
}

func (i *Issuer) administratorOf(r *http.Request, c *seen) (admin.Actor, error) {
	user, err1 := id.ParseUser(c.Subject)
	tenant, err2 := id.ParseTenant(c.TenantID)
	if err1 != nil || err2 != nil {
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	s, err := i.Subjects.FindSubject(r.Context(), tenant, user)
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return admin.Actor{}, err
	}
	if err != nil || s.Active() != nil {
		return admin.Actor{}, errdefs.ErrUnauthenticated
	}
	return admin.Actor{
		User:         user,
		Client:       client.ID(c.ClientID),
		Tenant:       tenant,
		Installation: s.Tenant.Slug == admin.InstallationTenant,
		Permissions:  s.PermissionsFor([]string{admin.Audience}),
	}, nil
}
