// Package importjob imports the people of a file into a running installation: it opens the file,
// sends it in batches, shows how far it is, reports each entry that was not imported, and keeps a
// note of where it is so that it can go on after an interruption.
//
// What files say is package importer; the administration does the rest. Memory does not depend on
// the size of the file.
//
//	job.go      the order of things
//	files.go    the files that are read, one after the other
//	tenants.go  the tenants and roles that a Keycloak export needs
//	target.go   a batch over the administration, tried again while the server cannot answer
//	state.go    where an import is, in a file
//	rejects.go  what was not imported, in a file
package importjob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
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

	Path   string            // a file, or a directory with the files of a Keycloak export
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
func (j Job) Run(ctx context.Context) (s Summary, err error) {
	in, err := look(j.Path)
	if err != nil {
		return s, err
	}
	if j.Format == "" {
		if j.Format, err = in.format(); err != nil {
			return s, err
		}
	}
	beside := filepath.Clean(j.Path)
	if j.Rejects == "" {
		j.Rejects = beside + ".rejects.csv"
	}
	if j.State == "" {
		j.State = beside + ".signet-import"
	}
	if err := checkRejects(j.Rejects); err != nil {
		return s, err
	}
	digest, err := in.digest(ctx)
	if err != nil {
		return s, err
	}
	source, to, export, err := j.source(ctx, in)
	if err != nil {
		return s, err
	}
	defer func() { _ = source.Close() }() // it was read only
	state, err := j.begin(digest)
	if err != nil {
		return s, err
	}
	out := &rejects{path: j.Rejects, size: state.RejectsBytes, kept: state.RejectsBytes > 0}
	defer func() { _ = out.close() }() // an error of it was seen when it was last written
	if j.Progress != nil {
		defer j.Progress.Done()
	}
	tally, err := importer.Run{
		Source: source, Target: to, Batch: j.Batch, Parallel: j.Parallel, After: state.Tally,
		Settled: func(tally importer.Tally, refused []importer.Refusal) error {
			if j.Progress != nil {
				j.Progress.At(in.read.Load(), in.size, tally)
			}
			if err := out.write(refused); err != nil {
				return fmt.Errorf("%s: %w", j.Rejects, err)
			}
			state.Tally, state.RejectsBytes = tally, out.size
			return j.keep(state)
		},
	}.Do(ctx)
	s = Summary{Tally: tally, DryRun: j.DryRun}
	if out.size > 0 {
		s.Rejects = j.Rejects
	}
	if export != nil {
		s.LeftOut = export.LeftOut()
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

// source opens the entries, and says who takes them.
func (j Job) source(ctx context.Context, in *input) (*entries, target, *importer.Export, error) {
	to := target{api: j.API, dry: j.DryRun, after: j.After}
	switch j.Format {
	case CSV:
		if j.Create || len(j.Roles) > 0 {
			return nil, to, nil, errdefs.Say(errdefs.ErrInvalid, nil, "tenants and roles are made and renamed for --format keycloak only")
		}
		if in.names[0] != "" {
			return nil, to, nil, errdefs.Say(errdefs.ErrInvalid, nil, "%s is a directory: name one file", j.Path)
		}
		source := &entries{in: in, open: func(_ int, r io.Reader) (importer.Source, error) { return importer.NewCSV(r, j.Tenant) }}
		if err := source.advance(); err != nil { // a header is refused at once
			return nil, to, nil, errors.Join(err, source.Close())
		}
		return source, to, nil, nil
	case Keycloak:
		x, err := in.survey(ctx, importer.KeycloakOptions{Tenant: j.Tenant, Roles: j.Roles})
		if err != nil {
			return nil, to, nil, err
		}
		to.missing, err = j.prepare(ctx, x)
		return &entries{in: in, open: func(i int, r io.Reader) (importer.Source, error) { return x.People(i, r), nil }}, to, x, err
	}
	return nil, to, nil, errdefs.Say(errdefs.ErrInvalid, nil, "--format %s: use csv or keycloak", j.Format)
}
