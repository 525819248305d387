package connector

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Keeper seals what connectors keep secret under the master key, each bound to its row: what is
// taken from one opens nowhere else.
type Keeper struct{ envelope *envelope.Envelope }

// NewKeeper returns a Keeper.
func NewKeeper(e *envelope.Envelope) *Keeper { return &Keeper{e} }

func (k *Keeper) seal(plain, aad []byte) ([]byte, error) {
	defer clear(plain)
	s, err := k.envelope.Seal(plain, aad)
	if err != nil {
		return nil, err
	}
	return s.MarshalBinary()
}

func (k *Keeper) open(sealed, aad []byte) ([]byte, error) {
	var s envelope.Sealed
	if err := s.UnmarshalBinary(sealed); err != nil {
		return nil, err
	}
	return k.envelope.Open(s, aad)
}

func (k *Keeper) sealJSON(v any, aad []byte) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return k.seal(plain, aad)
}

func (k *Keeper) openJSON(sealed, aad []byte, v any) error {
	plain, err := k.open(sealed, aad)
	if err != nil {
		return err
	}
	defer clear(plain)
	if json.Unmarshal(plain, v) != nil {
		return fmt.Errorf("sealed value cannot be read: %w", errdefs.ErrInvalid) // the cause may quote it
	}
	return nil
}

func secretAAD(c id.Connector) []byte { return envelope.Identity("connector", c.String()) }
func attemptAAD(state []byte) []byte  { return envelope.Identity("upstream_attempt", string(state)) }
func linkAAD(token []byte) []byte     { return envelope.Identity("pending_link", string(token)) }
func tokensAAD(i id.Identity) []byte  { return envelope.Identity("identity_tokens", i.String()) }

// SealSecret returns the stored form of the client secret of a connector; nil for none.
func (k *Keeper) SealSecret(c id.Connector, s secret.Text) ([]byte, error) {
	if s.Empty() {
		return nil, nil
	}
	return k.seal([]byte(s.Reveal()), secretAAD(c))
}

// Secret opens the client secret of a connector; the empty one for a public client.
func (k *Keeper) Secret(c Connector) (secret.Text, error) {
	if len(c.Secret) == 0 {
		return secret.Text{}, nil
	}
	plain, err := k.open(c.Secret, secretAAD(c.ID))
	if err != nil {
		return secret.Text{}, fmt.Errorf("client secret of connector %s: %w", c.Reference, err)
	}
	defer clear(plain)
	return secret.New(string(plain)), nil
}

// SealAttempt and OpenAttempt are for AttemptSecrets.
func (k *Keeper) SealAttempt(state secret.Hash, s AttemptSecrets) ([]byte, error) {
	return k.sealJSON(s, attemptAAD(state[:]))
}

// OpenAttempt reads what SealAttempt wrote.
func (k *Keeper) OpenAttempt(state secret.Hash, sealed []byte) (s AttemptSecrets, err error) {
	return s, k.openJSON(sealed, attemptAAD(state[:]), &s)
}

// storedTokens and storedLink are the plaintext of what is sealed. A later binary reads what an
// earlier one wrote: add fields, never change one.
type storedTokens struct {
	Access  string    `json:"access,omitempty"`
	Refresh string    `json:"refresh,omitempty"`
	ID      string    `json:"id,omitempty"`
	Type    string    `json:"type,omitempty"`
	Scope   string    `json:"scope,omitempty"`
	Expiry  time.Time `json:"expiry,omitzero"`
}

func (t Tokens) stored() storedTokens {
	return storedTokens{t.Access.Reveal(), t.Refresh.Reveal(), t.ID.Reveal(), t.Type, t.Scope, t.Expiry}
}

func (s storedTokens) tokens() Tokens {
	return Tokens{secret.New(s.Access), secret.New(s.Refresh), secret.New(s.ID), s.Type, s.Scope, s.Expiry}
}

type storedLink struct {
	Reference string       `json:"reference"`
	Profile   Profile      `json:"profile"`
	Tokens    storedTokens `json:"tokens,omitzero"`
	Flow      string       `json:"flow,omitempty"`
	After     string       `json:"after,omitempty"`
}

// SealTokens returns the stored form of the tokens of an identity.
func (k *Keeper) SealTokens(i id.Identity, t Tokens) ([]byte, error) {
	return k.sealJSON(t.stored(), tokensAAD(i))
}

// OpenTokens reads what SealTokens wrote.
func (k *Keeper) OpenTokens(i id.Identity, sealed []byte) (Tokens, error) {
	var s storedTokens
	err := k.openJSON(sealed, tokensAAD(i), &s)
	return s.tokens(), err
}

// SealLink returns the sealed part of a pending link.
func (k *Keeper) SealLink(l PendingLink) ([]byte, error) {
	token := l.Token.Hash()
	return k.sealJSON(storedLink{l.Reference, l.Proof.Profile, l.Proof.Tokens.stored(), l.Flow, l.After}, linkAAD(token[:]))
}

// OpenLink fills in the sealed part of a pending link, whose secret is token.
func (k *Keeper) OpenLink(token secret.Hash, sealed []byte, l *PendingLink) error {
	var s storedLink
	if err := k.openJSON(sealed, linkAAD(token[:]), &s); err != nil {
		return err
	}
	l.Reference, l.Proof, l.Flow, l.After = s.Reference, Proof{s.Profile, s.Tokens.tokens()}, s.Flow, s.After
	return nil
}
