package cli

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
)

// OpenBrowser opens an address with the desktop's own program. It does not wait for it.
func OpenBrowser(getenv func(string) string) func(ctx context.Context, address string) error {
	return func(_ context.Context, address string) error {
		var cmd *exec.Cmd
		switch {
		case runtime.GOOS == "darwin":
			cmd = exec.Command("open", address) //nolint:noctx // it outlives the command
		case getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "":
			cmd = exec.Command("xdg-open", address) //nolint:noctx // it outlives the command
		default:
			return errors.New("there is no desktop here")
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { _ = cmd.Wait() }() // so that it leaves no zombie
		return nil
	}
}
