package adminapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// Ring is the signing keys of this replica; *keyring.Ring implements it.
type Ring interface {
	Status() keyring.Status
	Rotate(ctx context.Context, alg keys.Algorithm, apply func(context.Context, keyring.Turn) error) (time.Time, error)
	Revoke(ctx context.Context, kid string, apply func(context.Context, keyring.Turn) error) error
}

// KeyStore stores signing keys, and what is known of those who use them.
type KeyStore interface {
	// Act makes the change of a turn as an act.
	Act(ctx context.Context, a admin.Act, turn keyring.Turn) (replayed bool, err error)
	Chosen(ctx context.Context) ([]keyring.Chosen, error)
	Holders(ctx context.Context, since time.Time) ([]holder.Sighting, error)
}

// SigningKey is the public side of a key that tokens are signed with.
type SigningKey struct {
	KID           string     `json:"kid" doc:"The kid in the header of what it signed: its RFC 7638 thumbprint." example:"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"`
	Algorithm     string     `json:"algorithm" example:"ES256"`
	State         string     `json:"state" enum:"pending,next,active,retiring,removed" doc:"next, active and retiring keys are published; active keys sign."`
	CreatedAt     time.Time  `json:"created_at"`
	PublishedAt   *time.Time `json:"published_at,omitempty" doc:"Since when verifiers can fetch it. This and the times below may lie ahead: then they are planned."`
	ActivatedAt   *time.Time `json:"activated_at,omitempty" doc:"Since when it signs."`
	RetiredAt     *time.Time `json:"retired_at,omitempty" doc:"Since when it does not sign any more, because another does."`
	RemovedAt     *time.Time `json:"removed_at,omitempty" doc:"Since when it is not published and what it signed is refused. Planned once it has retired."`
	CompromisedAt *time.Time `json:"compromised_at,omitempty" doc:"When it was said to be stolen; absent for others."`
	ErasedAt      *time.Time `json:"erased_at,omitempty" doc:"When its private half was destroyed."`
	MaxExpiry     *time.Time `json:"max_expiry,omitempty" doc:"When the last token expires that it is known to have signed."`
	Custodian     string     `json:"custodian,omitempty" doc:"What keeps its private half, such as pkcs11; absent when it is encrypted in the database."`
	Damage        string     `json:"damage,omitempty" doc:"Why it cannot be opened by this replica; absent for those that can."`
}

func signingKeyOf(k keyring.KeyStatus, now time.Time) SigningKey {
	out := SigningKey{
		KID: k.ID, Algorithm: string(k.Algorithm), State: string(k.State(now)), CreatedAt: k.CreatedAt, PublishedAt: moment(k.PublishedAt),
		ActivatedAt: moment(k.ActivatedAt), RetiredAt: moment(k.RetiredAt), RemovedAt: moment(k.RemovedAt),
		CompromisedAt: moment(k.CompromisedAt), ErasedAt: moment(k.ErasedAt), MaxExpiry: moment(k.MaxExpiry), Custodian: k.Custodian,
	}
	if k.Damage != nil {
		out.Damage = k.Damage.Err.Error()
	}
	return out
}

// OfSigningKey is the path of everything about one key.
type OfSigningKey struct {
	KID string `path:"kid" maxLength:"100" doc:"The kid of the key." example:"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"`
}

type rotateKeys struct {
	Creation
	Body *struct {
		Algorithm string `json:"algorithm,omitempty" maxLength:"10" doc:"The algorithm whose key is replaced; absent: every one that signs."`
	} `required:"false"`
}

// Rotated is what became of a rotation that somebody asked for.
type Rotated struct {
	Algorithm string    `json:"algorithm" example:"ES256"`
	KID       string    `json:"kid" doc:"The key that takes over."`
	SignsAt   time.Time `json:"signs_at" doc:"From when on it signs: as soon as no verifier that honours the headers of the JWKS can lack it."`
	Signs     bool      `json:"signs" doc:"That is now."`
}

// rotatedKeys is the answer to a rotation.
type rotatedKeys struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true when the Idempotency-Key had been used for this very request: nothing new was planned, and the answer is how things are now."`
	Body     page[Rotated]
}

type revokeKey struct {
	OfSigningKey
	Creation
	Body *struct {
		Compromised bool `json:"compromised,omitempty" doc:"Must be true: somebody else has, or may have, the key."`
	} `required:"false"`
}

