package errdefs

import (
	"errors"
	"fmt"
)

// FieldError is a refusal that is about one field of what was sent.
type FieldError struct {
	Field string // a path such as "permissions[2].audience"
	Text  string // one sentence for the caller: what is wrong and what to do; never the value
	Kind  error
}

// Error returns "field: text".
func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Unwrap returns the kind.
func (e *FieldError) Unwrap() error { return e.Kind }

// InvalidField refuses a field as ErrInvalid.
func InvalidField(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...), ErrInvalid}
}

// Fields returns every FieldError that err is made of, however it was wrapped or joined, in the
// order in which they were found.
func Fields(err error) []*FieldError {
	if f, ok := err.(*FieldError); ok { //nolint:errorlint // the tree is walked by hand: errors.As stops at the first
		return []*FieldError{f}
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		var out []*FieldError
		for _, inner := range e.Unwrap() {
			out = append(out, Fields(inner)...)
		}
		return out
	case nil:
		return nil
	}
	return Fields(errors.Unwrap(err))
}
