package dev

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// definition is what this version seeds at those addresses, hashes and secrets left out.
type definition struct {
	Addresses Addresses
	people    []person
	clients   []demoClient
	In        installation.Installation
}

// define is what the first server holds; without the address of Partner Inc, nothing of that.
func define(a Addresses) definition {
	d := definition{Addresses: a, people: people(), clients: clients(a)}
	d.In = installation.Installation{ResourceServers: resourceServers(), Tenants: tenants()}
	if a.Partner != "" {
		d.In.Tenants = append(d.In.Tenants, partnerTenant())
		d.In.Connectors = []connector.Declaration{partnerConnector(a)}
		d.In.Domains = []installation.Domain{{Name: partnerDomain, Tenant: partnerSlug, Connector: partnerSlug}}
	}
	return d.complete()
}

// complete puts the people and clients into what is stored.
func (d definition) complete() definition {
	for _, p := range d.people {
		d.In.Users = append(d.In.Users, p.User)
	}
	for _, c := range d.clients {
		d.In.Clients = append(d.In.Clients, c.Client)
	}
	return d
}

// fingerprint changes with anything that would be stored, so that a run on other ports or of
// another version seeds again and any other run does not.
func (d definition) fingerprint() (string, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12]), nil
}

// seed stores what is missing in both databases. What a person changed since the first run stays;
// clients and connectors follow their definition, because ports may have changed.
func (r *run) seed(ctx context.Context) (err error) {
	if r.state, err = r.describe(); err != nil {
		return err
	}
	main, partner := &seeding{site: r.main, content: &r.state.Site}, &seeding{site: r.partner, content: r.state.PartnerInc}
	both := func(f func(*seeding) error) error {
		var other error
		var wg sync.WaitGroup
		if r.partner != nil {
			wg.Go(func() { other = f(partner) })
		}
		err := f(main)
		wg.Wait()
		return errors.Join(err, other)
	}
	defer main.close()
	defer partner.close()
	if err := both(func(s *seeding) error { return s.look(ctx) }); err != nil {
		return err
	}
	if main.done && (partner.done || r.partner == nil) {
		return nil
	}
	// Written before the secrets are stored: killed in between, the next run knows them.
	if err := r.dir.writeState(r.state.withoutSeeds(main, partner)); err != nil {
		return err
	}
	err = both(func(s *seeding) error {
		if s.done {
			return nil
		}
		in, err := s.installation(r.state)
		if err == nil {
			err = s.db.Install(ctx, in, r.Now())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("seed the demo people and clients: %w", err)
	}
	return nil
}

// withoutSeeds describes installations that are not complete yet.
func (s State) withoutSeeds(main, partner *seeding) State {
	if !main.done {
		s.Seed = ""
	}
	if s.PartnerInc != nil && !partner.done {
		incomplete := *s.PartnerInc
		incomplete.Seed = ""
		s.PartnerInc = &incomplete
	}
	return s
}

// seeding is a site whose database is looked at, and filled where that is missing.
type seeding struct {
	*site
	content *Site
	db      *postgres.DB
	done    bool
}

func (s *seeding) close() {
	if s.db != nil {
		s.db.Close()
	}
}

// look finds out whether the database is the one that the last run seeded: it knows the last
// client's secret.
func (s *seeding) look(ctx context.Context) (err error) {
	if s.db, err = postgres.Open(ctx, postgres.Config{URL: s.database.Reveal(), MaxConns: 2}); err != nil || s.former.Seed != s.content.Seed {
		return err
	}
	last := s.content.Clients[len(s.content.Clients)-1]
	c, err := s.db.Clients().FindClient(ctx, client.ID(last.ID))
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil
	}
	for _, stored := range c.Secrets {
		s.done = s.done || stored.Hash.Matches(secret.New(last.Secret))
	}
	return err
}

// installation is what is stored, with hashes and secrets.
func (s *seeding) installation(all State) (installation.Installation, error) {
	in := s.definition.In
	hashes, err := s.hashes.all()
	if err != nil {
		return in, err
	}
	for i := range in.Users {
		in.Users[i].PasswordHash = hashes[i]
	}
	for i := range in.Clients {
		if text := s.content.Clients[i].Secret; text != "" {
			in.Clients[i].Secrets = []client.Secret{{Hash: secret.New(text).Hash()}}
		}
	}
	for i := range in.Connectors {
		in.Connectors[i].Secret = secret.New(all.PartnerInc.secret(clientSignet))
	}
	in.Keeper, err = s.keeper()
	return in, err
}
