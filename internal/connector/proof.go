package connector

import (
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/secret"
)

// Profile is who somebody is at a provider, all of it from one payload that was verified.
type Profile struct {
	Issuer, Subject string // with the connector, the key of an identity; GitHub: the base URL and the numeric id
	Email           string // as the provider wrote it; "" if it did not
	// EmailVerified is what the provider says of Email in the same payload (OpenID Connect Core 1.0
	// §5.1); nil: nothing.
	EmailVerified *bool
	HostedDomain  string   // Google's hd
	Login         string   // by which people recognise the identity: GitHub's login, preferred_username
	Names         Names    // what an account takes over
	Groups        []string // what GroupsClaim names; nil: the claim was not there
	SessionID     string   // the provider's sid
	AuthTime      time.Time
}

// Names is what an account takes over from a provider.
type Names struct {
	Name       string `json:"name,omitempty"`
	GivenName  string `json:"given_name,omitempty"`
	FamilyName string `json:"family_name,omitempty"`
	Picture    string `json:"picture,omitempty"`
	Locale     string `json:"locale,omitempty"`
}

// Tokens are what the provider issued to us.
type Tokens struct {
	Access, Refresh, ID secret.Text
	Type, Scope         string
	Expiry              time.Time // of the access token; zero: not said
}

// Proof is the result of a sign-in at a provider.
type Proof struct {
	Profile Profile
	Tokens  Tokens
}

// Label is by which people recognise the identity.
func (p Profile) Label() string {
	switch {
	case p.Login != "":
		return p.Login
	case p.Email != "":
		return p.Email
	case p.Names.Name != "":
		return p.Names.Name
	}
	return p.Subject
}

// sync returns what becomes of a value of an account: what the provider says now, unless somebody
// changed it since the provider said before. A provider that says nothing changes nothing.
func sync(account, before, now string) string {
	if now == "" || account != "" && account != before {
		return account
	}
	return now
}

// Synced returns u with the names that the provider says now, where nobody has changed those that
// it said before. What keeps no rule of accounts is left out.
func Synced(u directory.User, before, now Names) directory.User {
	out := u
	out.Name = sync(u.Name, before.Name, now.Name)
	out.GivenName = sync(u.GivenName, before.GivenName, now.GivenName)
	out.FamilyName = sync(u.FamilyName, before.FamilyName, now.FamilyName)
	out.Picture = sync(u.Picture, before.Picture, now.Picture)
	out.Locale = sync(u.Locale, before.Locale, now.Locale)
	return out
}
