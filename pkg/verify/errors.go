package verify

import (
	"errors"
	"fmt"
)

// ErrInvalidToken holds, by errors.Is, for every error that means "this token is no good": answer
// 401 and tell the caller outside no more than that. It does not hold for ErrUnavailable and
// ErrRevocationStale, which say nothing about the token: answer 503.
var ErrInvalidToken = errors.New("verify: invalid token")

// The reasons for which Verify refuses a token. errors.Is(err, ErrInvalidToken) holds for each.
var (
	// ErrMalformed: no compact JWS (RFC 7515 §3.1), base64url or JSON that is not strictly what
	// the specifications ask for, a member twice, a claim of the wrong type, or a header member
	// that changes how the token is read (crit, b64, zip, enc).
	ErrMalformed = fmt.Errorf("%w: malformed", ErrInvalidToken)
	// ErrTooLarge: longer than MaxTokenSize.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrInvalidToken)
	// ErrNested: encrypted (RFC 7516) or a JWT within a JWT (RFC 7519 §5.2). Access tokens of
	// RFC 9068 that this package reads are signed and no more.
	ErrNested = fmt.Errorf("%w: encrypted or nested", ErrInvalidToken)
	// ErrType: typ is not at+jwt (RFC 9068 §4). An ID token ends here.
	ErrType = fmt.Errorf("%w: not an access token", ErrInvalidToken)
	// ErrAlgorithm: alg is not in Config.Algorithms, or not the algorithm of the key. "none" and
	// every symmetric algorithm end here (RFC 8725 §3.1, §3.2).
	ErrAlgorithm = fmt.Errorf("%w: algorithm not allowed", ErrInvalidToken)
	// ErrUnknownKey: the issuer publishes no key of that kid, or the token names none. A KeySource
	// returns it, wrapped or not, for a kid that does not exist.
	ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrInvalidToken)
	// ErrSignature: the signature does not match.
	ErrSignature = fmt.Errorf("%w: wrong signature", ErrInvalidToken)
	// ErrIssuer: iss is not Config.Issuer, compared byte by byte (RFC 9068 §4).
	ErrIssuer = fmt.Errorf("%w: another issuer", ErrInvalidToken)
	// ErrAudience: aud does not contain Config.Audience (RFC 9068 §4).
	ErrAudience = fmt.Errorf("%w: meant for another service", ErrInvalidToken)
	// ErrExpired: exp has passed (RFC 7519 §4.1.4).
	ErrExpired = fmt.Errorf("%w: expired", ErrInvalidToken)
	// ErrNotYetValid: nbf (RFC 7519 §4.1.5) or iat lies in the future. If all tokens end here, a
	// clock is wrong.
	ErrNotYetValid = fmt.Errorf("%w: not yet valid", ErrInvalidToken)
	// ErrMissingClaim: one of iss, sub, aud, exp, iat, jti and client_id is absent or empty
	// (RFC 9068 §2.2).
	ErrMissingClaim = fmt.Errorf("%w: a required claim is missing", ErrInvalidToken)
	// ErrBound: cnf binds the token to a key of its holder (RFC 7800 §3.1), as DPoP (RFC 9449)
	// and mTLS (RFC 8705) do. Taken as a bearer token it would protect nobody.
	ErrBound = fmt.Errorf("%w: bound to a key, cannot be used as a bearer token", ErrInvalidToken)
	// ErrRevoked: recalled before its expiry. A Revocation returns it, wrapped or not.
	ErrRevoked = fmt.Errorf("%w: revoked", ErrInvalidToken)
)

// The reasons for which Verify cannot tell whether a token is good. Answer 503.
var (
	// ErrUnavailable: the issuer's keys cannot be had. It wraps what the KeySource returned.
	ErrUnavailable = errors.New("verify: the issuer's keys are not available")
	// ErrRevocationStale: what is known of revocations is too old to rely on. A Revocation returns
	// it, wrapped or not.
	ErrRevocationStale = errors.New("verify: revocations are not up to date")
)

// ErrNoClaim says that a token has no claim of the name asked for.
var ErrNoClaim = errors.New("verify: no such claim")
