package adminapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/ratelimit"
)

// Budgets hold off those who have letters sent to whomever they choose; package ratelimit
// implements it.
type Budgets interface {
	Spend(ctx context.Context, budgets []ratelimit.Budget, now time.Time) (ratelimit.Decision, error)
	Return(ctx context.Context, budgets []ratelimit.Budget, now time.Time) error
}

// What invitations are counted by.
const (
	byMailbox ratelimit.Kind = "mailbox"
	byTenant  ratelimit.Kind = "tenant"
)

// mailbox is the budget of one address for the invitations of one tenant: no tenant takes anything
// from another, nor learns what another sends there.
func mailbox() ratelimit.Policy {
	return ratelimit.Policy{Free: 5, Base: 10 * time.Minute, Max: 24 * time.Hour, Window: 24 * time.Hour, Sliding: true}
}

// sending is a letter that has been counted, or is refused.
type sending struct {
	api     *API
	budgets []ratelimit.Budget
	refusal error // nil: it may be sent
}

// toSend counts an invitation to an address. It is counted before it is stored, so that many at
// once do not all pass, and given back by unsent.
func (a *API) toSend(ctx context.Context, tenant id.Tenant, email string) (sending, error) {
	to, err := directory.NormalizeEmail(email)
	if err != nil {
		return sending{}, err
	}
	s := sending{api: a, budgets: []ratelimit.Budget{
		{Kind: byMailbox, Name: tenant.String() + " " + to, Policy: mailbox()},
		{Kind: byTenant, Name: tenant.String(), Policy: ratelimit.Policy{
			Free: a.InvitationsADay, Base: time.Hour, Max: time.Hour, Window: 24 * time.Hour,
		}},
	}}
	d, err := a.Budgets.Spend(ctx, s.budgets, a.Now())
	if err != nil || d.Allowed {
		return s, err
	}
	text := "Invitations were sent to this address a moment ago. Wait before you send another."
	if d.By == byTenant {
		text = "The tenant has sent as many invitations as it may in a day. Wait before you send another."
	}
	a.Log.WarnContext(ctx, "invitation held off", "tenant", tenant.String(), "by", string(d.By), "retry_after", d.RetryAfter)
	return sending{api: a, refusal: tooMany(d, text)}, nil
}

// tooMany refuses what was held off.
func tooMany(d ratelimit.Decision, text string) error {
	wait := int64((d.RetryAfter + time.Second - 1) / time.Second)
	return &Problem{
		Status: http.StatusTooManyRequests, headers: http.Header{"Retry-After": {strconv.FormatInt(wait, 10)}}, Detail: text,
	}
}

// unsent gives the letter back that was not sent after all.
func (s sending) unsent(ctx context.Context) {
	if len(s.budgets) == 0 {
		return
	}
	if err := s.api.Budgets.Return(context.WithoutCancel(ctx), s.budgets, s.api.Now()); err != nil {
		s.api.Log.WarnContext(ctx, "an invitation that was not sent stays counted", "error", err)
	}
}
