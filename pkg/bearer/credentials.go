package bearer

import (
	"net/http"
	"net/url"
	"strings"
)

// credentials returns the token of the Authorization header (RFC 6750 §2.1).
func credentials(r *http.Request) (string, *Refusal) {
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		return "", noToken()
	case 1:
	default:
		// Two readers of this request could choose differently.
		return "", malformed("There is more than one Authorization header.")
	}
	header := values[0]
	end := strings.IndexAny(header, " \t,")
	if end < 0 {
		end = len(header)
	}
	// Schemes have no case (RFC 9110 §11.1). Another scheme is as good as no token (RFC 6750 §3.1).
	if !strings.EqualFold(header[:end], "Bearer") {
		return "", noToken()
	}
	token := strings.TrimLeft(header[end:], " ")
	if !isB64Token(token) {
		return "", malformed("The Authorization header must be the word Bearer, a blank, and one access token.")
	}
	if inQuery(r.URL) {
		return "", malformed("There is an access token in the query beside the one in the header.")
	}
	return token, nil
}

// isB64Token reports whether s is a b64token (RFC 6750 §2.1).
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return s != ""
}

// inQuery reports whether the query has the parameter of RFC 6750 §2.3, in the eyes of any reader:
// one that url.ParseQuery skips counts too, for its broken value or the semicolon before it. It does
// so without parsing the query of every request.
func inQuery(u *url.URL) bool {
	const name = "access_token"
	if u == nil || !strings.Contains(u.RawQuery, name) && !strings.Contains(u.RawQuery, "%") {
		return false
	}
	for pair := range strings.FieldsFuncSeq(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		before, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(before); err == nil && decoded == name {
			return true
		}
	}
	return false
}
