package cli

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) auditCommand() *cobra.Command {
	return noun("audit", "What happened, and who had access to what",
		`Every sign-in, token, administrative act and denial is recorded. Administrators of a tenant
read what concerns it, with the permission audit:read.`,
		`  signet audit list --since 24h
  signet audit list --tenant acme --action role --user ada@acme.example
  signet audit access --tenant acme --on 2026-01-31`,
		c.auditList(), c.auditAccess())
}

func (c *CLI) auditList() *cobra.Command {
	var p adminclient.ListAuditEventsParams
	var since, until string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List what happened, newest first", Args: exactly(),
		Long: `Lists the newest events, 100 unless --limit says otherwise (0: all). Times are written as
2026-01-31, as 2026-01-31T15:04:05Z, or as how long ago: 90m, 24h, 30d.`,
		Example: `  signet audit list --since 24h --action signin
  signet audit list --tenant acme --limit 0 -o json > acme.json`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) (err error) {
			if p.Since, err = c.moment("since", since); err != nil {
				return err
			}
			if p.Until, err = c.moment("until", until); err != nil {
				return err
			}
			if p.User, err = personID(ctx, api, p.User); err != nil {
				return err
			}
			return list(c, first(limit, api.AllAuditEvents(ctx, p)),
				column[adminclient.AuditEvent]{"AT", func(e adminclient.AuditEvent) string { return when(e.At) }},
				column[adminclient.AuditEvent]{"ACTION", func(e adminclient.AuditEvent) string { return e.Action }},
				column[adminclient.AuditEvent]{"WHO", func(e adminclient.AuditEvent) string { return or(e.Actor, or(e.UserID, e.ClientID)) }},
				column[adminclient.AuditEvent]{"TARGET", func(e adminclient.AuditEvent) string { return e.Target }},
				column[adminclient.AuditEvent]{"CLIENT", func(e adminclient.AuditEvent) string { return e.ClientID }},
				column[adminclient.AuditEvent]{"ADDRESS", func(e adminclient.AuditEvent) string { return e.Address }},
				column[adminclient.AuditEvent]{"DETAIL", func(e adminclient.AuditEvent) string { return pairs(e.Detail) }},
			)
		}),
	}
	f := cmd.Flags()
	c.tenantFlag(cmd, &p.Tenant, "only events of this `tenant`")
	f.StringVar(&p.User, "user", "", "only events about this `person`: e-mail address or identifier")
	f.StringVar(&p.Client, "client", "", "only events of this client `id`")
	f.StringVar(&p.Actor, "actor", "", "only what this person or client `id` did to others")
	f.StringVar(&p.Action, "action", "", "only this `action`, or all of a noun")
	f.StringVar(&since, "since", "", "from this `time` on")
	f.StringVar(&until, "until", "", "before this `time`")
	f.IntVar(&limit, "limit", 100, "at most so many `events`; 0 for all")
	return prints(cmd)
}

func (c *CLI) auditAccess() *cobra.Command {
	var p adminclient.ListAccessParams
	var since, until string
	cmd := &cobra.Command{
		Use: "access", Short: "List who had access to what on a day", Args: exactly(),
		Long: `Lists every person of a tenant with each role that they held and each permission that it gave
them, and the part of the day (in UTC) in which all of that stood: the last 24 hours, unless flags
say otherwise.`,
		Example: `  signet audit access --tenant acme --on 2026-01-31
  signet audit access --tenant acme --user ada@acme.example --since 30d`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) (err error) {
			if p.Since, err = c.moment("since", since); err != nil {
				return err
			}
			if p.Until, err = c.moment("until", until); err != nil {
				return err
			}
			if p.On == "" && p.Until.IsZero() {
				p.Until = c.Now()
			}
			if p.On == "" && p.Since.IsZero() {
				p.Since = p.Until.Add(-24 * time.Hour)
			}
			if p.User, err = personID(ctx, api, p.User); err != nil {
				return err
			}
			if p.Tenant, err = c.tenantOr(p.Tenant); err != nil {
				return err
			}
			return list(c, api.AllAccess(ctx, p),
				column[adminclient.Access]{"WHO", func(a adminclient.Access) string { return or(a.Email, a.UserID) }},
				column[adminclient.Access]{"ROLE", func(a adminclient.Access) string { return a.Role }},
				column[adminclient.Access]{"THROUGH", func(a adminclient.Access) string { return a.Through }},
				column[adminclient.Access]{"AUDIENCE", func(a adminclient.Access) string { return a.Audience }},
				column[adminclient.Access]{"PERMISSION", func(a adminclient.Access) string { return a.Permission }},
				column[adminclient.Access]{"SINCE", func(a adminclient.Access) string { return when(a.Since) }},
				column[adminclient.Access]{"UNTIL", func(a adminclient.Access) string { return when(a.Until) }},
				column[adminclient.Access]{"GRANTED BY", func(a adminclient.Access) string { return a.GrantedBy }},
			)
		}),
	}
	f := cmd.Flags()
	c.tenantFlag(cmd, &p.Tenant, "the `tenant`"+ownTenant)
	f.StringVar(&p.User, "user", "", "only this `person`: e-mail address or identifier")
	f.StringVar(&p.On, "on", "", "the `day`, as in 2026-01-31")
	f.StringVar(&since, "since", "", "instead of a day: from this `time` on")
	f.StringVar(&until, "until", "", "instead of a day: before this `time`")
	return prints(cmd)
}

func pairs(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return words(out)
}

// moment reads a time from a flag: a day, an instant, or how long ago.
func (c *CLI) moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days && n >= 0 {
			return c.Now().AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return c.Now().Add(-ago), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errdefs.Say(errdefs.ErrInvalid, nil, "--%s %s: write 2026-01-31, 2026-01-31T15:04:05Z, or how long ago as in 24h or 30d", flag, text)
}

// first ends a list after n entries; 0 is all of it.
func first[T any](n int, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	if n <= 0 {
		return all
	}
	return func(yield func(T, error) bool) {
		left := n
		for v, err := range all {
			if !yield(v, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
