package adminapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// ClientSecrets stores the digests of client secrets.
type ClientSecrets interface {
	AddSecret(ctx context.Context, a admin.Act, c client.ID, added client.Secret, previous time.Time) (made id.ClientSecret, replayed bool, err error)
	DeleteSecret(ctx context.Context, a admin.Act, c client.ID, gone id.ClientSecret) error
}

// MAC makes codes that nobody else can; package keyring implements it.
type MAC interface{ Sum(data []byte) [32]byte }

// ClientSecret is what is known of a secret: everything but itself.
type ClientSecret struct {
	ID        string     `json:"id" example:"sec_01h2xcejqtf2nbrexx3vqjhp41" doc:"Names the secret; it is none."`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by" doc:"Who made it: a person, the client_id of a machine, or installation."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Until when it is good; absent: until it is deleted."`

	Fingerprint string `json:"fingerprint" example:"3fa1c5d0a2b4" doc:"Who has the secret recognises it by this: the first 12 hexadecimal digits of SHA-256 of SHA-256 of the secret."`
}

func clientSecretOf(s client.Secret) ClientSecret {
	return ClientSecret{ID: s.ID.String(), CreatedAt: s.CreatedAt, CreatedBy: s.CreatedBy, ExpiresAt: moment(s.ExpiresAt), Fingerprint: fingerprint(s.Hash)}
}

// fingerprint tells secrets apart without giving away what is stored. 48 bits of a digest find
// nobody a secret: those that are taken cannot be guessed (client.CheckSecret).
func fingerprint(stored secret.Hash) string {
	again := sha256.Sum256(stored[:])
	return hex.EncodeToString(again[:6])
}

// CreatedSecret is a new secret.
type CreatedSecret struct {
	ClientSecret
	Secret string `json:"secret" doc:"The client_secret. It is shown now and never again."`
}

// createdSecret is created without an entity tag: a secret is never edited.
type createdSecret struct {
	Location string `header:"Location" doc:"Where the secret can be deleted."`
	Replayed string `header:"Idempotent-Replayed" doc:"true when the Idempotency-Key had been used for this very request: nothing new was made."`
	Body     CreatedSecret
}

type createClientSecret struct {
	OfClient
	Creation
	Body *struct {
		Secret            string     `json:"secret,omitempty" doc:"A random secret of a system that you migrate from; absent: one is made."`
		ExpiresAt         *time.Time `json:"expires_at,omitempty" doc:"Until when it is good; absent: until it is deleted."`
		PreviousExpiresAt *time.Time `json:"previous_expires_at,omitempty" doc:"Until when the secret in use stays good, while you roll the new one out; absent: until it is deleted."`
	} `required:"false"`
}

func (a *API) clientSecrets() {
	const tag = "Clients"
	register(a, operation{ID: "list-client-secrets", Method: http.MethodGet, Path: "/clients/{client}/secrets", Tag: tag, Summary: "List what is known of a client's secrets."}, a.listClientSecrets)
	register(a, operation{
		ID: "create-client-secret", Method: http.MethodPost, Path: "/clients/{client}/secrets", Tag: tag, Status: http.StatusCreated,
		Summary:     "Add a secret to a client, for a rotation.",
		Description: "Two secrets can be valid at a time. The answer holds the secret, which is shown this once; the same request with the same Idempotency-Key shows it again within a day.",
	}, a.createClientSecret)
	register(a, operation{
		ID: "delete-client-secret", Method: http.MethodDelete, Path: "/clients/{client}/secrets/{secret}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete a secret of a client.", Description: "The last one of an enabled client stays.",
	}, a.deleteClientSecret)
}

func (a *API) listClientSecrets(ctx context.Context, actor admin.Actor, in *OfClient) (*listing[ClientSecret], error) {
	c, err := a.client(ctx, actor, *in)
	return &listing[ClientSecret]{pageOf(admin.List[client.Secret]{Items: c.Secrets}, clientSecretOf)}, err
}

func (a *API) createClientSecret(ctx context.Context, actor admin.Actor, in *createClientSecret) (*createdSecret, error) {
	c, err := a.managedClient(ctx, actor, in.OfClient)
	if err != nil {
		return nil, err
	}
	var given secret.Text
	var ends, previous time.Time
	if b := in.Body; b != nil {
		given = secret.New(b.Secret)
		set(&ends, b.ExpiresAt)
		set(&previous, b.PreviousExpiresAt)
		if b.ExpiresAt != nil && !ends.After(a.Now()) {
			return nil, admin.Invalid("expires_at", "use a time to come")
		}
	}
	s, value, err := a.newSecret(actor, in.Creation, c.ID, given)
	if err != nil {
		return nil, err
	}
	s.ExpiresAt = ends
	act := a.act(ctx, actor, audit.ClientSecretAdded, c.Tenant, string(c.ID), map[string]string{"secret": s.ID.String()})
	act.Once = in.once("create-client-secret", in.Client, in.Body)
	made, replayed, err := a.ClientSecrets.AddSecret(ctx, act, c.ID, s, previous)
	a.ForgetClient(c.ID)
	if err != nil {
		return nil, err
	}
	if c, err = a.client(ctx, actor, in.OfClient); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.Secrets, func(s client.Secret) bool { return s.ID == made })
	if i < 0 {
		return nil, errdefs.Say(errdefs.ErrConflict, nil, "The secret that this Idempotency-Key made was deleted since. Make a new key.")
	}
	out := &createdSecret{Location: Prefix + clientPath(c.ID) + "/secrets/" + made.String()}
	if replayed {
		out.Replayed = "true"
		if given.Empty() {
			value = a.derive(actor, in.Creation, c.ID, made)
		}
		if !c.Secrets[i].Hash.Matches(value) {
			return nil, errdefs.Say(errdefs.ErrConflict, nil, "The secret that this Idempotency-Key made cannot be shown again. Delete it, and make another with a new key.")
		}
	}
	out.Body = CreatedSecret{clientSecretOf(c.Secrets[i]), value.Reveal()}
	return out, nil
}

// newSecret makes a secret, or takes the given one. A creation that can be tried again computes
// it, so that the answer to the next attempt holds the same one while nothing usable is stored.
func (a *API) newSecret(actor admin.Actor, k Creation, c client.ID, given secret.Text) (client.Secret, secret.Text, error) {
	s := client.Secret{ID: id.NewClientSecret(a.Now())}
	value := given
	switch {
	case !given.Empty():
		if err := client.CheckSecret(given); err != nil {
			return s, value, err
		}
	case k.Key == "":
		value = secret.Generate()
	default:
		value = a.derive(actor, k, c, s.ID)
	}
	s.Hash = value.Hash()
	return s, value, nil
}

// derive computes the secret of a creation. The identifier is random and never used again, and so
// is no secret computed twice, whatever keys callers make up.
func (a *API) derive(actor admin.Actor, k Creation, c client.ID, s id.ClientSecret) secret.Text {
	var message []byte
	for _, part := range []string{actor.String(), k.Key, string(c), s.String()} {
		message = binary.BigEndian.AppendUint32(message, uint32(len(part)))
		message = append(message, part...)
	}
	code := a.SecretMAC.Sum(message)
	return secret.New(base64.RawURLEncoding.EncodeToString(code[:]))
}

// derived returns the secret that a creation of the client made, or none if it is gone.
func (a *API) derived(actor admin.Actor, k Creation, c client.Client) secret.Text {
	for _, s := range c.Secrets {
		if value := a.derive(actor, k, c.ID, s.ID); s.Hash.Matches(value) {
			return value
		}
	}
	return secret.Text{}
}

func (a *API) deleteClientSecret(ctx context.Context, actor admin.Actor, in *struct {
	OfClient
	Secret string `path:"secret" maxLength:"100" example:"sec_01h2xcejqtf2nbrexx3vqjhp41" doc:"The identifier of the secret."`
},
) (*none, error) {
	c, err := a.managedClient(ctx, actor, in.OfClient)
	if err != nil {
		return nil, err
	}
	s, err := id.ParseClientSecret(in.Secret)
	if err != nil {
		return nil, errNoSuch
	}
	act := a.act(ctx, actor, audit.ClientSecretDeleted, c.Tenant, string(c.ID), map[string]string{"secret": s.String()})
	err = a.ClientSecrets.DeleteSecret(ctx, act, c.ID, s)
	a.ForgetClient(c.ID)
	return &none{}, err
}