// RevokedKey is what became of the revocation of a stolen key.
type RevokedKey struct {
	Key   SigningKey  `json:"key"`
	Signs *SigningKey `json:"signs,omitempty" doc:"The key of its algorithm that signs now; absent while none does."`
	Next  *SigningKey `json:"next,omitempty" doc:"The fresh key that is published to sign after that one."`

	FollowersUntil   time.Time `json:"followers_until" doc:"Verifiers that honour the headers of the JWKS refuse what the key signed from then on, at the latest."`
	UnreachableUntil time.Time `json:"unreachable_until" doc:"The same for those that do not reach the issuer since, and go by stale-if-error. Verifiers that follow no headers are not in this."`
}

// revokedKey is the answer to a revocation.
type revokedKey struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true when the Idempotency-Key had been used for this very request."`
	Body     RevokedKey
}

func (a *API) signingKeys() {
	const tag = "Keys"
	register(a, operation{
		ID: "list-keys", Method: http.MethodGet, Path: "/keys", Tag: tag, Summary: "List the keys that tokens are signed with, oldest first.",
		Description: "Installation administrators only. Keys that were removed are listed for 400 days.",
	}, a.listKeys)
	register(a, operation{
		ID: "get-keys-status", Method: http.MethodGet, Path: "/keys/status", Tag: tag, Summary: "Say how the rotation of keys stands, and what needs attention.",
		Description: "Installation administrators only. It is how things look to the replica that answers.",
	}, a.keysStatus)
	register(a, operation{
		ID: "get-key", Method: http.MethodGet, Path: "/keys/{kid}", Tag: tag, Summary: "Read a signing key.", Description: "Installation administrators only.",
	}, a.getKey)
	register(a, operation{
		ID: "rotate-keys", Method: http.MethodPost, Path: "/keys/rotate", Tag: tag, Summary: "Let the next key sign as soon as no verifier notices.",
		Description: "Installation administrators only. It waits until the next key has been published for the lead of the schedule, so that no token is refused because of it: that is at once, if it has been. Nothing is planned anew if it is planned for then already. Against a stolen key, revoke it.",
		Errors:      []int{http.StatusConflict},
	}, a.rotateKeys)
	register(a, operation{
		ID: "revoke-key", Method: http.MethodPost, Path: "/keys/{kid}/revoke", Tag: tag, Summary: "Revoke a stolen key: nothing that it signed counts any more.",
		Description: "Installation administrators only. The key is no longer published, the next one signs at once, and there is a fresh next one. Every replica follows within a second, or its poll interval. People stay signed in: applications refresh their tokens. There is no way back.",
	}, a.revokeKey)
}

func (a *API) listKeys(_ context.Context, actor admin.Actor, _ *struct{}) (*listing[SigningKey], error) {
	if err := may(actor.ReadsAll()); err != nil {
		return nil, err
	}
	s := a.Ring.Status()
	return &listing[SigningKey]{page[SigningKey]{Items: each(s.Keys, func(k keyring.KeyStatus) SigningKey { return signingKeyOf(k, s.Now) })}}, nil
}

func (a *API) getKey(_ context.Context, actor admin.Actor, in *OfSigningKey) (*plain[SigningKey], error) {
	if err := may(actor.ReadsAll()); err != nil {
		return nil, err
	}
	s := a.Ring.Status()
	k, err := find(s, in.KID)
	return &plain[SigningKey]{signingKeyOf(k, s.Now)}, err
}

func find(s keyring.Status, kid string) (keyring.KeyStatus, error) {
	if i := slices.IndexFunc(s.Keys, func(k keyring.KeyStatus) bool { return k.ID == kid }); i >= 0 {
		return s.Keys[i], nil
	}
	return keyring.KeyStatus{}, errdefs.ErrNotFound
}

func (a *API) rotateKeys(ctx context.Context, actor admin.Actor, in *rotateKeys) (*rotatedKeys, error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	algs, err := a.rotating(in)
	if err != nil {
		return nil, err
	}
	out := &rotatedKeys{Body: page[Rotated]{Items: []Rotated{}}}
	for _, alg := range algs {
		act := a.act(ctx, actor, audit.KeysRotated, id.Tenant{}, string(alg), nil)
		if act.Once = in.once("rotate-keys", in.Body); act.Once != nil {
			act.Once.Key += " " + string(alg) // one for each; no key that is sent has a blank
		}
		var replayed bool
		at, err := a.Ring.Rotate(ctx, alg, func(ctx context.Context, turn keyring.Turn) (err error) {
			replayed, err = a.KeyStore.Act(ctx, act, turn)
			return err
		})
		if errors.Is(err, keys.ErrNoNextKey) {
			err = noNextKey(alg)
		}
		if err != nil {
			return nil, err
		}
		if replayed {
			out.Replayed = "true"
		}
		out.Body.Items = append(out.Body.Items, rotatedOf(a.Ring.Status(), alg, at))
	}
	return out, nil
}

