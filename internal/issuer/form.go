package issuer

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/ory/fosite"
)

// Limits on what a request may carry. They are far above what any client needs.
const (
	maxFormBytes  = 64 << 10
	maxQueryBytes = 16 << 10
	maxValueBytes = 8 << 10
	maxParameters = 64
)

// errTooLarge is an invalid_request that is answered with 413.
var errTooLarge = &fosite.RFC6749Error{
	ErrorField:       fosite.ErrInvalidRequest.ErrorField,
	DescriptionField: "The request is too large.",
	CodeField:        http.StatusRequestEntityTooLarge,
}

// repeatable holds the only parameter that may occur more than once (RFC 8707 §2).
const repeatable = "resource"

// postForm reads an application/x-www-form-urlencoded body (RFC 6749 Appendix B). Parameters
// in the query are not looked at: credentials do not belong there.
func postForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		e := *fosite.ErrInvalidRequest
		e.CodeField = http.StatusMethodNotAllowed
		return nil, e.WithHint("Use POST.")
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil, fosite.ErrInvalidRequest.WithHint("Send the parameters as application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFormBytes))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, fosite.ErrInvalidRequest.WithHint("The body could not be read.")
	}
	return parseParameters(string(body))
}

// queryForm reads the parameters of a GET request.
func queryForm(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQueryBytes {
		return nil, errTooLarge
	}
	return parseParameters(r.URL.RawQuery)
}

// parseParameters decodes strictly: malformed escapes, invalid UTF-8, control characters that
// no parameter of ours may hold, and too many or too long parameters are invalid_request.
func parseParameters(encoded string) (url.Values, error) {
	if strings.Count(encoded, "&") >= maxParameters {
		return nil, fosite.ErrInvalidRequest.WithHint("There are too many parameters.")
	}
	form, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, fosite.ErrInvalidRequest.WithHint("The parameters are not well-formed application/x-www-form-urlencoded.")
	}
	for name, values := range form {
		for _, v := range values {
			if len(v) > maxValueBytes {
				return nil, fosite.ErrInvalidRequest.WithHint("A parameter is too long.")
			}
			if !utf8.ValidString(name) || !utf8.ValidString(v) || strings.ContainsRune(v, 0) || strings.ContainsRune(name, 0) {
				return nil, fosite.ErrInvalidRequest.WithHint("A parameter is not valid UTF-8 text.")
			}
		}
	}
	return form, nil
}

// checkDuplicates refuses parameters that occur more than once (RFC 6749 §3.1, §3.2).
func checkDuplicates(form url.Values) error {
	for name, values := range form {
		if len(values) > 1 && name != repeatable {
			return fosite.ErrInvalidRequest.WithHint("A parameter occurs more than once.")
		}
	}
	return nil
}

// fields splits a space-delimited list, without empty or repeated items, in order.
func fields(s string) []string {
	var out []string
	seen := map[string]bool{}
	for f := range strings.SplitSeq(s, " ") {
		if f != "" && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}
