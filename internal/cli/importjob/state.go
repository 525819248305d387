package importjob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
)

// state is where an import is. It belongs to one content of the file, one server and one way of
// reading it.
type state struct {
	Version      int               `json:"version"`
	SHA256       string            `json:"sha256"`
	Server       string            `json:"server"`
	Format       string            `json:"format"`
	Tenant       string            `json:"tenant,omitempty"`
	Roles        map[string]string `json:"roles,omitempty"`
	Tally        importer.Tally    `json:"tally"`
	RejectsBytes int64             `json:"rejects_bytes"`
}

// begin returns where to begin: at the start, or where the state file says with Resume.
func (j Job) begin(digest string) (state, error) {
	fresh := state{Version: 1, SHA256: digest, Server: j.API.BaseURL, Format: j.Format, Tenant: j.Tenant, Roles: j.Roles}
	if j.DryRun {
		if j.Resume {
			return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "a dry run starts at the beginning: leave out --resume")
		}
		return fresh, nil
	}
	b, err := os.ReadFile(j.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if j.Resume {
			return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "there is nothing to go on with: no import of %s was interrupted", j.Path)
		}
		return fresh, j.keep(fresh) // so that it fails here, when it cannot be written
	case err != nil:
		return state{}, err
	}
	var was state
	if json.Unmarshal(b, &was) != nil || was.Version != 1 {
		if !j.Resume {
			return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "%s is something else: choose another file with --state", j.State)
		}
		return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "%s cannot be read: start over without --resume after removing it", j.State)
	}
	if !j.Resume {
		if was.Tally.Total() > 0 {
			j.Say("An import of this file was interrupted after %d entries; this one starts over, which changes nothing that it did. --resume goes on instead.", was.Tally.Total())
		}
		return fresh, j.keep(fresh)
	}
	if was.SHA256 != digest {
		return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "%s has changed since its import was interrupted: start over without --resume, which changes nothing that was done", j.Path)
	}
	if was.Server != fresh.Server || was.Format != fresh.Format || was.Tenant != fresh.Tenant || fmt.Sprint(was.Roles) != fmt.Sprint(fresh.Roles) {
		return state{}, errdefs.Say(errdefs.ErrInvalid, nil, "the import that was interrupted was to another server or with other flags: give the same, or start over without --resume")
	}
	j.Say("Going on after %d entries.", was.Tally.Total())
	return was, nil
}

// keep notes where the import is. The file is replaced as a whole, so that it is never half of one.
func (j Job) keep(s state) error {
	if j.DryRun {
		return nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := filepath.Join(filepath.Dir(j.State), "."+filepath.Base(j.State)+".next")
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("note how far the import is: %w", err)
	}
	if err := os.Rename(next, j.State); err != nil {
		return fmt.Errorf("note how far the import is: %w", errors.Join(err, os.Remove(next)))
	}
	return nil
}

func (j Job) forget() error {
	if j.DryRun {
		return nil
	}
	return os.Remove(j.State)
}
