package issuer

import (
	"context"
	"slices"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/client"
)

// machineGrant issues tokens to clients for themselves (RFC 6749 §4.4). With a warm client
// cache it costs no round trip to the database.
type machineGrant struct{ grantHandler }

// HandleTokenEndpointRequest checks what the client asks for. Without a scope it gets all that
// it is registered for, except those scopes that are about people.
func (g machineGrant) HandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) error {
	c, err := g.begin(r)
	if err != nil {
		return err
	}
	if c.Public() {
		return fosite.ErrInvalidGrant.WithHint("A public client cannot act for itself.")
	}
	form := r.GetRequestForm()
	scopes := fields(form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) || aboutPeople(s) {
			return fosite.ErrInvalidScope.WithHint("The scope holds more than this client may have for itself.")
		}
	}
	if len(scopes) == 0 {
		scopes = slices.DeleteFunc(slices.Clone(c.Scopes), aboutPeople)
	}
	audiences, err := resources(form, c.Audiences)
	if err != nil {
		return err
	}
	if len(audiences) == 0 && c.DefaultAudience() != "" {
		audiences = []string{c.DefaultAudience()}
	}
	r.GetSession().(*tokenSession).issue = &issuance{
		grantType: client.GrantClientCredentials,
		client:    c,
		scopes:    scopes,
		audiences: audiences,
	}
	return nil
}

// aboutPeople reports whether the scope means something only when a person signed in.
func aboutPeople(scope string) bool {
	switch scope {
	case scopeOpenID, scopeOffline, "profile", "email":
		return true
	}
	return false
}
