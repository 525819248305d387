package dev

import (
	"errors"

	"github.com/signet-id/signet/internal/errdefs"
)

// explain turns the failures that a person can do something about into one sentence.
func (r *run) explain(err error) error {
	var said *failure
	if err == nil || errors.As(err, &said) {
		return err
	}
	if errors.Is(err, errdefs.ErrUnavailable) && !r.DatabaseURL.Empty() {
		return fail(errdefs.ErrUnavailable, err, "the database that --database-url names does not answer (%v): start it, correct the URL, or leave the flag out for a private one", err)
	}
	return err
}
