package issuer

import (
	"errors"
	"net/http"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// protocolFault is an answer that a specification has a code for. The values below are shared:
// hint returns a copy.
type protocolFault struct {
	status int
	code   string // such as invalid_grant
	text   string // what the code means, a sentence for developers
}

// Error returns the code and the text.
func (e *protocolFault) Error() string { return e.code + ": " + e.text }

// hint says of one occurrence what is wrong, in place of the general sentence.
func (e *protocolFault) hint(text string) *protocolFault {
	out := *e
	out.text = text
	return &out
}

func fault(status int, code, text string) *protocolFault {
	return &protocolFault{status, code, text}
}

// The errors of RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core 1.0 §3.1.2.6, OAuth 2.0
// Multiple Response Types §2.1 and RFC 8707 §2.
var (
	errInvalidRequest           = fault(http.StatusBadRequest, "invalid_request", "The request is malformed, or a parameter is missing, repeated or not valid.")
	errInvalidClient            = fault(http.StatusUnauthorized, "invalid_client", "The client is unknown or did not prove who it is.")
	errInvalidGrant             = fault(http.StatusBadRequest, "invalid_grant", "The code or refresh token is not valid, or was issued to another client.")
	errUnauthorizedClient       = fault(http.StatusBadRequest, "unauthorized_client", "The client is not registered for this.")
	errUnsupportedGrantType     = fault(http.StatusBadRequest, "unsupported_grant_type", "This server knows no such grant type.")
	errInvalidScope             = fault(http.StatusBadRequest, "invalid_scope", "The scope is unknown, malformed, or more than the client may have.")
	errInvalidTarget            = fault(http.StatusBadRequest, "invalid_target", "The requested resource is unknown, malformed, or not allowed for this client.")
	errAccessDenied             = fault(http.StatusForbidden, "access_denied", "The request was denied.")
	errUnsupportedResponseType  = fault(http.StatusBadRequest, "unsupported_response_type", "Use response_type=code.")
	errUnsupportedResponseMode  = fault(http.StatusBadRequest, "unsupported_response_mode", "Use response_mode=query, fragment or form_post.")
	errRequestNotSupported      = fault(http.StatusBadRequest, "request_not_supported", "Request objects are not supported: send plain parameters.")
	errRequestURINotSupported   = fault(http.StatusBadRequest, "request_uri_not_supported", "request_uri is not supported: send plain parameters.")
	errRegistrationNotSupported = fault(http.StatusBadRequest, "registration_not_supported", "The registration parameter is not supported.")
	errServer                   = fault(http.StatusInternalServerError, "server_error", "The server met a fault of its own. Its operators find it in the log by the request id.")
	errUnavailable              = fault(http.StatusServiceUnavailable, "temporarily_unavailable", "The server cannot answer right now. Try again in a moment.")
)

// protocolError maps any error to the protocol's own. Unknown causes become a bare
// server_error; expected tells whether the caller, not we, are at fault.
func protocolError(err error) (e *protocolFault, expected bool) {
	if found, ok := errors.AsType[*protocolFault](err); ok {
		return found, found.status < http.StatusInternalServerError
	}
	switch {
	case errors.Is(err, errdefs.ErrUnavailable):
		return errUnavailable, false
	case errors.Is(err, errdefs.ErrDenied):
		return errAccessDenied, true
	case errors.Is(err, errdefs.ErrInvalid):
		return errInvalidRequest, true
	}
	return errServer, false
}

// description returns the error's text within the characters that RFC 6749 §5.2 allows
// (%x20-21, %x23-5B, %x5D-7E): hints may quote a caller's input.
func description(e *protocolFault) string {
	s := e.text
	if len(s) > 400 {
		s = s[:400]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\', r < 0x20, r > 0x7e:
			return '?'
		}
		return r
	}, s)
}

type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// writeError answers a client or a resource server (RFC 6749 §5.2). Every 401 names a scheme
// (RFC 9110 §15.5.2), every 503 a time to wait.
func (i *Issuer) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e, expected := protocolError(err)
	if !expected {
		i.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	}
	h := w.Header()
	switch e.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="`+i.URL+`", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	}
	writeJSON(w, e.status, errorBody{e.code, description(e)})
}
