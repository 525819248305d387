package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) keysCommand() *cobra.Command {
	return noun("keys", "Keys that sign tokens, and the master key that they are encrypted under",
		`Keys rotate by themselves. These commands say how far they are, and are for the days on which
something else is wanted: docs/guides/keys.md says what to do when something is wrong.

For administrators of the installation.`,
		`  signet keys status
  signet keys rotate
  signet keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs --compromised
  signet keys rewrap`,
		c.keysStatus(), c.keysList(), c.keysRotate(), c.keysRevoke(), c.keysRewrap())
}

type keyColumn = column[adminclient.SigningKey]

func (c *CLI) keysList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys that tokens are signed with", Args: exactly(),
		Long: `Lists the keys that are published or will be. Times ahead are planned. A key goes through these states:

  pending    exists; nobody outside has seen it
  next       published, does not sign yet
  active     signs
  retiring   published for the tokens it signed, signs no more
  removed    not published; what it signed is refused`,
		Example: `  signet keys list
  signet keys list --all -o json`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			page, err := api.ListKeys(ctx)
			if err != nil {
				return err
			}
			if !all {
				page.Items = slices.DeleteFunc(page.Items, removedKey)
			}
			return list(c, each(page.Items),
				keyColumn{"KID", func(k adminclient.SigningKey) string { return k.KID }},
				keyColumn{"ALG", func(k adminclient.SigningKey) string { return k.Algorithm }},
				keyColumn{"STATE", keyState},
				keyColumn{"PUBLISHED", func(k adminclient.SigningKey) string { return when(k.PublishedAt) }},
				keyColumn{"SIGNS FROM", func(k adminclient.SigningKey) string { return when(k.ActivatedAt) }},
				keyColumn{"UNTIL", func(k adminclient.SigningKey) string { return when(k.RetiredAt) }},
				keyColumn{"REMOVED", func(k adminclient.SigningKey) string { return when(k.RemovedAt) }},
				keyColumn{"KEPT BY", func(k adminclient.SigningKey) string { return k.Custodian }},
			)
		}),
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "those that were removed within the last 400 days, too")
	return prints(cmd)
}

func removedKey(k adminclient.SigningKey) bool { return k.State == "removed" }

// keyState is the state with what is remarkable about it.
func keyState(k adminclient.SigningKey) string {
	switch {
	case !k.CompromisedAt.IsZero():
		return k.State + ", stolen"
	case k.Damage != "":
		return k.State + ", damaged"
	}
	return k.State
}

func (c *CLI) keysRotate() *cobra.Command {
	var algorithm string
	cmd := &cobra.Command{
		Use: "rotate", Short: "Let the next key sign as soon as no verifier notices", Args: exactly(),
		Long: `Lets the next key of every algorithm, or of one, take over before its time: at once if it has been
published for as long as keys.lead says, else when it has. No token is refused because of it, so there
is nothing to prepare. A key is always published to sign after that one.

Against a stolen key use signet keys revoke, which does not wait.`,
		Example: `  signet keys rotate
  signet keys rotate --algorithm RS256`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			done, err := creating(func(key adminclient.Option) (adminclient.Page[adminclient.Rotated], error) {
				return api.RotateKeys(ctx, adminclient.RotateKeysBody{Algorithm: algorithm}, key)
			})
			if err != nil {
				return err
			}
			return list(c, each(done.Items),
				column[adminclient.Rotated]{"ALG", func(r adminclient.Rotated) string { return r.Algorithm }},
				column[adminclient.Rotated]{"KID", func(r adminclient.Rotated) string { return r.KID }},
				column[adminclient.Rotated]{"SIGNS FROM", func(r adminclient.Rotated) string { return when(r.SignsAt) }},
				column[adminclient.Rotated]{"", func(r adminclient.Rotated) string {
					return map[bool]string{true: "it signs now", false: "verifiers may lack it until then"}[r.Signs]
				}},
			)
		}),
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "`name` of the algorithm whose key is replaced: ES256, RS256, EdDSA (all that sign, unless given)")
	_ = cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions([]string{"ES256", "RS256", "EdDSA"}, cobra.ShellCompDirectiveNoFileComp))
	return prints(cmd)
}

