package dev

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/signet-id/signet/internal/client"
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

func define(a Addresses) definition {
	d := definition{Addresses: a, people: people(), clients: clients(a)}
	d.In = installation.Installation{ResourceServers: resourceServers(), Tenants: tenants()}
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

// seed stores what is missing and returns what to announce. What a person changed since the
// first run stays; clients follow their definition, because ports may have changed.
func (r *run) seed(ctx context.Context) (State, error) {
	fingerprint, err := r.definition.fingerprint()
	if err != nil {
		return State{}, err
	}
	s := r.describe(fingerprint)
	db, err := postgres.Open(ctx, postgres.Config{URL: r.database.Reveal(), MaxConns: 2})
	if err != nil {
		return State{}, err
	}
	defer db.Close()
	if r.former.Seed == fingerprint {
		done, err := seeded(ctx, db, s)
		if err != nil || done {
			return s, err
		}
	}
	hashes, err := r.hashes.all()
	if err != nil {
		return State{}, err
	}
	in := r.definition.In
	for i := range in.Users {
		in.Users[i].PasswordHash = hashes[i]
	}
	for i := range in.Clients {
		if text := s.Clients[i].Secret; text != "" {
			in.Clients[i].Secrets = []client.Secret{{Hash: secret.New(text).Hash()}}
		}
	}
	// Written before the secrets are stored: killed in between, the next run knows them.
	if err := r.dir.writeState(withoutSeed(s)); err != nil {
		return State{}, err
	}
	if err := db.Install(ctx, in, r.Now()); err != nil {
		return State{}, fmt.Errorf("seed the demo people and clients: %w", err)
	}
	return s, nil
}

// withoutSeed describes an installation that is not complete yet.
func withoutSeed(s State) State {
	s.Seed = ""
	return s
}

// seeded reports whether the database is the one that the last run seeded: it knows the last
// client's secret.
func seeded(ctx context.Context, db *postgres.DB, s State) (bool, error) {
	last := s.Clients[len(s.Clients)-1]
	c, err := db.Clients().FindClient(ctx, client.ID(last.ID))
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, stored := range c.Secrets {
		if stored.Hash.Matches(secret.New(last.Secret)) {
			return true, nil
		}
	}
	return false, nil
}
