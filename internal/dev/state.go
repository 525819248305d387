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
	Addresses        // issuer, ops, frontend, orders, mail, partner: URLs
	Audience  string `json:"audience"` // of the orders service
	DataDir   string `json:"data_dir"`
	Log       string `json:"log"`
	Site
	PartnerInc *Site `json:"partner_inc,omitempty"` // absent where there is no room for its database
}

// Site is what one of the servers holds.
type Site struct {
	Database string   `json:"database"` // a PostgreSQL connection URL
	People   []Person `json:"people"`
	Clients  []Client `json:"clients"`

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
func (r *run) describe() (State, error) {
	s := State{Addresses: r.main.definition.Addresses, Audience: ordersAudience, DataDir: r.dir.path, Log: r.dir.file(logFile)}
	var err error
	if s.Site, err = r.main.describe(); err != nil || r.partner == nil {
		return s, err
	}
	partner, err := r.partner.describe()
	s.PartnerInc = &partner
	return s, err
}

func (s *site) describe() (Site, error) {
	fingerprint, err := s.definition.fingerprint()
	d := Site{Database: s.database.Reveal(), Seed: fingerprint}
	for _, p := range s.definition.people {
		roles := map[string][]string{}
		for _, m := range p.Memberships {
			roles[m.Tenant] = m.Roles
		}
		d.People = append(d.People, Person{Email: p.Email, Name: p.Name, Password: p.password, Roles: roles, Note: p.note})
	}
	for _, c := range s.definition.clients {
		client := Client{
			ID: string(c.ID), Name: c.Name, Kind: c.kind, AuthMethod: c.AuthMethod, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		}
		if !c.Public() {
			client.Secret = s.former.secret(client.ID)
		}
		d.Clients = append(d.Clients, client)
	}
	return d, err
}

// secret returns that of a client, or a new one.
func (s Site) secret(id string) string {
	i := slices.IndexFunc(s.Clients, func(c Client) bool { return c.ID == id && c.Secret != "" })
	if i < 0 {
		return secret.Generate().Reveal()
	}
	return s.Clients[i].Secret
}
