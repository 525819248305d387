package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/telemetry"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := build()
			_, err := fmt.Fprintf(p.stdout, "signet %s (%s, %s)\n", b.Version, b.Revision, b.GoVersion)
			return err
		},
	}
}

// version and revision are set by the linker where Go finds no repository to ask, as in the
// Dockerfile: -ldflags "-X main.version=v1.2.3 -X main.revision=0123456789ab".
var version, revision string //nolint:gochecknoglobals // the linker can set nothing else

// build reads what the Go linker recorded about this binary.
func build() telemetry.Build {
	b := telemetry.Build{Version: "devel", Revision: "unknown", GoVersion: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.GoVersion = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.Revision += "+changes"
	}
	b.Version = cmp.Or(version, b.Version)
	b.Revision = cmp.Or(revision, b.Revision)
	return b
}
