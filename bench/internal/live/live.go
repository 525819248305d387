// Package live runs an installation whose signing keys change every few seconds, as services meet it:
// some replicas behind a balancer, which clients fetch tokens from and verifiers of several libraries
// fetch keys from, while replicas are killed and the database goes away. It counts the tokens that were
// good and that a library refused.
//
// schedule.go is how fast keys change, fleet.go the replicas, balancer.go what stands before them,
// verifier.go and jose.go the libraries, traffic.go issuing and checking, ledger.go what was seen,
// drill.go the theft of a key.
package live

import (
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// Kind is one sort of token: an API and the algorithm that its tokens are signed with.
type Kind struct {
	Algorithm keys.Algorithm
	Audience  string
}

// Token is one that was issued.
type Token struct {
	Kind
	Raw     string
	KeyID   string
	Replica int // that issued it
	Issued  time.Time
	Expires time.Time // the same second as in exp
}

const (
	// machine is the client that tokens are issued to.
	machine client.ID = "live-machine"
	// administrator is the client that revokes a stolen key.
	administrator client.ID = "live-administrator"
)

// machineSecret is the secret of both.
func machineSecret() secret.Text { return secret.New("secret-of-the-live-run-0123456789-0123456789") }

// Installation is what has to be stored for those tokens to be issued.
func Installation(kinds []Kind) installation.Installation {
	c := client.Client{
		ID: machine, Name: "Live run", AuthMethod: client.AuthBasic, Secrets: []client.Secret{{Hash: machineSecret().Hash()}},
		GrantTypes: []string{client.GrantClientCredentials},
	}
	var in installation.Installation
	for _, k := range kinds {
		c.Audiences = append(c.Audiences, k.Audience)
		in.ResourceServers = append(in.ResourceServers, installation.ResourceServer{Audience: k.Audience, Name: k.Audience, SigningAlgorithm: k.Algorithm})
	}
	a := c
	a.ID, a.Name, a.Scopes, a.Audiences = administrator, "Administrator", []string{admin.InstallationManage}, []string{admin.Audience}
	in.Clients = []installation.Client{{Client: c}, {Client: a}}
	return in
}