func (c *CLI) keysRevoke() *cobra.Command {
	var compromised bool
	cmd := &cobra.Command{
		Use: "revoke KID --compromised", Short: "Revoke a stolen key: nothing that it signed counts any more", Args: exactly("kid of the key"),
		ValidArgsFunction: c.completeKey,
		Long: `For a key that somebody else has or may have. There is no way back:

  - the key is no longer published, and every replica refuses what it signed within a second, or a poll
    interval where notifications do not arrive;
  - the next key signs at once. Verifiers have held it for as long as it has been published; if that is less
    than the lead, some refuse its tokens until they have fetched the JWKS;
  - a fresh next key is published, and the private half of the stolen one is destroyed;
  - access tokens that it signed are refused. Applications refresh them; people stay signed in. Your own
    sign-in here is refreshed as well; an access token in SIGNET_TOKEN is not.

Services that verify tokens themselves accept the stolen key until they have fetched the JWKS again; the
answer says how long that may take. To replace a key that nobody stole, use signet keys rotate.`,
		Example: `  signet keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs --compromised`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		if !compromised {
			return misuse(cmd, errors.New("revoking ends every token that the key signed: say --compromised if it was stolen; signet keys rotate replaces a key without breaking anything"))
		}
		k, err := api.GetKey(ctx, args[0])
		if err != nil {
			return err
		}
		if k.CompromisedAt.IsZero() {
			if err := c.confirm("Revoke the %s key %s (%s)? Every token that it signed is refused from now on, for good; applications get new ones by refreshing. %s",
				k.Algorithm, k.KID, k.State, map[bool]string{true: "The next key signs at once.", false: "It does not sign now, so no other takes its place."}[k.State == "active"]); err != nil {
				return err
			}
		}
		done, err := creating(func(key adminclient.Option) (adminclient.RevokedKey, error) {
			return api.RevokeKey(ctx, k.KID, adminclient.RevokeKeyBody{Compromised: true}, key)
		})
		if err != nil {
			return err
		}
		signs, next := "no key", "none yet"
		if done.Signs != nil {
			signs = done.Signs.KID + ", published " + when(done.Signs.PublishedAt)
		}
		if done.Next != nil {
			next = done.Next.KID + ", from " + when(done.Next.ActivatedAt)
		}
		return c.show(done,
			field{"revoked", done.Key.KID}, field{"since", when(done.Key.CompromisedAt)}, field{"signs now", signs}, field{"next", next},
			field{"still accepted", "until " + when(done.FollowersUntil) + " at the latest by verifiers that follow the headers of the JWKS"},
			field{"", "until " + when(done.UnreachableUntil) + " by those of them that cannot reach the issuer"},
			field{"", "until you restart them, by those that follow no headers (docs/guides/keys.md has a list)"},
		)
	})
	cmd.Flags().BoolVar(&compromised, "compromised", false, "somebody else has, or may have, the key")
	return prints(asks(cmd))
}

// ago writes a time as the distance from another, as people say it.
func ago(t, now time.Time) string {
	d := t.Sub(now)
	if d < 0 {
		return span(-d) + " ago"
	}
	return "in " + span(d)
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	parts := units(d)
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// units writes a duration to the second, as days, hours, minutes and seconds.
func units(d time.Duration) []string {
	d = d.Round(time.Second)
	var out []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 || u.size == time.Second && len(out) == 0 {
			out = append(out, fmt.Sprintf("%d%s", n, u.name))
		}
		d %= u.size
	}
	return out
}

// errAttention is the exit status of signet keys status --check.
func errAttention(n int) error {
	return errdefs.Say(errdefs.ErrConflict, nil, "the keys need attention: %d urgent", n)
}
