package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/manifest"
	"github.com/signet-id/signet/pkg/adminclient"
)

// ErrChangesPending is the result of a dry run that was asked to tell whether there is anything to
// do. It is no failure.
var ErrChangesPending = errors.New("there are changes to apply")

// applyFlags are the flags of apply.
type applyFlags struct {
	file                        string
	dryRun, exitCode, allowLoss bool
}

func (c *CLI) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Have tenants, roles, people and clients as a file says",
		Long: `Compares what the file declares with what the server has, prints what has to be done, and does
it. Applied again it changes nothing.

What the file leaves out of a thing stays as it is. A list that it gives, of a tenant's roles or a
client's redirect URIs, is the whole list: when something would be taken away, nothing at all is
changed until you say --allow-loss. Tenants, resource servers and clients that the file does not
mention stay, unless it says under complete that it knows them all.

Secrets are named, never written: {env: SHOP_SECRET} or {file: shop.secret}. A client without one
gets one made, which is printed this once. docs/guides/declarative.md describes the format.

The exit status is 0 when all is done, 1 when something failed or was refused, 2 when the command
line makes no sense, and with --dry-run --exit-code 3 when there is something to do.`,
		Example: `  signet apply -f company.yaml --dry-run
  signet apply -f company.yaml
  signet export | signet apply -f - --dry-run --exit-code    has anything changed?`,
		Args: exactly(),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.file == "" {
			return misuse(cmd, errors.New("name the file: -f company.yaml"))
		}
		if f.exitCode && !f.dryRun {
			return misuse(cmd, errors.New("--exit-code is for --dry-run"))
		}
		return c.apply(cmd.Context(), f)
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "the `file`; - is standard input")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print what would be done, and change nothing")
	fl.BoolVar(&f.exitCode, "exit-code", false, "with --dry-run: exit with 3 when there is something to do")
	fl.BoolVar(&f.allowLoss, "allow-loss", false, "take away what the file's lists do not have")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
	return cmd
}

func (c *CLI) apply(ctx context.Context, f applyFlags) error {
	content, err := readFile(c.Stdin, f.file, manifest.MaxSize)
	if err != nil {
		return errdefs.Say(errdefs.ErrInvalid, err, "--file: %v", err)
	}
	doc, err := manifest.Parse(f.file, content, c.secrets(f.file))
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	changes, err := manifest.Compare(ctx, api, doc)
	if err != nil {
		return c.explain(err)
	}
	if err := changes.Plan.Print(c.Stdout, c.Colour, clean); err != nil {
		return err
	}
	if losses := changes.Plan.Losses(); len(losses) > 0 && !f.allowLoss {
		err := &manifest.LossError{Losses: losses}
		return errdefs.Say(errdefs.ErrDenied, err, "%s\nDeclare it in %s, or say --allow-loss.", clean2(err.Error()), f.file)
	}
	if f.dryRun {
		if f.exitCode && !changes.Plan.Empty() {
			return ErrChangesPending
		}
		return nil
	}
	return c.applied(changes, changes.Apply(ctx, manifest.Options{
		AllowLoss: f.allowLoss,
		Made: func(m manifest.MadeSecret) {
			fmt.Fprintf(c.Stdout, "The client %s has a secret, which is shown this once: %s\n", clean(m.Client), m.Secret.Reveal())
		},
		Oversized: func(o manifest.Oversized) {
			fmt.Fprintf(c.Stderr, "%s: tokens get %s\n", clean(o.Step), clean(sizes([]adminclient.TokenForecast{o.Forecast})))
		},
	}))
}

// applied says how it went.
func (c *CLI) applied(changes *manifest.Comparison, err error) error {
	stopped, ok := errors.AsType[*manifest.StepError](err)
	if !ok {
		if err == nil && !changes.Plan.Empty() {
			fmt.Fprintln(c.Stdout, "Done.")
		}
		return c.explain(err)
	}
	why := c.explain(stopped.Err)
	text := fmt.Sprintf("%s: %v", clean(stopped.Step), why)
	if stopped.Done > 0 {
		text += fmt.Sprintf("\n%d of %d steps were done; apply the file again to go on.", stopped.Done, stopped.Of)
	}
	return errdefs.Say(why, nil, "%s", text)
}

// clean2 is clean for text of several lines.
func clean2(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		out = append(out, clean(line))
	}
	return lines(out)
}

// secrets finds what a document names in the environment, and in files beside it.
func (c *CLI) secrets(document string) manifest.Secrets {
	return manifest.Secrets{
		Env: func(name string) (string, bool) {
			for _, kv := range c.Environ {
				if v, ok := strings.CutPrefix(kv, name+"="); ok {
					return v, true
				}
			}
			return "", false
		},
		File: func(path string) ([]byte, error) {
			if !filepath.IsAbs(path) && document != "-" {
				path = filepath.Join(filepath.Dir(document), path)
			}
			return readFile(strings.NewReader(""), path, 1<<16)
		},
	}
}

func (c *CLI) exportCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what a server has as a file that apply reads",
		Long: `Writes every resource server, tenant, role, person, membership and client that you see. Applied
to the same server it changes nothing; applied to an empty one it makes the same. Secrets and
passwords are not in it: the server itself does not know them.`,
		Example: `  signet export > company.yaml
  signet export -f company.yaml`,
		Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			b, err := manifest.Export(ctx, api)
			if adminclient.IsDenied(err) {
				return errdefs.Say(errdefs.ErrDenied, err, "an export is of the whole installation, which only its administrators see: sign in with --organization signet")
			}
			if err != nil {
				return err
			}
			if file == "" || file == "-" {
				_, err = c.Stdout.Write(b)
				return err
			}
			return replace(file, b)
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "write to this `file`")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
	return cmd
}

// replace writes a file as a whole, or leaves it as it is.
func replace(name string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".signet-export-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}
