package adminapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

const (
	// holdersSeen is how far back those who asked for the JWKS count: who was not seen for longer
	// has gone, or holds nothing any more.
	holdersSeen = 24 * time.Hour
	// maxLaggards is how many of those are named that lack a key.
	maxLaggards = 20
	// setsSeen is how far back the sets of keys are known that somebody may hold.
	setsSeen = 7 * 24 * time.Hour
	// countingTime is how long everything that is encrypted may be counted for a status: what else it says
	// does not wait for millions of rows.
	countingTime = 5 * time.Second
)

// KeysStatus is how the rotation of keys stands, as the replica that answers knows it.
type KeysStatus struct {
	Now         time.Time `json:"now" doc:"By the clock of the database, which all replicas go by."`
	ClockOffset float64   `json:"clock_offset" doc:"By how many seconds that clock is ahead of the replica's own."`
	LoadedAt    time.Time `json:"loaded_at" doc:"When the replica last loaded the keys."`
	MaySign     bool      `json:"may_sign" doc:"It loaded them lately enough to sign with them."`

	DefaultAlgorithm string      `json:"default_algorithm" doc:"Of tokens for which nobody chose one."`
	Schedule         KeySchedule `json:"schedule"`
	Rings            []KeyRing   `json:"rings" nullable:"false" doc:"The keys of each algorithm that is in use."`

	MasterKey   string        `json:"master_key" doc:"Fingerprint of the present master key."`
	OtherMaster []OtherMaster `json:"other_master_keys" nullable:"false" doc:"Values that are encrypted under another one. rewrap-keys brings them under the present one. Empty, with not_counted in attention, when they could not be counted within seconds."`

	Attention []Attention `json:"attention" nullable:"false" doc:"What somebody should look at, the urgent first. Empty when all is well."`
}

// KeySchedule is the schedule of the rotation, in seconds.
type KeySchedule struct {
	Period       float64 `json:"period" doc:"Between two keys that sign."`
	Lead         float64 `json:"lead" doc:"For how long a key is published before it signs."`
	MinLead      float64 `json:"min_lead" doc:"The least that is safe, by the settings of the JWKS."`
	Removal      float64 `json:"removal" doc:"For how long a key is published after it signed last."`
	MinRemoval   float64 `json:"min_removal" doc:"The least that is safe, by the lifetimes of tokens."`
	Lease        float64 `json:"lease" doc:"For how long a replica signs that cannot load the keys."`
	CacheControl string  `json:"cache_control" doc:"The header of the JWKS at present. For a day after a key was revoked its max-age is a minute at most."`
}

// KeyRing is how the keys of one algorithm stand.
type KeyRing struct {
	Algorithm       string       `json:"algorithm" example:"ES256"`
	Configured      bool         `json:"configured" doc:"The settings name it. Others are there because somebody chose them, or until their last token has expired."`
	Clients         int          `json:"clients" doc:"How many clients chose it for their ID tokens."`
	ResourceServers int          `json:"resource_servers" doc:"How many resource servers chose it for their access tokens."`
	Active          *ActiveKey   `json:"active,omitempty" doc:"The key that signs; absent while none does."`
	Next            *NextKey     `json:"next,omitempty" doc:"The key that signs next."`
	Retiring        []SigningKey `json:"retiring" nullable:"false" doc:"Keys that are published for the tokens they signed."`
	NextStep        *KeyStep     `json:"next_step,omitempty" doc:"What happens next, by itself."`
	Overdue         string       `json:"overdue,omitempty" doc:"A step that should have been made some time ago and was not."`
}

// ActiveKey is a key that signs.
type ActiveKey struct {
	SigningKey
	Age  float64      `json:"age" doc:"For how many seconds it has signed."`
	Held *KeyAdoption `json:"held,omitempty"`
}

// NextKey is a key that signs next.
type NextKey struct {
	SigningKey
	EarliestAt time.Time    `json:"earliest_at" doc:"From when on it could sign without anybody noticing. activated_at says when it will."`
	Held       *KeyAdoption `json:"held,omitempty"`
}

// KeyAdoption says which verifiers have a key, as far as their requests for the JWKS tell. It decides
// nothing.
type KeyAdoption struct {
	Holding  int         `json:"holding" doc:"Verifiers that have it."`
	Lacking  int         `json:"lacking" doc:"Verifiers that did not have it when they last asked, within a day. They got it with the answer, or got no answer since they asked."`
	Laggards []KeyHolder `json:"laggards" nullable:"false" doc:"Of those, the twenty seen last."`
}

// KeyHolder is a verifier that asked for the JWKS again.
type KeyHolder struct {
	Address string    `json:"address" example:"192.0.2.7"`
	Agent   string    `json:"agent" doc:"What it calls itself (User-Agent)."`
	SeenAt  time.Time `json:"seen_at" doc:"When it last asked."`
	Newest  string    `json:"newest_kid,omitempty" doc:"The newest key that it had then; absent when that is not known any more."`
}

// KeyStep is something that is planned.
type KeyStep struct {
	At    time.Time `json:"at"`
	KID   string    `json:"kid"`
	State string    `json:"state" enum:"pending,next,active,retiring,removed" doc:"What the key becomes then."`
}

// OtherMaster is how much is encrypted under a master key that is not the present one.
type OtherMaster struct {
	MasterKey string `json:"master_key" doc:"Its fingerprint; empty for values that cannot be read at all."`
	Values    int    `json:"values"`
}

