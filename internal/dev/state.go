package dev

import (
	"slices"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/secret"
)

// State is the content of dev.json: everything that a script or a person needs to use a running
// `signet dev`. Its secrets are generated on the first run and kept; the file is for its owner
// alone.
type State struct {
	// PID is the process that serves, present while it does: the file is complete and every
	// address answers.
	PID       int    `json:"pid,omitempty"`
	Addresses        // issuer, ops, frontend, orders, mail: URLs
	Audience  string `json:"audience"` // of the orders service
	DataDir   string `json:"data_dir"`
	Log       string `json:"log"`
	Database  string `json:"database"` // a PostgreSQL connection URL

	People  []Person `json:"people"`
	Clients []Client `json:"clients"`

	// Seed tells runs apart that would seed something else; "" until seeding is complete.
	Seed string `json:"seed,omitempty"`
}

// Person is somebody who can sign in.
type Person struct {
	Email    string              `json:"email"`
	Name     string              `json:"name"`
	Password string              `json:"password"`
	Roles    map[string][]string `json:"roles"` // by tenant
	Note     string              `json:"note,omitempty"`
}

// Client is a registered client.
type Client struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Kind         string            `json:"kind"`
	AuthMethod   client.AuthMethod `json:"auth_method"`
	Secret       string            `json:"secret,omitempty"`
	RedirectURIs []string          `json:"redirect_uris,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`
}

// describe says what will be running, with the secrets of the last run or new ones.
func (r *run) describe(fingerprint string) State {
	s := State{
		Addresses: r.definition.Addresses, Audience: ordersAudience, DataDir: r.dir.path, Log: r.dir.file(logFile),
		Database: r.database.Reveal(), Seed: fingerprint,
	}
	for _, p := range r.definition.people {
		roles := map[string][]string{}
		for _, m := range p.Memberships {
			roles[m.Tenant] = m.Roles
		}
		s.People = append(s.People, Person{Email: p.Email, Name: p.Name, Password: p.password, Roles: roles, Note: p.note})
	}
	for _, c := range r.definition.clients {
		d := Client{
			ID: string(c.ID), Name: c.Name, Kind: c.kind, AuthMethod: c.AuthMethod, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		}
		if !c.Public() {
			d.Secret = r.formerSecret(d.ID)
		}
		s.Clients = append(s.Clients, d)
	}
	return s
}

func (r *run) formerSecret(id string) string {
	i := slices.IndexFunc(r.former.Clients, func(c Client) bool { return c.ID == id && c.Secret != "" })
	if i < 0 {
		return secret.Generate().Reveal()
	}
	return r.former.Clients[i].Secret
}
