package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/cli/importjob"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) importCommand() *cobra.Command {
	return noun("import", "Import people from another system", "",
		`  signet import users people.csv --tenant acme
  signet import users realm-export.json --create`,
		c.importUsers())
}

func (c *CLI) importUsers() *cobra.Command {
	var (
		job     importjob.Job
		renamed []string
	)
	cmd := &cobra.Command{
		Use: "users FILE|DIRECTORY", Short: "Import people with their password hashes, from CSV or an export of Keycloak", Args: exactly("file"),
		Long: `Imports people, their password hashes and what they belong to. For administrators of the
installation. People keep their passwords: hashes are stored as they are, and replaced by one of
today's when the person signs in for the first time.

Whoever has an account already keeps it as it is, the password too, and gets the memberships and
roles that they lack; nothing is taken away. So an import may be run again, and an interrupted one
goes on with --resume. Entries that cannot be imported do not stop it: FILE.rejects.csv says where
they are and why, and the exit status is 1.

A CSV file is in UTF-8, with commas, and its first line names the columns, in any order:
` + indented(importer.CSVColumns()) + `
Only email has to be there. tenant is a slug (else that of --tenant); roles are separated by
spaces or semicolons; email_verified and disabled are true or false. Tenants and roles have to
exist. Several rows may be about one person: each adds a membership.

An export of Keycloak is a file with one realm or an array of them, or the directory that was
exported to, whose files *-realm.json and *-users-*.json are read. Each realm becomes a tenant,
its realm roles and groups become roles; --create makes those that are missing. The realm role
"admin" becomes "realm-admin", because "admin" administers the tenant here; --role says otherwise.`,
		Example: `  signet import users people.csv --tenant acme --dry-run
  signet import users people.csv --tenant acme
  signet import users realm-export.json --create --role admin=admin --role internal=
  signet import users people.csv --tenant acme --resume`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) (err error) {
		job.API, job.Path, job.After = api, args[0], time.After
		if job.Roles, err = parseRenames(renamed); err != nil {
			return misuse(cmd, err)
		}
		job.Say = func(format string, args ...any) { fmt.Fprintln(c.Stderr, clean(fmt.Sprintf(format, args...))) }
		if c.Progress {
			bar := &importBar{w: c.Stderr, now: c.Now}
			job.Progress, job.Say = bar, bar.say(job.Say)
		}
		s, err := job.Run(ctx)
		if s.Total() > 0 {
			if err := c.showImport(s); err != nil {
				return err
			}
		}
		if err == nil && s.Rejected > 0 {
			err = errdefs.Say(errdefs.ErrInvalid, nil, "%d of %d entries were rejected: %s says where they are and why", s.Rejected, s.Total(), s.Rejects)
		}
		return err
	})
	f := cmd.Flags()
	f.StringVar(&job.Format, "format", "", "`format`: csv or keycloak (by the name of the file, unless given)")
	c.tenantFlag(cmd, &job.Tenant, "`slug` of the tenant for rows that name none, or for the one realm of an export")
	f.BoolVar(&job.Create, "create", false, "make the tenants and roles of a Keycloak export that are missing")
	f.StringArrayVar(&renamed, "role", nil, "`REALM_ROLE=ROLE` calls a realm role, or a group by its /path, something else; an empty ROLE leaves it out; repeatable")
	f.BoolVar(&job.DryRun, "dry-run", false, "say what would become of each entry, and change nothing")
	f.BoolVar(&job.Resume, "resume", false, "go on where the last import of this file was interrupted")
	f.StringVar(&job.Rejects, "rejects", "", "`file` for the entries that were not imported (FILE.rejects.csv)")
	f.StringVar(&job.State, "state", "", "`file` that notes how far the import is (FILE.signet-import)")
	f.IntVar(&job.Batch, "batch", importer.DefaultBatch, "rows sent at once, at `most`")
	f.IntVar(&job.Parallel, "parallel", importer.DefaultParallel, "batches on their way at once, at `most`")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{importjob.CSV, importjob.Keycloak}, cobra.ShellCompDirectiveNoFileComp))
	return prints(cmd)
}

func indented(columns []string) string {
	half := (len(columns) + 1) / 2
	return "  " + strings.Join(columns[:half], ", ") + ",\n  " + strings.Join(columns[half:], ", ") + "\n"
}

// parseRenames reads OLD=NEW.
func parseRenames(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		from, to, ok := strings.Cut(s, "=")
		if _, twice := out[from]; !ok || from == "" || twice {
			return nil, fmt.Errorf("--role %s: write REALM_ROLE=ROLE, once for each", s)
		}
		out[from] = to
	}
	return out, nil
}

func (c *CLI) showImport(s importjob.Summary) error {
	verb := ""
	if s.DryRun {
		verb = "would be "
	}
	n := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	return c.show(s,
		field{verb + "created", fmt.Sprint(s.Created)}, field{verb + "joined", n(s.Joined)}, field{"unchanged", n(s.Exists)},
		field{"rejected", n(s.Rejected)}, field{"skipped", n(s.Skipped)},
		field{"not imported", lines(s.LeftOut)}, field{"details in", s.Rejects},
	)
}

// importBar shows how far an import is on a terminal.
type importBar struct {
	w     io.Writer
	now   func() time.Time
	bar   *progressbar.ProgressBar
	first int64     // entries at the first batch
	began time.Time // when that was
}

// At draws the bar. The estimate of the time that is left goes by bytes, since rows are not
// counted beforehand.
func (b *importBar) At(read, size int64, t importer.Tally) {
	if b.bar == nil {
		b.first, b.began = t.Total(), b.now()
		b.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(b.w), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionSetPredictTime(true), progressbar.OptionUseANSICodes(false))
	}
	text := fmt.Sprintf("%d rows", t.Total())
	if passed := b.now().Sub(b.began); passed > time.Second {
		text += fmt.Sprintf(", %.0f/s", float64(t.Total()-b.first)/passed.Seconds())
	}
	if t.Rejected > 0 {
		text += fmt.Sprintf(", %d rejected", t.Rejected)
	}
	b.bar.Describe(text)
	_ = b.bar.Set64(min(read, size-1)) // of a terminal: nobody to tell
}

// Done takes the bar away.
func (b *importBar) Done() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// say prints sentences without the bar in the way.
func (b *importBar) say(tell func(string, ...any)) func(string, ...any) {
	return func(format string, args ...any) {
		b.Done()
		tell(format, args...)
	}
}
