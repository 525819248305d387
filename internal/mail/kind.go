package mail

import (
	"net/url"
	"strings"
)

// Kind says what a message is about.
type Kind string

// The kinds, and what each needs besides Kind and To. Name may always be given.
const (
	// Invitation asks somebody to join a tenant: Organization, Link, LinkExpires; Inviter when
	// known.
	Invitation Kind = "invitation"
	// VerifyEmail asks a person to confirm that an address is theirs: Link, LinkExpires.
	VerifyEmail Kind = "verify_email"
	// ResetPassword lets a person choose a new password: Link, LinkExpires.
	ResetPassword Kind = "reset_password"
	// PasswordChanged tells a person that their password was changed: At. Link, when given,
	// leads to where it can be reset, and holds no token.
	PasswordChanged Kind = "password_changed"
	// IdentityLinked tells a person that somebody can sign in to their account through a provider:
	// Connector, At. Link, when given, leads to where that is taken back, and holds no token.
	IdentityLinked Kind = "identity_linked"
	// IdentityUnlinked tells them that nobody can any more: as IdentityLinked.
	IdentityUnlinked Kind = "identity_unlinked"
)

// needs says what a message of a kind cannot be written without.
type needs struct{ organization, connector, link, at bool }

var kinds = map[Kind]needs{
	Invitation:      {organization: true, link: true},
	VerifyEmail:     {link: true},
	ResetPassword:   {link: true},
	PasswordChanged: {at: true},

	IdentityLinked:   {connector: true, at: true},
	IdentityUnlinked: {connector: true, at: true},
}

// plainLink accepts absolute http(s) URLs in printable ASCII, which no mail client breaks.
func plainLink(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"`, r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil
}
