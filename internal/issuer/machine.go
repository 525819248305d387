package issuer

import (
	"context"
	"net/url"
	"slices"

	"github.com/signet-id/signet/internal/client"
)

// machineGrant issues tokens to clients for themselves (RFC 6749 §4.4). With a warm client
// cache it costs no round trip to the database. Without a scope the client gets all that it is
// registered for, except those scopes that are about people.
func (i *Issuer) machineGrant(_ context.Context, c client.Client, form url.Values) (*issuance, error) {
	if c.Public() {
		return nil, errInvalidGrant.hint("A public client cannot act for itself.")
	}
	scopes := fields(form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) || aboutPeople(s) {
			return nil, errInvalidScope.hint("The scope holds more than this client may have for itself.")
		}
	}
	if len(scopes) == 0 {
		scopes = slices.DeleteFunc(slices.Clone(c.Scopes), aboutPeople)
	}
	audiences, err := audiencesFor(form, c)
	if err != nil {
		return nil, err
	}
	return &issuance{
		grantType: client.GrantClientCredentials,
		client:    c,
		scopes:    scopes,
		audiences: audiences,
	}, nil
}

// aboutPeople reports whether the scope means something only when a person signed in.
func aboutPeople(scope string) bool {
	switch scope {
	case scopeOpenID, scopeOffline, "profile", "email":
		return true
	}
	return false
}
