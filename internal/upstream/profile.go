package upstream

import (
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
)

// The bounds of what is taken over, in bytes unless it says otherwise.
const (
	maxSubject = 255 // OpenID Connect Core 1.0 §2
	maxLabel   = 255
	maxGroups  = 1000 // in number
)

// profile returns who the claims of an ID token are about. All of it is from this one token: an
// address that another source says (Core §5.6.2) is none, whatever else is there to verify it.
func (o *openID) profile(claims object) (connector.Profile, error) {
	p := connector.Profile{
		Issuer: o.connector.Issuer, Subject: claims.text("sub"), Email: claims.text("email"), HostedDomain: claims.text("hd"),
		Login: label(claims.text("preferred_username")), SessionID: label(claims.text("sid")),
		Names: connector.Names{
			Name: label(claims.text("name")), GivenName: label(claims.text("given_name")), FamilyName: label(claims.text("family_name")),
			Picture: picture(claims.text("picture")), Locale: label(strings.ReplaceAll(claims.text("locale"), "_", "-")),
		},
	}
	if !plain(p.Subject, maxSubject) {
		return p, connector.Fail(connector.BadToken, nil, "the ID token does not say who the person is: sub has to be text of 1 to %d bytes", maxSubject)
	}
	p.AuthTime, _ = claims.moment("auth_time")
	p.EmailVerified = emailVerified(claims)
	if !plain(p.Email, directory.MaxEmail) {
		p.Email, p.EmailVerified = "", nil
	}
	if err := o.checkHostedDomain(p.HostedDomain); err != nil {
		return p, err
	}
	var err error
	p.Groups, err = o.groups(claims)
	return p, err
}

// label returns s if it can be shown and stored, or else nothing.
func label(s string) string {
	if !plain(s, maxLabel) {
		return ""
	}
	return s
}

func picture(s string) string {
	if !strings.HasPrefix(s, "https://") || !plain(s, directory.MaxPicture) {
		return ""
	}
	return s
}

// emailVerified returns what the token says of its address; nil: nothing. Some providers write the
// truth value as text. What is neither true nor false is not true.
func emailVerified(claims object) *bool {
	if !claims.has("email_verified") {
		return nil
	}
	value, known := claims.flag("email_verified")
	if !known {
		value = claims.text("email_verified") == "true"
	}
	return &value
}

// checkHostedDomain compares the claim hd of Google: what was asked for in the request anybody can
// change on its way through the browser.
func (o *openID) checkHostedDomain(hd string) error {
	if o.connector.Kind != connector.Google || len(o.connector.HostedDomains) == 0 {
		return nil
	}
	got, err := connector.NormalizeDomain(hd)
	if err == nil && slices.ContainsFunc(o.connector.HostedDomains, func(d string) bool {
		want, err := connector.NormalizeDomain(d)
		return err == nil && want == got
	}) {
		return nil
	}
	return connector.Fail(connector.WrongDomain, nil, "the account belongs to none of the hosted domains: its hd is %s", clip(hd))
}

// groups returns those that the claim names; nil if it is not there, as when Entra ID leaves out
// what is too much for a token.
func (o *openID) groups(claims object) ([]string, error) {
	if o.connector.GroupsClaim == "" {
		return nil, nil
	}
	raw, ok := claims.find(o.connector.GroupsClaim)
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	groups, ok := texts(raw)
	switch {
	case !ok:
		return nil, connector.Fail(connector.BadToken, nil, "the claim %s names no groups: it has to be a list of strings", clip(o.connector.GroupsClaim))
	case len(groups) > maxGroups:
		return nil, connector.Fail(connector.BadToken, nil, "the claim %s names %d groups, more than %d: let the provider send only those of this application", clip(o.connector.GroupsClaim), len(groups), maxGroups)
	}
	return groups, nil
}
