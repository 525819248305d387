package ui

import (
	"net/http"
	"time"
)

// Error tells what went wrong, what to do, and what to quote to support.
type Error struct {
	Frame
	// Status picks the words unless Reason does; pass the same number to Render.
	Status int
	Reason ErrorReason
	// Code and Description are the protocol's error for developers, folded away. They may
	// hold text from the request.
	Code, Description string
	RequestID         string
	RetryAfter        time.Duration // for 429 and 503; also sent as a header
	Back              Link          // optional
	// ForgotURL leads to where another link is sent; optional.
	ForgotURL string
}

// ErrorReason is a cause with words of its own.
type ErrorReason string

// The reasons.
const (
	ReasonStatus            ErrorReason = ""                  // words by status
	ReasonUnknownClient     ErrorReason = "unknown_client"    // no such client
	ReasonRedirectMismatch  ErrorReason = "redirect_mismatch" // redirect URI not registered
	ReasonExpired           ErrorReason = "expired"           // the interaction is over or used
	ReasonNoCookie          ErrorReason = "no_cookie"         // the browser keeps no cookies
	ReasonCrossSite         ErrorReason = "cross_site"        // a form posted from elsewhere
	ReasonLinkVoid          ErrorReason = "link_void"         // a mailed link that is used, too old or nobody's
	ReasonInvitationVoid    ErrorReason = "invitation_void"   // there is no such invitation
	ReasonInvitationExpired ErrorReason = "invitation_expired"
	ReasonInvitationRevoked ErrorReason = "invitation_revoked"
	ReasonInvitationUsed    ErrorReason = "invitation_used"
)

// ErrorText is the wording of one kind of error.
type ErrorText struct{ Title, What, Do string }

// Words returns what to say about the error.
func (p Error) Words(t *Text) ErrorText {
	byReason := map[ErrorReason]ErrorText{
		ReasonUnknownClient: t.Errors.UnknownClient, ReasonRedirectMismatch: t.Errors.RedirectMismatch,
		ReasonExpired: t.Errors.Expired, ReasonNoCookie: t.Errors.NoCookie,
		ReasonCrossSite: t.Errors.CrossSite,
		ReasonLinkVoid:  t.Errors.LinkVoid, ReasonInvitationVoid: t.Errors.InvitationVoid,
		ReasonInvitationExpired: t.Errors.InvitationExpired, ReasonInvitationRevoked: t.Errors.InvitationRevoked,
		ReasonInvitationUsed: t.Errors.InvitationUsed,
	}
	if words, ok := byReason[p.Reason]; ok {
		return words
	}
	byStatus := map[int]ErrorText{
		http.StatusBadRequest: t.Errors.BadRequest, http.StatusForbidden: t.Errors.Forbidden,
		http.StatusNotFound: t.Errors.NotFound, http.StatusMethodNotAllowed: t.Errors.Method,
		http.StatusRequestEntityTooLarge: t.Errors.TooLarge, http.StatusTooManyRequests: t.Errors.TooMany,
		http.StatusServiceUnavailable: t.Errors.Unavailable,
	}
	if words, ok := byStatus[p.Status]; ok {
		return words
	}
	if p.Status >= 400 && p.Status < 500 {
		return t.Errors.BadRequest
	}
	return t.Errors.Internal
}

func (p Error) describe(t *Text) (meta, error) {
	return meta{template: "error", title: p.Words(t).Title, frame: p.Frame, retryAfter: p.RetryAfter}, nil
}
