package adminapi

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// documentErrors writes into the document what operations answer beside success. The framework
// would list the same for all, in a form of its own.
func (a *API) documentErrors() {
	doc := a.huma.OpenAPI()
	problem := doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for _, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if op == nil {
				continue
			}
			for status := range op.Responses {
				if status >= "400" {
					delete(op.Responses, status)
				}
			}
			for _, status := range refusals(method, op) {
				op.Responses[strconv.Itoa(status)] = &huma.Response{
					Description: http.StatusText(status),
					Headers:     refusalHeaders(status),
					Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
				}
			}
		}
	}
	schemas := doc.Components.Schemas.Map() // of the framework's own form, which is not answered
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
}

// refusals are the statuses of an operation that are errors.
func refusals(method string, op *huma.Operation) []int {
	out := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if method != http.MethodGet {
		out = append(out, http.StatusConflict)
	}
	if op.RequestBody != nil {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	out = append(out, op.Errors...)
	for _, p := range op.Parameters {
		if p.Name == "If-Match" {
			out = append(out, http.StatusPreconditionFailed)
			if method == http.MethodPatch || method == http.MethodPut {
				out = append(out, http.StatusPreconditionRequired)
			}
		}
	}
	return out
}

func refusalHeaders(status int) map[string]*huma.Param {
	header := func(name, doc string) map[string]*huma.Param {
		return map[string]*huma.Param{name: {Schema: &huma.Schema{Type: "string"}, Description: doc}}
	}
	switch status {
	case http.StatusUnauthorized:
		return header("WWW-Authenticate", "What is missing (RFC 6750 §3).")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return header("Retry-After", "Seconds after which to try again.")
	}
	return nil
}
