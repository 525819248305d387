package dev

import (
	"errors"
	"net"

	"github.com/signet-id/signet/internal/errdefs"
)

// explain turns the failures that a person can do something about into one sentence.
func (r *run) explain(err error) error {
	var said *errdefs.Sentence
	if err == nil || errors.As(err, &said) || !errors.Is(err, errdefs.ErrUnavailable) {
		return err
	}
	if r.DatabaseURL.Empty() {
		return errdefs.Say(errdefs.ErrUnavailable, err, "the private PostgreSQL does not answer%s: its log in %s says why", reason(err), r.dir.path)
	}
	return errdefs.Say(errdefs.ErrUnavailable, err, "the database that --database-url names does not answer%s: start it, correct the URL, or leave the flag out for a private one", reason(err))
}

// reason is the innermost cause in parentheses: the whole chain runs over several lines.
func reason(err error) string {
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return " (" + network.Err.Error() + ")"
	}
	return ""
}
