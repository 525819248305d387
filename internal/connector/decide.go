package connector

import (
	"slices"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Facts is what the decision rests on, read in the transaction that carries it out.
type Facts struct {
	// Linked is whom the identity belongs to; nil: nobody.
	Linked *directory.User
	// Holder is whose account has the address, of those that NormalizeEmail takes for the same; nil:
	// nobody's. It is not looked for without an address that the connector vouches for.
	Holder *directory.User
	// Domains are the verified domains of Joins.
	Domains []string
}

// Verdict is what becomes of somebody who comes back from a provider.
type Verdict int

// The verdicts.
const (
	Enter     Verdict = iota // the identity is linked: they are signed in
	Create                   // they get an account, linked to the identity
	Adopt                    // the account that has the address is linked, for the connector is its authority
	Prove                    // an account has the address: whoever owns it has to sign in to it first
	Unknown                  // nobody we know, and the connector takes in nobody
	Unvouched                // somebody new, without an address that the connector may vouch for
	Disabled                 // whose account is disabled
)

// Decide says what becomes of somebody. Identities are found by connector, issuer and subject and
// by nothing else (OpenID Connect Core 1.0 §5.7); an address never signs anybody in to an account
// that exists, unless the domain is proven to be the connector's.
func (c Connector) Decide(p Profile, f Facts) Verdict {
	switch {
	case f.Linked != nil && !f.Linked.DisabledAt.IsZero():
		return Disabled
	case f.Linked != nil:
		return Enter
	}
	address := c.Vouched(p, f.Domains)
	switch {
	case address == "" && c.Provision:
		return Unvouched
	case address == "":
		return Unknown
	case f.Holder == nil && c.Provision:
		return Create
	case f.Holder == nil:
		return Unknown
	case !f.Holder.DisabledAt.IsZero():
		return Disabled
	case c.Authoritative && c.hosts(p) && f.Holder.EmailVerified && governs(f.Domains, address):
		// An account whose own address was never verified may have been made by somebody else, who
		// would then share it: its owner has to show that they can sign in to it.
		return Adopt
	}
	return Prove
}

// Vouched returns the address of p in normalized form, or "" when the connector may not vouch for
// it: the provider has to say, where it says the address, that it is verified; and a tenant's
// connector, whose provider may say anything, counts for the verified domains of that tenant alone.
func (c Connector) Vouched(p Profile, domains []string) string {
	verified := c.AssumeVerified
	if p.EmailVerified != nil {
		verified = *p.EmailVerified
	}
	if !verified {
		return ""
	}
	address, err := directory.NormalizeEmail(p.Email)
	if err != nil || !c.Tenant.IsZero() && !governs(domains, address) {
		return ""
	}
	return address
}

// Confined reports whether a session that began through a connector of owner opens the account of u in
// that tenant alone. Whoever runs such a connector can have its provider say that anybody whom it knows
// has signed in. It opens the whole account only if the address of the account, which has to be
// verified, is in one of domains, the verified ones of owner: whoever controls the domain reads its mail
// and could reset the password. Connectors of the installation, whose owner is zero, confine nobody.
func Confined(owner id.Tenant, u directory.User, domains []string) bool {
	return !owner.IsZero() && !(u.EmailVerified && governs(domains, u.Email))
}

// hosts reports whether the provider gives out addresses such as that of p. Others have seen at some
// time that somebody got mail there, who may have left since: Google keeps such accounts too, and says
// by hd which ones it hosts.
func (c Connector) hosts(p Profile) bool { return c.Kind != Google || p.HostedDomain != "" }

// governs reports whether the domain of a normalized address is exactly one of those.
func governs(domains []string, address string) bool {
	d, err := DomainOf(address)
	return err == nil && slices.Contains(domains, d)
}

// Roles returns the roles that the groups give, sorted; nil and false when the provider did not
// say, in which case nothing is given or taken.
func (c Connector) Roles(p Profile) (roles []string, said bool) {
	if c.GroupsClaim == "" || p.Groups == nil {
		return nil, false
	}
	roles = []string{}
	for _, m := range c.RoleMappings {
		if slices.Contains(p.Groups, m.Group) {
			roles = append(roles, m.Role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), true
}
