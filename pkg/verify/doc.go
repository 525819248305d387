// Package verify judges the access tokens of an OAuth 2.0 authorization server (RFC 9068) within
// the service that receives them: no call to the issuer for a request, and a claim is believed only
// after everything below was checked.
//
//	v, err := verify.New(ctx, verify.Config{Issuer: "https://id.example.com", Audience: "orders"})
//	…
//	claims, err := v.Verify(r.Context(), token)
//
// For net/http take pkg/bearer, which does this for every request and answers as RFC 6750 asks.
// Tests make tokens with pkg/signettest.
//
// # What is checked
//
// In this order; the first that fails is the error. (An alg that is none of ES256, RS256 and EdDSA is
// told with the form, and payload and signature are decoded once the key is there.)
//
//   - Size: at most [MaxTokenSize] ([ErrTooLarge]).
//   - Form: a compact JWS of three segments (RFC 7515 §3.1) in canonical base64url, whose header is
//     one JSON object without duplicate members ([ErrMalformed]). Not encrypted (RFC 9068 §4,
//     item 2), not nested (RFC 7519 §5.2): [ErrNested]. No crit, b64, zip or enc, since no
//     extension is understood (RFC 7515 §4.1.11).
//   - typ is at+jwt, with or without "application/" (RFC 9068 §4, item 1): [ErrType].
//   - alg is on the list of [Config] and is the one of the key (RFC 9068 §4, item 5; RFC 8725 §3.1):
//     [ErrAlgorithm]. There is no "none" and nothing symmetric.
//   - kid names a key that the issuer publishes now ([ErrUnknownKey]) and the signature is of that
//     key ([ErrSignature]).
//   - The payload is one JSON object without duplicate members, and every claim that [Claims] has
//     a field for is of its type: [ErrMalformed].
//   - iss, sub, aud, exp, iat, jti and client_id are there (RFC 9068 §2.2): [ErrMissingClaim].
//   - cnf is absent: a token bound to a key is no bearer token: [ErrBound].
//   - iss is the issuer of [Config], byte by byte (RFC 9068 §4, item 3): [ErrIssuer].
//   - aud contains the audience of [Config] (RFC 9068 §4, item 4): [ErrAudience].
//   - exp has not passed (RFC 9068 §4, item 6): [ErrExpired]; nbf and iat have come:
//     [ErrNotYetValid]. [Config] says how far clocks may differ.
//   - The token was not recalled, if there is a [Revocation]: [ErrRevoked].
//
// When keys or revocations cannot be had, nothing is known about the token: [ErrUnavailable],
// [ErrRevocationStale]. Nothing is accepted then.
//
// # What is never trusted
//
//   - jku, x5u, jwk and x5c of the header: a token does not bring its own key.
//   - A claim before the signature was checked. There is no way to get one from this package.
//   - The bytes of a token as its identity. An ES256 signature (r, s) has a twin (r, n − s) that
//     verifies too, so that a list of bad tokens, or of their digests, is dodged with one
//     subtraction. Use ID (jti) in logs and lists.
//   - Roles and permissions for longer than the token lives: they are as of IssuedAt.
//   - Subject without Issuer and, where one person may act for several tenants, without TenantID.
//   - Scopes as the person's rights. They say what the client was allowed to ask for; what the
//     person may do is in Permissions.
//
// # Tokens seen again
//
// What a token says is remembered, up to Config.CacheSize tokens, with what was signed and a digest of
// the signature: nothing in memory is a token that could be used. Expired ones go as others come. When
// the same bytes are seen again, their times, the key and the [Revocation] are checked as before; only
// the arithmetic of the signature is not repeated. What was refused is not remembered.
package verify
