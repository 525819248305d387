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
	"sync/atomic"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
)

// input is what is imported: a file, or the files of an export of Keycloak in a directory.
type input struct {
	paths []string
	names []string     // for messages; "" for the only file
	size  int64        // of all
	read  atomic.Int64 // so far, of people
}

// look finds the files. They are read more than once, so they are regular ones.
func look(path string) (*input, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return nil, errdefs.Say(errdefs.ErrInvalid, nil, "%s is no regular file: it is read more than once", path)
		}
		return &input{paths: []string{path}, names: []string{""}, size: info.Size()}, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	in := &input{}
	for _, e := range entries {
		ofRealm, _ := filepath.Match("*-realm.json", e.Name()) // patterns that are well-formed
		ofPeople, _ := filepath.Match("*-users-*.json", e.Name())
		if !ofRealm && !ofPeople {
			continue
		}
		info, err := os.Stat(filepath.Join(path, e.Name()))
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		in.paths, in.names, in.size = append(in.paths, filepath.Join(path, e.Name())), append(in.names, e.Name()), in.size+info.Size()
	}
	if len(in.paths) == 0 {
		return nil, errdefs.Say(errdefs.ErrInvalid, nil, "%s holds no export of Keycloak: no file *-realm.json or *-users-*.json", path)
	}
	return in, nil
}

// format goes by the name of a file; what is in a directory is an export of Keycloak.
func (in *input) format() (string, error) {
	if in.names[0] != "" {
		return Keycloak, nil
	}
	switch strings.ToLower(filepath.Ext(in.paths[0])) {
	case ".csv", ".tsv":
		return CSV, nil
	case ".json":
		return Keycloak, nil
	}
	return "", errdefs.Say(errdefs.ErrInvalid, nil, "%s: say what it is: --format csv or --format keycloak", in.paths[0])
}

// digest recognises the content of all files.
func (in *input) digest(ctx context.Context) (string, error) {
	sum := sha256.New()
	err := in.each(ctx, func(i int, r io.Reader) error {
		fmt.Fprintf(sum, "%q", in.names[i]) // a hash takes everything
		_, err := io.Copy(sum, r)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// survey reads all files of an export.
func (in *input) survey(ctx context.Context, o importer.KeycloakOptions) (*importer.Export, error) {
	x := importer.NewExport(o)
	if err := in.each(ctx, func(i int, r io.Reader) error { return x.Survey(in.names[i], r) }); err != nil {
		return nil, err
	}
	return x, x.Complete()
}

// each calls do with every file, until ctx ends.
func (in *input) each(ctx context.Context, do func(i int, r io.Reader) error) error {
	for i, path := range in.paths {
		f, err := os.Open(path)
		if err == nil {
			err = errors.Join(do(i, until{ctx, f}), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// until reads until a context ends.
type until struct {
	ctx context.Context //nolint:containedctx // of one read of the whole file
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// entries reads the files one after the other; open says how one is read. Close it.
type entries struct {
	in   *input
	open func(file int, r io.Reader) (importer.Source, error)
	next int
	file *os.File
	now  importer.Source
}

// Next returns the next entry of any file.
func (e *entries) Next() (importer.Entry, error) {
	for {
		if e.now != nil {
			entry, err := e.now.Next()
			if !errors.Is(err, io.EOF) {
				if err != nil && e.in.names[e.next-1] != "" {
					err = fmt.Errorf("%s: %w", e.in.names[e.next-1], err)
				}
				return entry, err
			}
		}
		if err := e.advance(); err != nil {
			return importer.Entry{}, err
		}
	}
}

// advance opens the next file; io.EOF when there is none.
func (e *entries) advance() (err error) {
	if e.now = nil; e.next == len(e.in.paths) {
		return io.EOF
	}
	if err := e.Close(); err != nil {
		return err
	}
	if e.file, err = os.Open(e.in.paths[e.next]); err != nil {
		return err
	}
	e.next++
	e.now, err = e.open(e.next-1, counted{e.in, e.file})
	return err
}

// Close closes the file that is open.
func (e *entries) Close() error {
	if e.file == nil {
		return nil
	}
	err := e.file.Close()
	e.file = nil
	return err
}

// counted counts what is read.
type counted struct {
	in *input
	r  io.Reader
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.in.read.Add(int64(n))
	return n, err
}
