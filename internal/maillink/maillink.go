// Package maillink owns the links that people are sent to prove that they read a mailbox: to
// verify an address and to set a new password.
//
// It knows neither HTTP nor SQL. A link holds a secret whose digest alone is stored. It serves one
// purpose, once, for a limited time, and only as long as the account has the address that the link
// was sent to.
package maillink

import (
	"time"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Purpose is what a link can be used for; a link of another purpose does not exist.
type Purpose string

// The purposes.
const (
	VerifyEmail   Purpose = "verify_email"
	ResetPassword Purpose = "reset_password"
)

// Link is one link.
type Link struct {
	Purpose   Purpose
	User      id.User
	Email     string // normalized: the address that it was sent to
	CreatedAt time.Time
	ExpiresAt time.Time
	// Flow is the sealed authorization request that the person goes on with, if any.
	Flow string
}

// New returns a link to the person's present address and its secret.
func New(p Purpose, u directory.User, now time.Time, lifetime time.Duration) (Link, secret.Text, error) {
	normalized, err := directory.NormalizeEmail(u.Email)
	if err != nil {
		return Link{}, secret.Text{}, err
	}
	return Link{Purpose: p, User: u.ID, Email: normalized, CreatedAt: now, ExpiresAt: now.Add(lifetime)}, secret.Generate(), nil
}