func (a *API) keysStatus(ctx context.Context, actor admin.Actor, _ *struct{}) (*plain[KeysStatus], error) {
	if err := may(actor.ReadsAll()); err != nil {
		return nil, err
	}
	s := a.Ring.Status()
	out := KeysStatus{
		Now: s.Now, ClockOffset: s.ClockOffset.Seconds(), LoadedAt: s.LoadedAt, MaySign: s.Leased,
		DefaultAlgorithm: string(s.Default), Schedule: scheduleOf(s), MasterKey: a.Rewrapper.MasterID(), OtherMaster: []OtherMaster{},
	}
	// The keys are in memory: what the database has to say is left out while it says nothing.
	chosen, err := a.KeyStore.Chosen(ctx)
	if err != nil {
		a.Log.WarnContext(ctx, "status of keys: who chose which algorithm is not known", "error", err)
	}
	held := a.adoption(ctx, s)
	for _, alg := range s.Algorithms() {
		out.Rings = append(out.Rings, ringOf(s, alg, chosen, held))
	}
	bounded, cancel := context.WithTimeout(ctx, countingTime)
	defer cancel()
	out.OtherMaster, err = a.otherMasters(bounded)
	out.Attention = attention(s, out)
	if err != nil {
		a.Log.WarnContext(ctx, "status of keys: what is encrypted under which master key is not known", "error", err)
		out.Attention = append(out.Attention, notCounted())
	}
	return &plain[KeysStatus]{out}, nil
}

func scheduleOf(s keyring.Status) KeySchedule {
	return KeySchedule{
		Period: s.Schedule.Period.Seconds(), Lead: s.Schedule.Lead.Seconds(), MinLead: s.Schedule.MinLead().Seconds(),
		Removal: s.Schedule.Removal.Seconds(), MinRemoval: s.Schedule.MinRemoval().Seconds(), Lease: s.Schedule.Lease().Seconds(),
		CacheControl: s.CacheControl,
	}
}

func ringOf(s keyring.Status, alg keys.Algorithm, chosen []keyring.Chosen, held func(kid string) *KeyAdoption) KeyRing {
	out := KeyRing{Algorithm: string(alg), Configured: slices.Contains(s.Configured, alg), Retiring: []SigningKey{}, Overdue: string(s.Overdue(alg))}
	for _, c := range chosen {
		if c.Algorithm == alg {
			out.Clients, out.ResourceServers = c.Clients, c.ResourceServers
		}
	}
	active, next := places(s, alg)
	if active != nil {
		out.Active = &ActiveKey{SigningKey: signingKeyOf(*active, s.Now), Age: s.Now.Sub(active.ActivatedAt).Seconds(), Held: held(active.ID)}
	}
	if next != nil {
		out.Next = &NextKey{SigningKey: signingKeyOf(*next, s.Now), EarliestAt: next.PublishedAt.Add(s.Schedule.Lead), Held: held(next.ID)}
	}
	for _, k := range s.Keys {
		if k.Algorithm == alg && k.State(s.Now) == keys.Retiring {
			out.Retiring = append(out.Retiring, signingKeyOf(k, s.Now))
		}
	}
	for _, e := range keys.Upcoming(s.Ring(alg), s.Now) {
		if e.State == keys.Retiring && active != nil && e.KID == active.ID {
			continue // another signs then, which says more
		}
		out.NextStep = &KeyStep{At: e.At, KID: e.KID, State: string(e.State)}
		break
	}
	return out
}

// adoption returns what is known of those who hold a key; nothing if the database does not say.
func (a *API) adoption(ctx context.Context, s keyring.Status) func(kid string) *KeyAdoption {
	nothing := func(string) *KeyAdoption { return nil }
	seen, err := a.KeyStore.Holders(ctx, s.Now.Add(-holdersSeen))
	if err != nil {
		a.Log.WarnContext(ctx, "status of keys: who holds them is not known", "error", err)
		return nothing
	}
	sets, err := keys.Documents(s.All(), s.Now.Add(-setsSeen), s.Now)
	if err != nil {
		a.Log.WarnContext(ctx, "status of keys: former key sets are not known", "error", err)
		return nothing
	}
	return func(kid string) *KeyAdoption {
		h := holder.Adopted(kid, sets, seen, maxLaggards)
		return &KeyAdoption{Holding: h.Holding, Lacking: h.Lacking, Laggards: each(h.Laggards, func(l holder.Laggard) KeyHolder {
			return KeyHolder{Address: l.Address.String(), Agent: l.Agent, SeenAt: l.SeenAt, Newest: l.Newest}
		})}
	}
}

// otherMasters counts what is not encrypted under the present master key.
func (a *API) otherMasters(ctx context.Context) ([]OtherMaster, error) {
	all, err := a.Rewrapper.Holdings(ctx)
	out := []OtherMaster{}
	slices.SortFunc(all, func(a, b envelope.Holding) int { return cmp.Compare(a.Master, b.Master) })
	for _, h := range all {
		switch n := len(out); {
		case h.Master == a.Rewrapper.MasterID():
		case n > 0 && out[n-1].MasterKey == h.Master:
			out[n-1].Values += h.Values
		default:
			out = append(out, OtherMaster{h.Master, h.Values})
		}
	}
	return out, err
}
