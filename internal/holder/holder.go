// Package holder knows who holds which set of our keys. A verifier that asks for the JWKS again
// names the set it has by its entity tag (If-None-Match, RFC 9110 §13.1.2), so it can be told which
// verifiers have a key already. That is information for operators: it decides nothing and never
// holds up a rotation.
//
// What is noted is an address, a shortened User-Agent, a tag and a time; see Log for the bounds. It
// is what clients say, and everybody may ask: somebody who makes things up is believed.
package holder

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/signet-id/signet/keys"
)

// Sighting is the latest conditional request of one holder.
type Sighting struct {
	Address netip.Addr
	Agent   string // the User-Agent in printable ASCII, at most MaxAgent bytes
	ETag    string // of the set that it holds, quotes included
	SeenAt  time.Time
}

// Store keeps sightings, the latest one for each address and agent; package postgres implements it.
type Store interface {
	// RecordHolders adds sightings, none of which share address and agent.
	RecordHolders(ctx context.Context, seen []Sighting) error
}

// Adoption is how far a key has come.
type Adoption struct {
	KID string
	// Holding and Lacking count the holders whose set has the key, and the others.
	Holding, Lacking int
	// Laggards are the latter, the one seen last first, as many as were asked for.
	Laggards []Laggard
}

// Laggard is a holder that lacks a key.
type Laggard struct {
	Sighting
	// Newest is the newest key that it has, "" when its set is not known any more.
	Newest string
}

// Adopted says for the key kid which of those that were seen hold it. sets are the key sets of the
// time that the sightings cover (keys.Documents), most bounds the laggards that are named.
//
// Verifiers that share an address and a User-Agent count as one, by the latest request of them.
func Adopted(kid string, sets []keys.Published, seen []Sighting, most int) Adoption {
	named := make(map[string][]string, len(sets))
	for _, s := range sets {
		named[s.ETag] = s.KIDs
	}
	a := Adoption{KID: kid}
	for _, s := range seen {
		held := named[s.ETag]
		if slices.Contains(held, kid) {
			a.Holding++
			continue
		}
		l := Laggard{Sighting: s}
		if len(held) > 0 {
			l.Newest = held[len(held)-1]
		}
		a.Laggards = append(a.Laggards, l)
	}
	a.Lacking = len(a.Laggards)
	slices.SortFunc(a.Laggards, func(a, b Laggard) int { return cmp.Or(b.SeenAt.Compare(a.SeenAt), compare(a.Sighting, b.Sighting)) })
	a.Laggards = slices.Clip(a.Laggards[:min(len(a.Laggards), max(most, 0))])
	return a
}

// compare orders sightings by holder.
func compare(a, b Sighting) int {
	return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Agent, b.Agent))
}
