package login

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/filelock"
	"github.com/signet-id/signet/internal/secret"
)

// version is that of the file's format.
const version = 1

// File is the file of accounts. Any number of commands may use it at a time: whoever changes it
// holds a lock, and replaces it as a whole.
type File struct{ Path string }

// Accounts is what the file holds. The current one is used by commands that name none.
type Accounts struct {
	All     []Account
	Current int // index into All; -1 for none
}

// Find returns the account at the server in the organization, either of which may be "" for any:
// the current one when it fits, else the only one that does. The error is errdefs.ErrNotFound.
func (a Accounts) Find(server, organization string) (Account, error) {
	fits := func(x Account) bool {
		return (server == "" || x.Server == server) && (organization == "" || x.Organization == organization)
	}
	if a.Current >= 0 && fits(a.All[a.Current]) {
		return a.All[a.Current], nil
	}
	var found []Account
	for _, x := range a.All {
		if fits(x) {
			found = append(found, x)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Account{}, errdefs.Say(errdefs.ErrNotFound, nil, "you are signed in to several organizations: choose one with --server and --organization (signet whoami --all lists them)")
	}
	return Account{}, errdefs.Say(errdefs.ErrNotFound, nil, "you are not signed in%s: run signet login%s", place(server, organization), flags(server, organization))
}

func place(server, organization string) string {
	out := ""
	if organization != "" {
		out += " to " + organization
	}
	if server != "" {
		out += " at " + server
	}
	return out
}

func flags(server, organization string) string {
	out := ""
	if server != "" {
		out += " --server " + server
	}
	if organization != "" {
		out += " --organization " + organization
	}
	return out
}

// same reports whether two accounts are of one server and organization: the file holds one.
func same(a, b Account) bool { return a.Server == b.Server && a.Organization == b.Organization }

// stored is the file as JSON. Tokens are plain text here and nowhere else.
type stored struct {
	Version  int             `json:"version"`
	Current  int             `json:"current"`
	Accounts []storedAccount `json:"accounts"`
}

type storedAccount struct {
	Server       string    `json:"server"`
	Organization string    `json:"organization"`
	Subject      string    `json:"subject"`
	Name         string    `json:"name,omitzero"`
	Email        string    `json:"email,omitzero"`
	AccessToken  string    `json:"access_token"`
	ExpiresAt    time.Time `json:"expires_at"`
	RefreshToken string    `json:"refresh_token"`
}

// Read returns the accounts; none when there is no file yet.
func (f File) Read() (Accounts, error) {
	b, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return Accounts{Current: -1}, nil
	} else if err != nil {
		return Accounts{}, f.unusable(err)
	}
	var s stored
	if err := json.Unmarshal(b, &s); err != nil || s.Version != version {
		return Accounts{}, errdefs.Say(errdefs.ErrInvalid, err, "%s cannot be read: remove it and run signet login", f.Path)
	}
	out := Accounts{Current: s.Current}
	for _, a := range s.Accounts {
		out.All = append(out.All, Account{
			Server: a.Server, Organization: a.Organization, Subject: a.Subject, Name: a.Name, Email: a.Email,
			AccessToken: secret.New(a.AccessToken), ExpiresAt: a.ExpiresAt, RefreshToken: secret.New(a.RefreshToken),
		})
	}
	if out.Current < -1 || out.Current >= len(out.All) {
		out.Current = -1
	}
	return out, nil
}

// Save keeps an account in place of the one of the same server and organization, which it
// returns, and makes it the current one.
func (f File) Save(ctx context.Context, a Account) (replaced Account, existed bool, err error) {
	err = f.change(ctx, func(all *Accounts) error {
		i := slices.IndexFunc(all.All, func(x Account) bool { return same(x, a) })
		if existed = i >= 0; existed {
			replaced, all.All[i], all.Current = all.All[i], a, i
			return nil
		}
		all.All = append(all.All, a)
		all.Current = len(all.All) - 1
		return nil
	})
	return replaced, existed, err
}

// Remove forgets an account.
func (f File) Remove(ctx context.Context, a Account) error {
	return f.change(ctx, func(all *Accounts) error {
		i := slices.IndexFunc(all.All, func(x Account) bool { return same(x, a) })
		if i < 0 {
			return nil
		}
		all.All = slices.Delete(all.All, i, i+1)
		switch {
		case all.Current == i:
			all.Current = min(0, len(all.All)-1)
		case all.Current > i:
			all.Current--
		}
		return nil
	})
}

// change lets one process at a time edit the accounts, and stores them.
func (f File) change(ctx context.Context, edit func(*Accounts) error) (err error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	all, err := f.Read()
	if err != nil {
		return err
	}
	if err := edit(&all); err != nil {
		return err
	}
	return f.write(all)
}

// lock waits for its turn until ctx ends.
func (f File) lock(ctx context.Context) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return nil, f.unusable(err)
	}
	for {
		file, err := filelock.Take(f.Path+".lock", os.O_RDWR|os.O_CREATE) // tries for a second
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			return nil, f.unusable(err)
		}
		if ctx.Err() != nil {
			return nil, errdefs.Say(errdefs.ErrUnavailable, err, "another signet command holds %s.lock", f.Path)
		}
	}
}

// write replaces the file as a whole, readable by its owner only.
func (f File) write(all Accounts) error {
	s := stored{Version: version, Current: all.Current, Accounts: []storedAccount{}}
	for _, a := range all.All {
		s.Accounts = append(s.Accounts, storedAccount{
			Server: a.Server, Organization: a.Organization, Subject: a.Subject, Name: a.Name, Email: a.Email,
			AccessToken: a.AccessToken.Reveal(), ExpiresAt: a.ExpiresAt.UTC(), RefreshToken: a.RefreshToken.Reveal(),
		})
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.Path), ".credentials-*") // created with mode 0600
	if err != nil {
		return f.unusable(err)
	}
	_, err = tmp.Write(append(b, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.Path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error is the one worth reporting
		return f.unusable(err)
	}
	return nil
}

func (f File) unusable(err error) error {
	return errdefs.Say(errdefs.ErrDenied, err, "the file of your sign-ins cannot be used (%v)", err)
}
