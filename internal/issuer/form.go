package issuer

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/formdata"
)

// maxValueBytes bounds one parameter; it is far above what any client needs.
const maxValueBytes = 8 << 10

// repeatable is the only parameter that may occur more than once (RFC 8707 §2).
const repeatable = "resource"

// postForm reads the parameters of a POST request from its body (RFC 6749 Appendix B).
func postForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := formdata.Post(w, r, maxValueBytes)
	return omitEmpty(form), invalidForm(err)
}

// requestForm reads the parameters of an endpoint that takes GET and POST: from the query, or
// from the body.
func requestForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return postForm(w, r)
	}
	form, err := formdata.Query(r, maxValueBytes)
	return omitEmpty(form), invalidForm(err)
}

// omitEmpty drops parameters sent without a value, which count as not sent (RFC 6749 §3.1,
// §3.2). One that occurs twice stays, to be refused, and so does an empty redirect_uri: where to
// send people is not guessed from a mistake.
func omitEmpty(form url.Values) url.Values {
	for name, values := range form {
		if len(values) == 1 && values[0] == "" && name != "redirect_uri" {
			delete(form, name)
		}
	}
	return form
}

// checkDuplicates refuses parameters that occur more than once (RFC 6749 §3.1, §3.2).
func checkDuplicates(form url.Values) error {
	return invalidForm(formdata.Single(form, repeatable))
}

// invalidForm turns what is wrong with a form into an invalid_request with its status.
func invalidForm(err error) error {
	if e, ok := errors.AsType[*formdata.Error](err); ok {
		out := *errInvalidRequest
		out.status = e.Status
		return out.hint(e.Reason)
	}
	return err
}

// fields splits a space-delimited list, without empty or repeated items, in order.
func fields(s string) []string {
	if s == "" {
		return nil
	}
	if !strings.Contains(s, " ") {
		return []string{s}
	}
	var out []string
	seen := map[string]bool{} // not a search in out: there may be thousands of items
	for f := range strings.SplitSeq(s, " ") {
		if f != "" && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}
