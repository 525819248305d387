// Package formdata reads application/x-www-form-urlencoded input strictly: what is malformed,
// oversized or ambiguous is refused, never repaired.
//
// It owns the limits and the checks, not the answers: package issuer turns an Error into a
// protocol error, package interaction into a page.
package formdata

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/errdefs"
)

// The limits on what a request may carry, in bytes and parameters. They are far above what any
// caller needs.
const (
	MaxBody       = 64 << 10
	MaxQuery      = 16 << 10
	MaxParameters = 64
)

// usualBody is what most forms fit in. No more memory is set aside for what has only been
// announced: many callers could announce much and send nothing.
const usualBody = 4 << 10

// Error says why a form was refused and with which HTTP status. It is errdefs.ErrInvalid, and
// its text holds nothing of the input.
type Error struct {
	Status int
	Reason string // a sentence for developers
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Unwrap makes every Error an errdefs.ErrInvalid.
func (e *Error) Unwrap() error { return errdefs.ErrInvalid }

func bad(reason string) error { return &Error{http.StatusBadRequest, reason} }

// Post reads the body of a POST request. Parameters in the query are not looked at:
// credentials do not belong there. maxValue bounds each value, in bytes. The error is an
// *Error.
func Post(w http.ResponseWriter, r *http.Request, maxValue int) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, &Error{http.StatusMethodNotAllowed, "Use POST."}
	}
	if !isForm(r.Header.Get("Content-Type")) {
		return nil, bad("Send the parameters as application/x-www-form-urlencoded.")
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, usualBody)) + bytes.MinRead) // so that it seldom grows again
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &Error{http.StatusRequestEntityTooLarge, "The request is too large."}
	}
	if err != nil {
		return nil, bad("The body could not be read.")
	}
	return Parse(body.String(), maxValue)
}

const formType = "application/x-www-form-urlencoded"

func isForm(contentType string) bool {
	if contentType == formType { // what nearly everyone sends
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == formType
}

// Query reads the parameters of a GET request. The error is an *Error.
func Query(r *http.Request, maxValue int) (url.Values, error) {
	if len(r.URL.RawQuery) > MaxQuery {
		return nil, &Error{http.StatusRequestEntityTooLarge, "The request is too large."}
	}
	return Parse(r.URL.RawQuery, maxValue)
}

// Parse decodes parameters. Malformed escapes, invalid UTF-8, NUL, and too many or too long
// parameters are an *Error.
func Parse(encoded string, maxValue int) (url.Values, error) {
	if strings.Count(encoded, "&") >= MaxParameters {
		return nil, bad("There are too many parameters.")
	}
	form, err := parse(encoded)
	if err != nil {
		return nil, bad("The parameters are not well-formed application/x-www-form-urlencoded.")
	}
	for name, values := range form {
		for _, v := range values {
			if len(v) > maxValue {
				return nil, bad("A parameter is too long.")
			}
			if !utf8.ValidString(name) || !utf8.ValidString(v) || strings.ContainsRune(v, 0) || strings.ContainsRune(name, 0) {
				return nil, bad("A parameter is not valid UTF-8 text.")
			}
		}
	}
	return form, nil
}

// parse is url.ParseQuery, without looking at each byte where nothing is escaped: most of what
// arrives is one long token.
func parse(encoded string) (url.Values, error) {
	if strings.IndexByte(encoded, '%') >= 0 || strings.IndexByte(encoded, '+') >= 0 || strings.IndexByte(encoded, ';') >= 0 {
		return url.ParseQuery(encoded)
	}
	form := url.Values{}
	for pair := range strings.SplitSeq(encoded, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		form[name] = append(form[name], value)
	}
	return form, nil
}

// Single refuses parameters that occur more than once (RFC 6749 §3.1, §3.2), save those named
// repeatable. The error is an *Error.
func Single(form url.Values, repeatable ...string) error {
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return bad("A parameter occurs more than once.")
		}
	}
	return nil
}
