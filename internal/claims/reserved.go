package claims

import (
	"slices"
	"strings"
)

// Reserved reports whether a claim of that name means something of its own in that kind of
// token, so that nobody may declare another meaning. Names that differ in case alone count as
// one: some readers of JSON take them for the same, our own among them.
func Reserved(name string, t Token) bool {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "signet_") || slices.Contains(strings.Fields(reservedAlways), name) {
		return true
	}
	return t == IDToken && slices.Contains(strings.Fields(reservedInIDToken), name)
}

// reservedAlways are the claims that say what a token is, for whom, and by whose leave.
const reservedAlways = `
	iss sub aud exp nbf iat jti
	client_id scope auth_time acr amr roles
	azp nonce at_hash c_hash s_hash sid sub_jwk _claim_names _claim_sources
	act may_act actor_token requested_actor
	cnf active token_type username events toe txn authorization_details
	tenant_id tenant permissions permissions_omitted claims_omitted grant_id organization org_id
	vot vtm trust_chain jwks verified_claims status typ alg kid`

// RFC 7519 §4.1; RFC 9068 §2.2, without groups and entitlements, which it leaves to whoever needs
// them and for which this server has no meaning of its own (§2.2.3.1); OpenID Connect Core 1.0 §2,
// §5.6.2 and 7.4 and the back-channel profile; RFC 8693 §4.1 and §4.4; RFC 7800, RFC 7662, RFC 8417
// and RFC 9396; ours; what federation and others say of a token as a whole.

// reservedInIDToken are what scopes release to a client, if the person agrees (OpenID Connect
// Core 1.0 §5.1, §5.4): declared claims must not go round that.
const reservedInIDToken = `
	name given_name family_name middle_name nickname preferred_username profile picture website
	email email_verified gender birthdate zoneinfo locale phone_number phone_number_verified
	address updated_at`
