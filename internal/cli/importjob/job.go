// Package importjob imports the people of a file into a running installation: it opens the file,
// sends it in batches, shows how far it is, reports each entry that was not imported, and keeps a
// note of where it is so that it can go on after an interruption.
//
// What files say is package importer; the administration does the rest. Memory does not depend on
// the size of the file.
//
//	job.go      the order of things
//	tenants.go  the tenants and roles that a Keycloak export needs
//	target.go   a batch over the administration, tried again while the server cannot answer
//	state.go    where an import is, in a file
//	rejects.go  what was not imported, in a file
package importjob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/pkg/adminclient"
)

// The formats of files.
const (
	CSV      = "csv"
	Keycloak = "keycloak"
)

// Job is one import of one file.
type Job struct {
	API *adminclient.Client

	Path   string
	Format string            // "" goes by the name of the file
	Tenant string            // slug; see importer.NewCSV and importer.KeycloakOptions
	Roles  map[string]string // see importer.KeycloakOptions
	Create bool              // makes the tenants and roles of a Keycloak export that are missing
	DryRun bool              // says what would become of each entry
	Resume bool              // goes on where the last import of this file was interrupted

	Rejects string // where to write what was not imported; "" is beside the file
	State   string // where to note how far it is; "" is beside the file

	Batch, Parallel int // see importer.Run

	Say      func(format string, args ...any) // tells the person; a sentence at a time
	Progress Progress                         // nil shows none
	After    func(time.Duration) <-chan time.Time
}

// Progress shows how far an import is.
type Progress interface {
	// At says how much of the file has been read, in bytes, and what became of its entries. It is
	// called after each batch, never twice at once.
	At(read, size int64, t importer.Tally)
	// Done is called once, at the end.
	Done()
}

// Summary is what became of a file.
type Summary struct {
	importer.Tally
	DryRun  bool     `json:"dry_run,omitempty"`
	Rejects string   `json:"rejects,omitempty"`  // the file that says which entries were not imported
	LeftOut []string `json:"left_out,omitempty"` // what of those who were imported was not
}

// Run imports. An error says why it ended before the end of the file; entries that were rejected
// are none. The summary is that of all runs of the file, with Resume.
func (j Job) Run(ctx context.Context) (Summary, error) {
	f, size, err := open(j.Path)
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = f.Close() }() // it was read only
	if j.Format == "" {
		if j.Format, err = formatOf(j.Path); err != nil {
			return Summary{}, err
		}
	}
	if j.Rejects == "" {
		j.Rejects = j.Path + ".rejects.csv"
	}
	if j.State == "" {
		j.State = j.Path + ".signet-import"
	}
	if err := checkRejects(j.Rejects); err != nil {
		return Summary{}, err
	}
	digest, err := digestOf(ctx, f)
	if err != nil {
		return Summary{}, err
	}
	counted := &counter{r: f}
	source, target, err := j.source(ctx, f, counted)
	if err != nil {
		return Summary{}, err
	}
	state, err := j.begin(digest)
	if err != nil {
		return Summary{}, err
	}
	out := &rejects{path: j.Rejects, size: state.RejectsBytes, kept: state.RejectsBytes > 0}
	defer func() { _ = out.close() }() // an error of it was seen when it was last written
	if j.Progress != nil {
		defer j.Progress.Done()
	}
	tally, err := importer.Run{
		Source: source, Target: target, Batch: j.Batch, Parallel: j.Parallel, After: state.Tally,
		Settled: func(tally importer.Tally, refused []importer.Refusal) error {
			if j.Progress != nil {
				j.Progress.At(counted.n, size, tally)
			}
			if err := out.write(refused); err != nil {
				return fmt.Errorf("%s: %w", j.Rejects, err)
			}
			state.Tally, state.RejectsBytes = tally, out.size
			return j.keep(state)
		},
	}.Do(ctx)
	s := Summary{Tally: tally, DryRun: j.DryRun}
	if out.size > 0 {
		s.Rejects = j.Rejects
	}
	if k, ok := source.(*importer.Keycloak); ok {
		s.LeftOut = k.LeftOut()
	}
	return s, j.end(ctx, err, s)
}

// end explains why an import ended, and forgets where it was when it is through.
func (j Job) end(ctx context.Context, err error, s Summary) error {
	if err == nil {
		return j.forget()
	}
	if j.DryRun {
		return err
	}
	if ctx.Err() != nil {
		return errdefs.Say(errdefs.ErrUnavailable, err, "interrupted after %d entries; go on with the same command and --resume", s.Total())
	}
	if s.Total() > 0 {
		j.Say("%d entries are imported; go on with the same command and --resume.", s.Total())
	}
	return err
}

func open(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errdefs.Say(errdefs.ErrInvalid, nil, "%s is no regular file: it is read more than once", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func formatOf(path string) (string, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".tsv":
		return CSV, nil
	case ".json":
		return Keycloak, nil
	}
	return "", errdefs.Say(errdefs.ErrInvalid, nil, "%s: say what it is: --format csv or --format keycloak", path)
}

// digestOf recognises the content of a file.
func digestOf(ctx context.Context, f *os.File) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, &counter{r: f, ctx: ctx}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), rewind(f)
}

func rewind(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// source opens the entries, and says who takes them.
func (j Job) source(ctx context.Context, f *os.File, counted *counter) (importer.Source, target, error) {
	to := target{api: j.API, dry: j.DryRun, after: j.After}
	switch j.Format {
	case CSV:
		if j.Create || len(j.Roles) > 0 {
			return nil, to, errdefs.Say(errdefs.ErrInvalid, nil, "tenants and roles are made and renamed for --format keycloak only")
		}
		source, err := importer.NewCSV(counted, j.Tenant)
		return source, to, err
	case Keycloak:
		x, err := importer.SurveyKeycloak(&counter{r: f, ctx: ctx}, importer.KeycloakOptions{Tenant: j.Tenant, Roles: j.Roles})
		if err == nil {
			err = rewind(f)
		}
		if err != nil {
			return nil, to, err
		}
		to.missing, err = j.prepare(ctx, x)
		return x.People(counted), to, err
	}
	return nil, to, errdefs.Say(errdefs.ErrInvalid, nil, "--format %s: use csv or keycloak", j.Format)
}

// counter counts what is read of a file, and stops reading when its context ends.
type counter struct {
	r   io.Reader
	n   int64
	ctx context.Context //nolint:containedctx // of one read of the whole file
}

func (c *counter) Read(p []byte) (int, error) {
	if c.ctx != nil && c.ctx.Err() != nil {
		return 0, c.ctx.Err()
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
