package issuer

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/errdefs"
)

// errInvalidTarget is RFC 8707 §2's error for a resource that cannot be had.
var errInvalidTarget = &fosite.RFC6749Error{
	ErrorField:       "invalid_target",
	DescriptionField: "The requested resource is invalid, unknown, or not allowed for this client.",
	CodeField:        http.StatusBadRequest,
}

// errUnavailable answers for a dependency that does not: the request may be repeated.
var errUnavailable = &fosite.RFC6749Error{
	ErrorField:       fosite.ErrTemporarilyUnavailable.ErrorField,
	DescriptionField: "The server cannot answer right now. Try again in a moment.",
	CodeField:        http.StatusServiceUnavailable,
}

// protocolError maps any error to the protocol's own. Unknown causes become a bare
// server_error; expected tells whether the caller, not we, are at fault.
func protocolError(err error) (e *fosite.RFC6749Error, expected bool) {
	if found, ok := errors.AsType[*fosite.RFC6749Error](err); ok {
		return found, found.CodeField < http.StatusInternalServerError
	}
	switch {
	case errors.Is(err, errdefs.ErrUnavailable):
		return errUnavailable, false
	case errors.Is(err, errdefs.ErrDenied):
		return fosite.ErrAccessDenied, true
	case errors.Is(err, errdefs.ErrInvalid):
		return fosite.ErrInvalidRequest, true
	}
	return fosite.ErrServerError, false
}

// description returns the error's text within the characters that RFC 6749 §5.2 allows
// (%x20-21, %x23-5B, %x5D-7E): hints may quote a caller's input.
func description(e *fosite.RFC6749Error) string {
	s := e.DescriptionField
	if e.HintField != "" {
		s += " " + e.HintField
	}
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
	switch e.CodeField {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="`+i.URL+`", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	}
	writeJSON(w, e.CodeField, errorBody{e.ErrorField, description(e)})
}

// writeJSON answers with v, not to be stored by anyone (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
