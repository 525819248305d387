package cli

import "github.com/spf13/cobra"

func (c *CLI) keysCommand() *cobra.Command {
	return noun("keys", "Keys that sign tokens, and the master key that they are encrypted under",
		`Keys rotate by themselves. These commands say how far they are, and are for the days on which
something else is wanted.

For administrators of the installation.`,
		`  signet keys rewrap`,
		c.keysRewrap())
}
