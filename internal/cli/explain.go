package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

// explain says what a refusal means at a command line and what to do next.
func (c *CLI) explain(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*url.Error](err); ok {
		return errdefs.Say(errdefs.ErrUnavailable, err, "the server does not answer: %v", refused.Err)
	}
	if sentence, ok := errors.AsType[*errdefs.Sentence](err); ok {
		return sentence // of ours, as that a sign-in has ended
	}
	p, ok := errors.AsType[*adminclient.Problem](err)
	if !ok {
		return err
	}
	if p.Status == http.StatusUnauthorized {
		return errdefs.Say(errdefs.ErrUnauthenticated, err, "the server does not take %s", c.unaccepted())
	}
	var b strings.Builder
	b.WriteString(clean(or(p.Detail, http.StatusText(p.Status))))
	for _, f := range p.Fields {
		fmt.Fprintf(&b, "\n  - %s: %s", clean(place(f.Location)), clean(f.Message))
	}
	b.WriteString(c.advice(p))
	return errdefs.Say(kind(p.Status), err, "%s", b.String())
}

// place drops the part of a location that says nothing at a command line.
func place(location string) string {
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(location, prefix); ok {
			return rest
		}
	}
	return or(location, "request")
}

func (c *CLI) advice(p *adminclient.Problem) string {
	switch p.Status {
	case http.StatusForbidden:
		if who, err := c.caller(); err == nil {
			return "\nYou act as " + clean(who.name) + acting(who.organization) + "; signet whoami says more, --organization chooses another."
		}
	case http.StatusPreconditionFailed:
		return "\nRun the command again: it begins with what is there now."
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if p.RetryAfter > 0 {
			return fmt.Sprintf("\nTry again in %v.", p.RetryAfter)
		}
	}
	if p.Status >= http.StatusInternalServerError && p.RequestID != "" {
		return "\nThe server's log has it under request " + clean(p.RequestID) + "."
	}
	return ""
}

// unaccepted names what proved to be no good, and what to do about it.
func (c *CLI) unaccepted() string {
	who, err := c.caller()
	switch {
	case err == nil && who.name == EnvToken:
		return "the access token in " + EnvToken + ": it has expired, was recalled, or is for something else; get a fresh one"
	case err == nil && who.account == nil:
		return "the tokens of the client " + clean(who.name) + ": it needs the audience " + adminclient.Audience
	}
	return "this sign-in: run signet login"
}

func acting(organization string) string {
	if organization == "" {
		return ""
	}
	return " in " + clean(organization)
}

func kind(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return errdefs.ErrUnauthenticated
	case http.StatusForbidden:
		return errdefs.ErrDenied
	case http.StatusNotFound:
		return errdefs.ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return errdefs.ErrConflict
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return errdefs.ErrUnavailable
	}
	return errdefs.ErrInvalid
}
