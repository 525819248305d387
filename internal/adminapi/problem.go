package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/errdefs"
)

// Problem is an error answer (RFC 9457). Its text is for the caller's developers and never holds
// what was sent, which may be a secret.
type Problem struct {
	Title  string  `json:"title" doc:"The name of the status."`
	Status int     `json:"status" doc:"The status of the answer."`
	Detail string  `json:"detail,omitempty" doc:"What is wrong, and what to do."`
	Errors []Fault `json:"errors,omitempty" nullable:"false" doc:"What is wrong with each field."`

	headers http.Header
}

// Fault is what is wrong with one field.
type Fault struct {
	Location string `json:"location" doc:"Where it was sent." example:"body.redirect_uris[1]"`
	Message  string `json:"message" doc:"What is wrong with it; never what was sent."`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus, GetHeaders and ContentType serve huma.
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) GetHeaders() http.Header   { return p.headers }
func (*Problem) ContentType(_ string) string { return "application/problem+json" }

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// problem turns an error into its answer. What was not let is recorded; what has no kind goes to
// the log, and the caller learns nothing of it.
func (a *API) problem(ctx context.Context, actor admin.Actor, operation string, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Title = http.StatusText(p.Status)
		return p
	}
	p := &Problem{Errors: faults(err)}
	if sentence, ok := errors.AsType[*errdefs.Sentence](err); ok {
		p.Detail = sentence.Error()
	}
	say := func(status int, detail string) {
		p.Status = status
		if p.Detail == "" {
			p.Detail = detail
		}
	}
	switch {
	case errors.Is(err, admin.ErrVersion):
		say(http.StatusPreconditionFailed, "It was changed since you read it. Read it again, and make your change to that.")
	case errors.Is(err, admin.ErrUnread):
		say(http.StatusPreconditionRequired, "It is there already. Send If-Match with the ETag of what you read, so that nobody else's change is overwritten.")
	case errors.Is(err, admin.ErrKeyReused):
		say(http.StatusUnprocessableEntity, "This Idempotency-Key was used for another request. Make a new key for each creation.")
	case errors.Is(err, admin.ErrLastAdministrator):
		say(http.StatusConflict, "This would leave the tenant without an administrator. Make somebody else one first.")
	case errors.Is(err, errdefs.ErrInvalid):
		say(http.StatusUnprocessableEntity, "The request breaks a rule; errors names the fields.")
	case errors.Is(err, errdefs.ErrConflict):
		say(http.StatusConflict, "The request conflicts with what is there; errors names the fields.")
	case errors.Is(err, errdefs.ErrDenied):
		a.denied(ctx, actor, operation)
		say(http.StatusForbidden, "You may not do this.")
	case errors.Is(err, errdefs.ErrNotFound):
		p.Errors = nil
		say(http.StatusNotFound, "There is no such thing, or not for you.")
	case errors.Is(err, errdefs.ErrUnavailable):
		a.Log.ErrorContext(ctx, "administration: a dependency did not answer", "operation", operation, "error", err)
		p.headers = http.Header{"Retry-After": {"1"}}
		say(http.StatusServiceUnavailable, "A dependency did not answer; try again.")
	default:
		a.Log.ErrorContext(ctx, "administration: unexpected error", "operation", operation, "error", err)
		_, request := a.Caller(ctx)
		p.Status, p.Errors = http.StatusInternalServerError, nil
		p.Detail = "Something went wrong here. The log has it under request " + request + "."
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// faults collects what is wrong with fields, of which an error may hold many.
func faults(err error) []Fault {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return nil
	case *admin.FieldError:
		return []Fault{{Location: location(e.Field), Message: e.Text}}
	case interface{ Unwrap() []error }:
		var out []Fault
		for _, sub := range e.Unwrap() {
			out = append(out, faults(sub)...)
		}
		return out
	case interface{ Unwrap() error }:
		return faults(e.Unwrap())
	}
	return nil
}

// location says where a field was sent: in the body, unless it says itself.
func location(field string) string {
	if strings.HasPrefix(field, "query.") || strings.HasPrefix(field, "path.") {
		return field
	}
	return "body." + field
}

// withoutValues takes what was sent out of huma's own refusals.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		p := &Problem{Title: m.Title, Status: m.Status, Detail: m.Detail}
		for _, d := range m.Errors {
			p.Errors = append(p.Errors, named(Fault{Location: d.Location, Message: d.Message}))
		}
		return p, nil
	}
	return v, nil
}

// named gives what is absent the place where it belongs; huma names the object around it.
func named(f Fault) Fault {
	if rest, ok := strings.CutPrefix(f.Message, "expected required property "); ok {
		if property, ok := strings.CutSuffix(rest, " to be present"); ok {
			return Fault{Location: f.Location + "." + property, Message: "is required"}
		}
	}
	return f
}

// challenge answers a request whose caller is not known (RFC 6750 §3).
func (a *API) challenge(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errdefs.ErrInvalid):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_request"`)
		writeProblem(w, &Problem{Status: http.StatusBadRequest, Detail: "Send one access token, in the Authorization header."})
	case errors.Is(err, errdefs.ErrUnauthenticated):
		challenge := "Bearer"
		if r.Header.Get("Authorization") != "" {
			challenge = `Bearer error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		writeProblem(w, &Problem{Status: http.StatusUnauthorized, Detail: "Send an access token of this issuer for the audience " + admin.Audience + " alone, that has not expired or been recalled."})
	default:
		p, ok := errors.AsType[*Problem](a.problem(r.Context(), admin.Actor{}, "authenticate", err))
		if !ok {
			p = &Problem{Status: http.StatusInternalServerError}
		}
		writeProblem(w, p)
	}
}

// RefuseStatus writes the server's own refusals below Prefix.
func RefuseStatus(w http.ResponseWriter, status int) {
	p := &Problem{Status: status}
	switch status {
	case http.StatusNotFound:
		p.Detail = "No operation has this path; " + Prefix + "/openapi.json lists them."
	case http.StatusMethodNotAllowed:
		p.Detail = "The header Allow lists the methods of this path."
	case http.StatusRequestEntityTooLarge:
		p.Detail = "The body is too large."
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	p.Title = http.StatusText(p.Status)
	h := w.Header()
	for name, values := range p.headers {
		h[name] = values
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has gone: nobody to tell
}
