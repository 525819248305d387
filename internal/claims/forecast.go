package claims

import "encoding/base64"

// tokenOverhead is what the header with its RFC 7638 kid, the signature of ES256 and the two
// dots add to the payload of an access token, in bytes of base64; rounded up.
const tokenOverhead = 200

// TokenBytes returns the size of a token with a payload of that many bytes, rounded up.
func TokenBytes(payload int) int { return base64.RawURLEncoding.EncodedLen(payload) + tokenOverhead }
