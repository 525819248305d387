package adminclient

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Option is a condition of one request.
type Option func(*http.Request)

// IfMatch has an edit refused unless the thing is still as it was when it was read with this
// entity tag: see IsChanged.
func IfMatch(etag string) Option {
	return func(r *http.Request) { r.Header.Set("If-Match", etag) }
}

// IdempotencyKey makes a creation safe to try again: the same key with the same request, within a
// day, returns what was made the first time. Make a new key for each creation, as with
// crypto/rand.Text.
func IdempotencyKey(key string) Option {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

// query collects parameters. What is zero is left out.
type query url.Values

func (q query) text(name, value string) {
	if value != "" {
		url.Values(q).Set(name, value)
	}
}

func (q query) number(name string, value int) {
	if value != 0 {
		url.Values(q).Set(name, strconv.Itoa(value))
	}
}

func (q query) truth(name string, value *bool) {
	if value != nil {
		url.Values(q).Set(name, strconv.FormatBool(*value))
	}
}

func (q query) instant(name string, value time.Time) {
	if !value.IsZero() {
		url.Values(q).Set(name, value.UTC().Format(time.RFC3339Nano))
	}
}

// list sends all values in one parameter, as the document asks for; each sends one parameter a
// value.
func (q query) list(name string, values []string) {
	if len(values) > 0 {
		url.Values(q).Set(name, strings.Join(values, ","))
	}
}

func (q query) each(name string, values []string) {
	for _, v := range values {
		url.Values(q).Add(name, v)
	}
}
