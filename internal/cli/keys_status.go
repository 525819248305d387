package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) keysStatus() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the rotation of keys stands, and what needs attention", Args: exactly(),
		Long: `Says which keys sign, what happens next by itself, who among the verifiers was seen without a key, and,
first of all, what is wrong and what to do about it. It is how things look to the replica that answers.

With --check the exit status is 1 when something urgent is listed, for monitoring without metrics.`,
		Example: `  signet keys status
  signet keys status --check -o json`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			s, err := api.GetKeysStatus(ctx)
			if err != nil {
				return err
			}
			if c.format == "json" {
				err = c.show(s)
			} else {
				err = c.showStatus(s)
			}
			urgent := 0
			for _, a := range s.Attention {
				if a.Urgent {
					urgent++
				}
			}
			if err == nil && check && urgent > 0 {
				err = errAttention(urgent)
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&check, "check", false, "exit with 1 when something urgent is listed")
	return prints(cmd)
}

// showStatus prints what is wrong, then the keys of each algorithm, then what holds for all.
func (c *CLI) showStatus(s adminclient.KeysStatus) error {
	c.showAttention(s.Attention)
	var fields []field
	for _, r := range s.Rings {
		fields = append(fields, ringFields(r, s)...)
	}
	fields = append(fields, scheduleFields(s)...)
	return c.show(s, fields...)
}

func (c *CLI) showAttention(found []adminclient.Attention) {
	if len(found) == 0 {
		c.say("All is well.")
	}
	for _, a := range found {
		mark := "NOTE "
		if a.Urgent {
			mark = "LOOK "
			if c.Colour {
				mark = bold(mark)
			}
		}
		fmt.Fprintln(c.Stdout, mark+clean(a.Text))
		if a.KID != "" {
			fmt.Fprintln(c.Stdout, "     key "+clean(a.KID))
		}
		fmt.Fprintln(c.Stdout, "     "+clean(a.Do))
	}
	fmt.Fprintln(c.Stdout)
}

func ringFields(r adminclient.KeyRing, s adminclient.KeysStatus) []field {
	out := []field{{r.Algorithm, describeRing(r, s)}}
	at := func(t time.Time) string { return when(t) + " (" + ago(t, s.Now) + ")" }
	if k := r.Active; k != nil {
		out = append(out, field{"  signs", k.KID + kept(k.Custodian)}, field{"", "since " + at(k.ActivatedAt)}, field{"", heldBy(k.Held)})
	} else {
		out = append(out, field{"  signs", "none"})
	}
	if k := r.Next; k != nil {
		out = append(out, field{"  next", k.KID + kept(k.Custodian)}, field{"", "published " + at(k.PublishedAt) + ", signs " + at(k.ActivatedAt)})
		if k.EarliestAt.Before(k.ActivatedAt) && k.EarliestAt.After(s.Now) {
			out = append(out, field{"", "could sign from " + at(k.EarliestAt) + " on"})
		} else if k.EarliestAt.Before(k.ActivatedAt) {
			out = append(out, field{"", "could sign at once (signet keys rotate)"})
		}
		out = append(out, field{"", heldBy(k.Held)})
		if k.Held != nil {
			for _, l := range k.Held.Laggards {
				out = append(out, field{"", "  without it: " + l.Address + " " + l.Agent + ", seen " + ago(l.SeenAt, s.Now)})
			}
		}
	} else {
		out = append(out, field{"  next", "none"})
	}
	for _, k := range r.Retiring {
		removed := "removed when it is certain that nothing is signed with it any more"
		if !k.RemovedAt.IsZero() {
			removed = "removed " + at(k.RemovedAt)
		}
		out = append(out, field{"  retiring", k.KID}, field{"", removed})
	}
	if n := r.NextStep; n != nil {
		out = append(out, field{"  next step", at(n.At) + ": " + shorter(n.KID) + " becomes " + n.State})
	}
	return out
}

func describeRing(r adminclient.KeyRing, s adminclient.KeysStatus) string {
	var parts []string
	if r.Algorithm == s.DefaultAlgorithm {
		parts = append(parts, "the default")
	}
	if !r.Configured {
		parts = append(parts, "not in keys.algorithms")
	}
	if r.Clients > 0 || r.ResourceServers > 0 {
		parts = append(parts, fmt.Sprintf("chosen by %d clients, %d resource servers", r.Clients, r.ResourceServers))
	}
	return or(strings.Join(parts, "; "), "for those who choose it")
}

func kept(by string) string {
	if by == "" {
		return ""
	}
	return " (kept by " + by + ")"
}

func heldBy(h *adminclient.KeyAdoption) string {
	switch {
	case h == nil:
		return ""
	case h.Holding+h.Lacking == 0:
		return "no verifier was seen within a day"
	}
	return fmt.Sprintf("of the verifiers seen within a day, %d have it and %d did not when they last asked", h.Holding, h.Lacking)
}

// shorter is enough of a kid to find it in the lines above.
func shorter(kid string) string {
	if len(kid) > 12 {
		return kid[:12] + "…"
	}
	return kid
}

func scheduleFields(s adminclient.KeysStatus) []field {
	seconds := func(n float64) string { return strings.Join(units(time.Duration(n*float64(time.Second))), " ") }
	signs := "yes"
	if !s.MaySign {
		signs = "NO: the keys were not loaded for too long"
	}
	out := []field{
		{"schedule", "a key signs for " + seconds(s.Schedule.Period) + ", is published " + seconds(s.Schedule.Lead) + " before (at least " + seconds(s.Schedule.MinLead) +
			") and " + seconds(s.Schedule.Removal) + " after (at least " + seconds(s.Schedule.MinRemoval) + ")"},
		{"JWKS", s.Schedule.CacheControl},
		{"this replica", "may sign: " + signs},
		{"", "loaded the keys " + ago(s.LoadedAt, s.Now) + "; without the database it signs for " + seconds(s.Schedule.Lease)},
		{"", fmt.Sprintf("the database's clock is %+.3f s from its own", s.ClockOffset)},
		{"master key", s.MasterKey},
	}
	for _, m := range s.OtherMasterKeys {
		out = append(out, field{"", fmt.Sprintf("%d values are under %s", m.Values, or(m.MasterKey, "none that can be read"))})
	}
	return out
}
