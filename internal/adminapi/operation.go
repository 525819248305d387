package adminapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// operation declares one operation. ID is its name in the document and in generated clients, in
// kebab case; Path is below Prefix.
type operation struct {
	ID, Method, Path string
	Tag              string // the noun, as people read it
	Summary          string // one sentence in the imperative
	Description      string
	Status           int           // of success; 0: 200, or 204 without a body
	Errors           []int         // beside those that every operation answers with
	MaxBody          int64         // in bytes; 0: the server's
	Timeout          time.Duration // 0: the server's
}

// longest is how long an operation may take that concerns everybody in a tenant.
const longest = 2 * time.Minute

// register serves an operation. f gets the caller, whose rights it checks, and returns errors by
// their kind.
func register[I, O any](a *API, op operation, f func(ctx context.Context, actor admin.Actor, in *I) (*O, error)) {
	maxBody := op.MaxBody
	if maxBody == 0 {
		maxBody = 1 << 20 // the server's own limit is lower
	}
	huma.Register(a.huma, huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Tags: []string{op.Tag},
		Summary: op.Summary, Description: op.Description, DefaultStatus: op.Status,
		MaxBodyBytes: maxBody, BodyReadTimeout: -1, // the server bounds the time
		Errors: op.Errors,
	}, func(ctx context.Context, in *I) (*O, error) {
		actor, ok := ctx.Value(actorKey{}).(admin.Actor)
		if !ok {
			return nil, &Problem{Status: http.StatusInternalServerError}
		}
		out, err := f(ctx, actor, in)
		if err != nil {
			return nil, a.problem(ctx, actor, op.ID, err)
		}
		return out, nil
	})
	a.routes = append(a.routes, Route{
		Method: op.Method, Pattern: Prefix + op.Path, MaxBody: op.MaxBody, Timeout: op.Timeout, Handler: a.authenticated(a.mux),
	})
}

// Paging is the query of every list.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"1000" doc:"The next_cursor of the page before; absent for the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Entries a page."`
}

func (p Paging) page() admin.Page { return admin.Page{After: p.Cursor, Limit: p.Limit} }

// page is the body of every list.
type page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next_cursor,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// pageOf turns a page of what a store returned into one of what is answered.
func pageOf[T, R any](l admin.List[T], to func(T) R) page[R] {
	return page[R]{Items: each(l.Items, to), Next: l.Next}
}

// each turns every entry of a list into another; the result is never nil.
func each[T, R any](list []T, to func(T) R) []R {
	out := make([]R, len(list))
	for i, v := range list {
		out[i] = to(v)
	}
	return out
}

// listing is the answer to a list.
type listing[T any] struct{ Body page[T] }

// single is the answer that holds one resource, with the entity tag that an edit names.
type single[T any] struct {
	ETag string `header:"ETag" doc:"The version of the resource, for If-Match."`
	Body T
}

func one[T any](version int64, body T) *single[T] { return &single[T]{ETag: etag(version), Body: body} }

// created is the answer to a creation.
type created[T any] struct {
	ETag     string `header:"ETag" doc:"The version of the resource, for If-Match."`
	Location string `header:"Location" doc:"Where the resource is."`
	Replayed string `header:"Idempotent-Replayed" doc:"true when the Idempotency-Key had been used for this very request: nothing new was made."`
	Body     T
}

func made[T any](location string, version int64, replayed bool, body T) *created[T] {
	c := &created[T]{ETag: etag(version), Location: Prefix + location, Body: body}
	if replayed {
		c.Replayed = "true"
	}
	return c
}

// none is the answer without a body.
type none struct{}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Conditional is the header of every edit (RFC 9110 §13.1.1).
type Conditional struct {
	IfMatch string `header:"If-Match" maxLength:"100" doc:"The ETag of the resource as it was read. An edit of anything else is refused with 412."`
}

// version returns the version that the edit is of. Without one an edit could overwrite another's
// (RFC 6585 §3); a tag that is none of ours matches nothing.
func (m Conditional) version() (int64, error) {
	if m.IfMatch == "" {
		return 0, &Problem{Status: http.StatusPreconditionRequired, Detail: "Send If-Match with the ETag of the resource as you read it, so that nobody else's change is overwritten."}
	}
	return m.optional()
}

// optional is version for deletions, which may go without.
func (m Conditional) optional() (int64, error) {
	if m.IfMatch == "" || m.IfMatch == "*" {
		return 0, nil
	}
	text, ok := strings.CutPrefix(m.IfMatch, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	v, err := strconv.ParseInt(text, 10, 64)
	if !ok || !closed || err != nil || v < 1 {
		return 0, admin.ErrVersion
	}
	return v, nil
}

// Creation is the header of every creation.
type Creation struct {
	Key string `header:"Idempotency-Key" maxLength:"200" pattern:"^[!-~]*$" doc:"A key of your own making for this creation. Sent again with the same request within a day, it returns what was made the first time."`
}

// once recognises the request; body is what was sent.
func (k Creation) once(op string, parts ...any) *admin.Once {
	if k.Key == "" {
		return nil
	}
	b, err := json.Marshal(append([]any{op}, parts...))
	if err != nil { // of types that came out of JSON
		b = []byte(op)
	}
	return &admin.Once{Key: k.Key, Fingerprint: sha256.Sum256(b)}
}

// act begins an act on the tenant; zero when it concerns the installation.
func (a *API) act(ctx context.Context, actor admin.Actor, action audit.Action, tenant id.Tenant, target string, detail map[string]string) admin.Act {
	e := audit.Event{At: a.Now(), Action: action, Tenant: tenant, Client: string(actor.Client), Actor: actor.String(), Target: target, Detail: detail}
	e.Address, e.RequestID = a.Caller(ctx)
	return admin.Act{Actor: actor, Event: e}
}

// errMay says that the caller is known and sees the thing, but may not do this to it.
var errMay = fmt.Errorf("not let: %w", errdefs.ErrDenied)

// may turns a right into an error.
func may(ok bool) error {
	if ok {
		return nil
	}
	return errMay
}
