package main

import (
	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and document the configuration",
		Long: `Settings come from a YAML file (--config), from environment variables, or from both; the
environment wins. Every secret can be read from a file: append _file to its path or _FILE to
its variable.`,
		Example: `  signet config check --config signet.yaml
  SIGNET_ISSUER=https://id.example.com signet config check
  signet config docs > configuration.md`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check",
			Short: "Print every fault, or the effective configuration with secrets redacted",
			Long: `Reads the configuration as signet serve would and reports every fault at once. When there
is none it prints the effective configuration, defaults included and secrets redacted.`,
			Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				c, err := p.load(config.Serve)
				if err != nil {
					return err
				}
				return c.WriteEffective(p.stdout)
			},
		},
		&cobra.Command{
			Use:   "docs",
			Short: "Print the table of all settings in Markdown",
			Args:  noArgs,
			RunE:  func(*cobra.Command, []string) error { return config.WriteDocs(p.stdout) },
		},
	)
	return cmd
}
