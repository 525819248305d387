package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// confirm asks before something is destroyed. A script says --yes.
func (c *CLI) confirm(format string, args ...any) error {
	if c.yes {
		return nil
	}
	question := clean(fmt.Sprintf(format, args...))
	if !c.Interactive {
		return errdefs.Say(errdefs.ErrDenied, nil, "%s There is nobody to ask: say --yes.", question)
	}
	fmt.Fprintf(c.Stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(c.Stdin).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return nil
	} else if err != nil && line == "" {
		fmt.Fprintln(c.Stderr)
	}
	return errdefs.Say(errdefs.ErrDenied, nil, "nothing was changed")
}
