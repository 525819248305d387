package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) keysRewrap() *cobra.Command {
	return prints(&cobra.Command{
		Use: "rewrap", Short: "Bring what is encrypted in the database under the present master key", Args: exactly(),
		Long: `Once keys.master is a new key and the former one is among keys.master_previous on every replica, what
was encrypted before is still under the former key. This brings it under the new one, while
everything goes on; it may be interrupted and run again. When it says that nothing is left, the
former key can be taken out of the settings. The steps are in docs/operations.md, "Replacing the
master key".

The exit status is 1 when something is left: values that cannot be opened, which are listed, or
values that a replica has encrypted meanwhile that does not have the new key as keys.master yet.`,
		Example: `  signet keys rewrap`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			done, err := c.rewrap(ctx, api)
			if done.MasterKey == "" {
				return err
			}
			if err := c.showRewrapped(done); err != nil {
				return err
			}
			switch {
			case err != nil:
				return err
			case len(done.Damaged) > 0:
				return errdefs.Say(errdefs.ErrInvalid, nil, "what is listed cannot be brought under master key %s: keep the former keys until you know what to do about it", done.MasterKey)
			case done.Remaining > 0:
				return errdefs.Say(errdefs.ErrConflict, nil, "something was under a former key again, or was being changed: make sure that every replica has master key %s as keys.master, and run this again", done.MasterKey)
			}
			c.say("Nothing is left under a former key.")
			return nil
		}),
	})
}

// rewrapPasses is how often everything is gone through when something was sealed or held by others
// meanwhile.
const rewrapPasses = 3

// rewrap goes through everything, and again for what was in use. What it returns with an error is
// what was done until then.
func (c *CLI) rewrap(ctx context.Context, api *adminclient.Client) (all adminclient.Rewrapped, err error) {
	bar := &rewrapBar{CLI: c}
	defer bar.done()
	for range rewrapPasses {
		all.Damaged = []adminclient.DamagedSealed{}
		for cursor := ""; ; {
			piece, err := api.RewrapKeys(ctx, adminclient.RewrapKeysBody{Cursor: cursor})
			if err != nil {
				return all, err
			}
			all.MasterKey, all.Remaining = piece.MasterKey, piece.Remaining
			all.Rewrapped += piece.Rewrapped
			all.Damaged = append(all.Damaged, piece.Damaged...)
			bar.at(all)
			if cursor = piece.NextCursor; cursor == "" {
				break
			}
		}
		if all.Remaining <= int64(len(all.Damaged)) {
			break
		}
	}
	return all, nil
}

func (c *CLI) showRewrapped(r adminclient.Rewrapped) error {
	damaged := make([]string, len(r.Damaged))
	for i, d := range r.Damaged {
		damaged[i] = fmt.Sprintf("%s %s: %s", d.Table, d.Row, d.Reason)
	}
	return c.show(r,
		field{"master key", r.MasterKey}, field{"rewrapped", fmt.Sprint(r.Rewrapped)}, field{"remaining", fmt.Sprint(r.Remaining)},
		field{"left as they are", lines(damaged)},
	)
}

// rewrapBar shows on a terminal how far it is.
type rewrapBar struct {
	*CLI
	bar *progressbar.ProgressBar
}

func (b *rewrapBar) at(r adminclient.Rewrapped) {
	if !b.Progress {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions(0, progressbar.OptionSetWriter(b.Stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionUseANSICodes(false))
	}
	b.bar.ChangeMax64(r.Rewrapped + r.Remaining + 1) // one to come, so that it stays until it is taken away
	_ = b.bar.Set64(r.Rewrapped)                     // of a terminal: nobody to tell
}

func (b *rewrapBar) done() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
