package jwks

import "errors"

// What [Set.Key] can answer instead of a key.
var (
	// ErrUnknownKey says that the issuer publishes no key of that kid. The token is not to be
	// accepted (401). If the issuer could not be asked just now, the error wraps the reason too.
	ErrUnknownKey = errors.New("jwks: the issuer publishes no key of that id")
	// ErrUnavailable says that there are no keys to judge by: none was ever loaded, or they are
	// older than stale-if-error allows (RFC 5861 §4). It wraps the error of the latest fetch. It
	// says nothing about the token (503).
	ErrUnavailable = errors.New("jwks: the issuer's keys are not available")
)

// Why a fetch failed. What keeps a connection from being made has no value of its own: the error
// of the http.Client is wrapped.
var (
	// ErrTooLarge says that the document has more bytes than MaxDocumentSize or more keys than
	// MaxKeys.
	ErrTooLarge = errors.New("jwks: the document is too large")
	// ErrRedirect says that the URL redirects, which is not followed: set the URL it leads to, if
	// it is the issuer's.
	ErrRedirect = errors.New("jwks: the URL redirects")
	// ErrStatus says that the response was neither 200 nor a 304 that was asked for.
	ErrStatus = errors.New("jwks: unexpected HTTP response")
	// ErrMalformed says that the document is no JWK Set (RFC 7517 §5), or ambiguous.
	ErrMalformed = errors.New("jwks: malformed document")
	// ErrEmpty says that the document contains no key that can be used.
	ErrEmpty = errors.New("jwks: no usable key in the document")
	// ErrDuplicateKey says that two keys have the same kid (RFC 7517 §4.5).
	ErrDuplicateKey = errors.New("jwks: two keys have the same id")
	// ErrPrivateKey says that the document contains private or symmetric key material. Whoever
	// runs the issuer should be told: such a key is no longer secret.
	ErrPrivateKey = errors.New("jwks: the document contains private key material")
	// ErrTimeout says that the fetch did not end within FetchTimeout.
	ErrTimeout = errors.New("jwks: the issuer took too long to answer")
)
