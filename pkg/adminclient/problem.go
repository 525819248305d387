package adminclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal of the administration (RFC 9457). Find it with errors.As.
type Problem struct {
	// Status is the HTTP status.
	Status int `json:"status"`
	// Title names the status.
	Title string `json:"title"`
	// Detail says what is wrong and what to do.
	Detail string `json:"detail"`
	// Fields names what was wrong with the request, where that is what was.
	Fields []FieldProblem `json:"errors"`
	// RequestID finds the request in the server's log; "" when the server gave none.
	RequestID string `json:"-"`
	// RetryAfter is how long to wait before trying again; 0 when the server did not say.
	RetryAfter time.Duration `json:"-"`
}

// FieldProblem is what is wrong with one part of a request.
type FieldProblem struct {
	// Location is a path such as "body.redirect_uris[1]" or "query.limit".
	Location string `json:"location"`
	// Message is a sentence about it.
	Message string `json:"message"`
}

// Error returns the detail and every field.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	if p.Detail == "" {
		fmt.Fprintf(&b, "%d %s", p.Status, http.StatusText(p.Status))
	}
	for _, f := range p.Fields {
		b.WriteString("; ")
		if f.Location != "" {
			b.WriteString(f.Location + ": ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// IsNotFound reports whether the thing does not exist, or not for this caller.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict reports whether something in the way was there already, as a name that is taken.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsChanged reports whether an edit came too late: read again, and edit that.
func IsChanged(err error) bool { return hasStatus(err, http.StatusPreconditionFailed) }

// IsUnauthenticated reports whether the access token was not accepted.
func IsUnauthenticated(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsDenied reports whether the caller may not do this.
func IsDenied(err error) bool { return hasStatus(err, http.StatusForbidden) }

func hasStatus(err error, status int) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Status == status
}

// problemOf reads a refusal; one that is not the administration's own, a proxy's say, keeps only
// its status.
func problemOf(res *http.Response) *Problem {
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || media != "application/problem+json" || json.Unmarshal(b, p) != nil {
		*p = Problem{Detail: fmt.Sprintf("the server answered %d %s and nothing that the administration would say", res.StatusCode, http.StatusText(res.StatusCode))}
	}
	p.Status = res.StatusCode
	p.Title = http.StatusText(res.StatusCode)
	p.RequestID = res.Header.Get("X-Request-Id")
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
