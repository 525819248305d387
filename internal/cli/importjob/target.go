package importjob

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/pkg/adminclient"
)

// attempts is how often a batch is sent while the server cannot answer: for a quarter of a minute,
// in which a replica is replaced or a database changes over.
const attempts = 6

// target sends batches to the administration.
type target struct {
	api     *adminclient.Client
	dry     bool
	missing missing // in a dry run, what would have been made before
	after   func(time.Duration) <-chan time.Time
}

// ImportUsers sends a batch. Sending one again changes nothing that it did the first time.
func (t target) ImportUsers(ctx context.Context, rows []importer.Row) ([]importer.Outcome, error) {
	body := adminclient.ImportUsersBody{Rows: make([]adminclient.ImportRow, len(rows))}
	if t.dry {
		body.DryRun = true
	}
	for i, r := range rows {
		body.Rows[i] = t.row(r)
	}
	wait := 500 * time.Millisecond
	for attempt := 1; ; attempt++ {
		answer, err := t.api.ImportUsers(ctx, body)
		if err == nil {
			return outcomes(answer.Outcomes), nil
		}
		pause, again := worthTrying(err, wait)
		if !again || attempt == attempts || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-t.after(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wait *= 2
	}
}

// worthTrying reports whether the same request may be answered later, and how much.
func worthTrying(err error, wait time.Duration) (time.Duration, bool) {
	if p, ok := errors.AsType[*adminclient.Problem](err); ok {
		again := slices.Contains([]int{
			http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, p.Status)
		return max(wait, min(p.RetryAfter, time.Minute)), again
	}
	_, network := errors.AsType[*url.Error](err)
	return wait, network
}

func (t target) row(r importer.Row) adminclient.ImportRow {
	out := adminclient.ImportRow{
		Email: r.Email, EmailVerified: r.EmailVerified, Name: r.Name, GivenName: r.GivenName, FamilyName: r.FamilyName,
		Picture: r.Picture, Locale: r.Locale, PasswordHash: r.PasswordHash, Disabled: r.Disabled,
	}
	for _, m := range r.Memberships {
		if t.missing.tenants[m.Tenant] {
			continue
		}
		roles := m.Roles
		if len(t.missing.roles) > 0 {
			roles = slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return t.missing.roles[[2]string{m.Tenant, role}] })
		}
		out.Memberships = append(out.Memberships, adminclient.ImportMembership{Tenant: m.Tenant, Roles: roles})
	}
	return out
}

func outcomes(in []adminclient.ImportOutcome) []importer.Outcome {
	out := make([]importer.Outcome, len(in))
	for i, o := range in {
		user, _ := id.ParseUser(o.User) // absent when rejected
		out[i] = importer.Outcome{Status: importer.Status(o.Status), User: user, Reason: o.Reason}
	}
	return out
}
