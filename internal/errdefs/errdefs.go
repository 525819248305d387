// Package errdefs names the kinds of failure that rule packages and adapters report.
//
// It owns nothing but the kinds. Rules wrap one of them with the reason
// (fmt.Errorf("client %s: %w", id, errdefs.ErrNotFound)); each surface has one place that
// maps kinds to its own wire format: issuer to RFC 6749 errors, ui to a page. An error of
// no kind is a bare 500 whose cause goes to the log only.
package errdefs

import (
	"errors"
	"fmt"
)

// The kinds. Compare with errors.Is.
var (
	// ErrNotFound says that the thing does not exist, or not for this tenant: the two are
	// never told apart outside.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that another change came first, or that a unique name is taken.
	ErrConflict = errors.New("conflict")
	// ErrInvalid says that the input breaks a rule; the wrapping message names the field.
	ErrInvalid = errors.New("invalid")
	// ErrDenied says that the caller is known and may not do this.
	ErrDenied = errors.New("denied")
	// ErrUnauthenticated says that the caller did not prove who they are.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrUnavailable says that a dependency (the database, say) did not answer; a retry may work.
	ErrUnavailable = errors.New("unavailable")
)

// Sentence is an error whose text is exactly one sentence for a person, while its kind and its
// cause stay reachable through errors.Is. Make one with Say.
type Sentence struct {
	text   string
	causes []error
}

// Say returns a Sentence of a kind; cause may be nil.
func Say(kind, cause error, format string, args ...any) error {
	s := &Sentence{text: fmt.Sprintf(format, args...), causes: []error{kind}}
	if cause != nil {
		s.causes = append(s.causes, cause)
	}
	return s
}

// Error returns the sentence.
func (s *Sentence) Error() string { return s.text }

// Unwrap returns the kind and the cause.
func (s *Sentence) Unwrap() []error { return s.causes }
