package connector

import (
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// maxLabel is how much of a label is kept, in characters.
const maxLabel = 200

// Label is by which people recognise the identity: on one line, and not endless.
func (p Profile) Label() string {
	s := cmp.Or(p.Login, p.Email, p.Names.Name, p.Subject)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxLabel {
		s = string(r[:maxLabel])
	}
	return s
}

// Address is the address of p as it is kept with an identity: "" for what is none.
func (p Profile) Address() string {
	if _, err := directory.NormalizeEmail(p.Email); err != nil {
		return ""
	}
	return strings.TrimSpace(p.Email)
}

// Keepable returns n without the values that keep no rule of accounts.
func (n Names) Keepable() Names {
	for _, f := range []struct {
		value *string
		alone directory.User
	}{
		{&n.Name, directory.User{Name: n.Name}}, {&n.GivenName, directory.User{GivenName: n.GivenName}},
		{&n.FamilyName, directory.User{FamilyName: n.FamilyName}}, {&n.Picture, directory.User{Picture: n.Picture}},
		{&n.Locale, directory.User{Locale: n.Locale}},
	} {
		if f.alone.CheckEdit(directory.User{}) != nil || strings.ContainsRune(*f.value, 0) {
			*f.value = ""
		}
	}
	return n
}

// Over returns what the provider said last, of each name: n, where it says something, else before.
func (n Names) Over(before Names) Names {
	return Names{
		Name: cmp.Or(n.Name, before.Name), GivenName: cmp.Or(n.GivenName, before.GivenName), FamilyName: cmp.Or(n.FamilyName, before.FamilyName),
		Picture: cmp.Or(n.Picture, before.Picture), Locale: cmp.Or(n.Locale, before.Locale),
	}
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
	now = now.Keepable()
	out := u
	out.Name = sync(u.Name, before.Name, now.Name)
	out.GivenName = sync(u.GivenName, before.GivenName, now.GivenName)
	out.FamilyName = sync(u.FamilyName, before.FamilyName, now.FamilyName)
	out.Picture = sync(u.Picture, before.Picture, now.Picture)
	out.Locale = sync(u.Locale, before.Locale, now.Locale)
	return out
}
