package interaction

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
	"github.com/signet-id/signet/internal/ui"
)

// handler is a handler whose error is answered by fail.
type handler func(http.ResponseWriter, *http.Request) error

func (i *Interaction) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			i.fail(w, r, err)
		}
	})
}

// pageError is an expected error with an answer of its own.
type pageError struct {
	status            int
	reason            ui.ErrorReason
	code, description string
	retryAfter        time.Duration
	forgotURL         string
}

func (e *pageError) Error() string { return e.code + ": " + e.description }

// errExpired answers a sealed request that is too old, altered or of another server.
func errExpired() error {
	return &pageError{status: http.StatusBadRequest, reason: ui.ReasonExpired, code: "invalid_request", description: "the sign-in took too long or its address is incomplete; start again from the application"}
}

func badRequest(description string) error {
	return &pageError{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

// busyFor is how long a person is asked to wait when the server has no capacity.
const busyFor = 5 * time.Second

// fail is the one place that turns errors into answers. Causes go to the log only.
func (i *Interaction) fail(w http.ResponseWriter, r *http.Request, err error) {
	page, expected := errors.AsType[*pageError](err)
	form, malformed := errors.AsType[*formdata.Error](err)
	switch {
	case expected:
	case malformed:
		page = &pageError{status: form.Status, code: "invalid_request", description: form.Reason}
	case errors.Is(err, errdefs.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		i.Log.WarnContext(r.Context(), "hosted step failed: a dependency does not answer", "error", err)
		page = &pageError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "try again in a moment", retryAfter: busyFor}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil: // the browser has gone
		page = &pageError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable"}
	default:
		i.Log.ErrorContext(r.Context(), "hosted step failed", "error", err)
		page = &pageError{status: http.StatusInternalServerError, code: "server_error"}
	}
	i.errorPage(w, r, page)
}

func (i *Interaction) errorPage(w http.ResponseWriter, r *http.Request, e *pageError) {
	if !acceptsHTML(r) {
		writeJSON(w, e)
		return
	}
	_, requestID := i.Caller(r.Context())
	i.render(w, r, e.status, ui.Error{
		Status: e.status, Reason: e.reason, Code: e.code, Description: e.description,
		RequestID: requestID, RetryAfter: e.retryAfter, ForgotURL: e.forgotURL,
	})
}

// render writes a page; a page that cannot be rendered is already answered with a plain 500.
func (i *Interaction) render(w http.ResponseWriter, r *http.Request, status int, p ui.Page) {
	if err := i.Pages.Render(w, status, p); err != nil {
		i.Log.ErrorContext(r.Context(), "page could not be rendered", "error", err)
	}
}

// acceptsHTML tells browsers, which always name text/html when they navigate, from programs.
func acceptsHTML(r *http.Request) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), "text/html")
}

func writeJSON(w http.ResponseWriter, e *pageError) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if e.retryAfter > 0 {
		h.Set("Retry-After", wholeSeconds(e.retryAfter))
	}
	w.WriteHeader(e.status)
	body := map[string]string{"error": e.code}
	if e.description != "" {
		body["error_description"] = e.description
	}
	_ = json.NewEncoder(w).Encode(body) // the caller has gone: nobody to tell
}

// Refuse answers a request that has nowhere to be sent back to.
func (i *Interaction) Refuse(w http.ResponseWriter, r *http.Request, status int, f authorization.Failure) {
	e := &pageError{status: status, code: f.Code, description: f.Description}
	switch {
	case f.Code == "invalid_client":
		e.reason = ui.ReasonUnknownClient
	case strings.Contains(f.Description, "redirect_uri is not one"):
		e.reason = ui.ReasonRedirectMismatch
	}
	i.errorPage(w, r, e)
}

// RefuseStatus answers what no route serves: unknown paths, wrong methods, bodies that are too
// large, panics.
func (i *Interaction) RefuseStatus(w http.ResponseWriter, r *http.Request, status int) {
	code := "invalid_request"
	switch {
	case status == http.StatusNotFound:
		code = "not_found"
	case status == http.StatusServiceUnavailable:
		code = "temporarily_unavailable"
	case status >= 500:
		code = "server_error"
	}
	i.errorPage(w, r, &pageError{status: status, code: code, description: http.StatusText(status)})
}

// FormPost shows the page that posts params to a validated action (OAuth 2.0 Form Post
// Response Mode §2).
func (i *Interaction) FormPost(w http.ResponseWriter, r *http.Request, action string, params url.Values) {
	p := ui.FormPost{Frame: frameTo(action), Action: action}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for _, v := range params[name] {
			p.Params = append(p.Params, ui.Hidden{Name: name, Value: v})
		}
	}
	i.render(w, r, http.StatusOK, p)
}
