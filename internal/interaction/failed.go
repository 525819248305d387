package interaction

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/ui"
)

// failed is a failure with what its page says besides the reason.
type failed struct {
	connector.Failure
	email string // that the provider told us
	// retryAfter is how long to wait, of one that is Throttled.
	retryAfter time.Duration
	page       ui.UpstreamReason // when the reason alone does not say it
}

// Unwrap lets connector.ReasonOf find the failure.
func (f *failed) Unwrap() error { return &f.Failure }

// upstreamFailed answers an attempt through c that came to nothing, so that trying again works and
// what it was for is not lost. held says that it goes on record: the browser brought a state of ours,
// or was about to get one.
func (i *Interaction) upstreamFailed(w http.ResponseWriter, r *http.Request, c connector.Connector, y way, err error, held bool) error {
	i.recordFailure(r, c, y, err, held)
	reason := connector.ReasonOf(err)
	page, status := failurePage(reason)
	_, requestID := i.Caller(r.Context())
	p := ui.UpstreamFailed{
		Frame: i.frameOf(y), Reason: page, Provider: c.Name, Retry: y.form(upstreamPath(c.Reference)),
		BackURL: y.otherWays(c), RequestID: requestID,
	}
	if f, ok := errors.AsType[*failed](err); ok {
		p.Email, p.Reason, p.RetryAfter = f.email, cmp.Or(f.page, page), f.retryAfter
	}
	if reason == connector.Internal && (errors.Is(err, errdefs.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) {
		status = http.StatusServiceUnavailable
	}
	if !y.user.IsZero() {
		p.BackURL, p.ToAccount = pathAccount, true
		p.Retry = ui.Form{Action: pathConnect, Hidden: []ui.Hidden{{Name: ui.FieldConnector, Value: c.Reference}}}
	}
	switch {
	case page == ui.UpstreamOff || p.Reason == ui.UpstreamSignedOut:
		p.Retry = ui.Form{}
	case p.Other():
		p.Retry.Hidden = append(p.Retry.Hidden, ui.Hidden{Name: fieldSwitch, Value: "1"})
	}
	if !acceptsHTML(r) {
		writeJSON(w, &pageError{status: status, code: "access_denied", description: "the sign-in at the provider did not succeed", retryAfter: p.RetryAfter})
		return nil
	}
	i.render(w, r, status, p)
	return nil
}

// failurePage is the page of a reason, and its status. What the people have to look at who set the
// connector up is no fault of this server's.
func failurePage(r connector.Reason) (ui.UpstreamReason, int) {
	switch r {
	case connector.Unreachable, connector.Unavailable:
		return ui.UpstreamDown, http.StatusServiceUnavailable
	case connector.Throttled:
		return ui.UpstreamThrottled, http.StatusTooManyRequests
	case connector.Expired:
		return ui.UpstreamExpired, http.StatusBadRequest
	case connector.Cancelled, connector.Refused:
		return ui.UpstreamRefused, http.StatusForbidden
	case connector.CodeRefused, connector.Unauthorized, connector.Metadata, connector.BadToken, connector.Clock, connector.WrongIssuer, connector.BadAnswer:
		return ui.UpstreamBroken, http.StatusBadRequest
	case connector.NotFresh:
		return ui.UpstreamNotFresh, http.StatusBadRequest
	case connector.WrongDomain:
		return ui.UpstreamDomain, http.StatusForbidden
	case connector.NoAddress:
		return ui.UpstreamNoAddress, http.StatusForbidden
	case connector.NotLinked:
		return ui.UpstreamUnknown, http.StatusForbidden
	case connector.NotVouched:
		return ui.UpstreamUnvouched, http.StatusForbidden
	case connector.AccountOff:
		return ui.UpstreamDisabled, http.StatusForbidden
	case connector.SwitchedOff:
		return ui.UpstreamOff, http.StatusForbidden
	case connector.LinkedElse:
		return ui.UpstreamTaken, http.StatusConflict
	}
	return ui.UpstreamOurs, http.StatusInternalServerError
}

// recordFailure counts a failure and says it in the log; on record too if it was held. Anybody can
// call back without a state, as often as they like.
func (i *Interaction) recordFailure(r *http.Request, c connector.Connector, y way, err error, held bool) {
	ctx, reason := r.Context(), connector.ReasonOf(err)
	i.Observer.UpstreamSignIn(c.Reference, string(reason))
	level := i.Log.WarnContext
	switch reason {
	case connector.Internal:
		level = i.Log.ErrorContext
	case connector.Cancelled, connector.Expired:
		level = i.Log.InfoContext
	}
	level(ctx, "sign-in through a connector failed", "connector", c.Reference, "reason", string(reason), "error", err)
	if !held {
		return
	}
	e := audit.Event{
		At: i.Now(), Action: audit.UpstreamFailed, Client: i.clientOf(y), User: y.user, Tenant: c.Joins, Target: c.ID.String(),
		Detail: map[string]string{"connector": c.Reference, "reason": string(reason)},
	}
	if f, ok := errors.AsType[*connector.Failure](err); ok {
		e.Detail["text"] = clip(f.Text, maxTold)
	}
	i.Audit.Record(context.WithoutCancel(ctx), e)
}