// rotating returns the algorithms to rotate, each of which has a key that signs and one that could be
// next.
func (a *API) rotating(in *rotateKeys) ([]keys.Algorithm, error) {
	s, wanted := a.Ring.Status(), ""
	if in.Body != nil {
		wanted = in.Body.Algorithm
	}
	var algs []keys.Algorithm
	for _, alg := range s.Algorithms() {
		active, next := places(s, alg)
		switch {
		case wanted != "" && wanted != string(alg), wanted == "" && active == nil:
		case active == nil || next == nil:
			return nil, noNextKey(alg)
		default:
			algs = append(algs, alg)
		}
	}
	if len(algs) == 0 && wanted != "" {
		return nil, admin.Invalid("algorithm", "no key of this algorithm is in use; GET %s/keys/status lists those that are", Prefix)
	}
	return algs, nil
}

func noNextKey(alg keys.Algorithm) error {
	return errdefs.Say(errdefs.ErrConflict, keys.ErrNoNextKey,
		"There is no %s key that could take over from one that signs: either the first has not begun to sign yet, or a fresh one is being made, which takes seconds. GET %s/keys/status says which.", alg, Prefix)
}

// places returns the key of an algorithm that signs and the one that signs after it; nil for none.
func places(s keyring.Status, alg keys.Algorithm) (active, next *keyring.KeyStatus) {
	for i, k := range s.Keys {
		if k.Algorithm != alg || k.Damage != nil && !k.Damage.Held {
			continue
		}
		switch k.State(s.Now) {
		case keys.Active:
			if active == nil || k.ActivatedAt.After(active.ActivatedAt) {
				active = &s.Keys[i]
			}
		case keys.Next:
			if next == nil || !k.ActivatedAt.IsZero() && (next.ActivatedAt.IsZero() || k.ActivatedAt.Before(next.ActivatedAt)) {
				next = &s.Keys[i]
			}
		case keys.Pending, keys.Retiring, keys.Removed:
		}
	}
	return active, next
}

// rotatedOf says which key takes over at that time. It is zero when the answer to the request was lost:
// then it is the next key, if that one comes as early as it can, and else the one that did take over.
func rotatedOf(s keyring.Status, alg keys.Algorithm, at time.Time) Rotated {
	active, next := places(s, alg)
	takesOver := active
	if next != nil && (at.IsZero() && !next.ActivatedAt.After(next.PublishedAt.Add(s.Schedule.Lead)) || next.ActivatedAt.Equal(at)) {
		takesOver = next
	}
	if takesOver == nil {
		return Rotated{Algorithm: string(alg), SignsAt: at}
	}
	return Rotated{Algorithm: string(alg), KID: takesOver.ID, SignsAt: takesOver.ActivatedAt, Signs: takesOver.CanSign(s.Now)}
}

func (a *API) revokeKey(ctx context.Context, actor admin.Actor, in *revokeKey) (*revokedKey, error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	k, err := find(a.Ring.Status(), in.KID)
	if err != nil {
		return nil, err
	}
	if in.Body == nil || !in.Body.Compromised {
		return nil, admin.Invalid("compromised", "must be true: revoking is for a key that somebody else has or may have, and ends every token that it signed at once. To replace a key that nobody stole, POST %s/keys/rotate: that breaks nothing", Prefix)
	}
	out := &revokedKey{}
	if k.CompromisedAt.IsZero() {
		act := a.act(ctx, actor, audit.KeyRevoked, id.Tenant{}, k.ID, map[string]string{"alg": string(k.Algorithm)})
		act.Once = in.once("revoke-key", in.KID, in.Body)
		err = a.Ring.Revoke(ctx, in.KID, func(ctx context.Context, turn keyring.Turn) error {
			replayed, err := a.KeyStore.Act(ctx, act, turn)
			if replayed {
				out.Replayed = "true"
			}
			return err
		})
		if errors.Is(err, keys.ErrUnknownKey) {
			err = errdefs.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
	}
	out.Body, err = revokedOf(a.Ring.Status(), in.KID)
	return out, err
}

func revokedOf(s keyring.Status, kid string) (RevokedKey, error) {
	k, err := find(s, kid)
	if err != nil {
		return RevokedKey{}, err
	}
	out := RevokedKey{Key: signingKeyOf(k, s.Now)}
	active, next := places(s, k.Algorithm)
	for _, place := range []struct {
		from *keyring.KeyStatus
		to   **SigningKey
	}{{active, &out.Signs}, {next, &out.Next}} {
		if place.from != nil {
			shown := signingKeyOf(*place.from, s.Now)
			*place.to = &shown
		}
	}
	followers, unreachable := s.Schedule.Forgotten()
	out.FollowersUntil, out.UnreachableUntil = k.CompromisedAt.Add(followers), k.CompromisedAt.Add(unreachable)
	return out, nil
}
