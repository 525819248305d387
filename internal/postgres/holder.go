package postgres

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

var _ holder.Store = Keys{}

// maxHolders bounds what Holders returns; cleaning keeps no more (DeleteOldHolders).
const maxHolders = 50_000

// RecordHolders stores sightings, unless a later one of the same holder is stored already.
func (s Keys) RecordHolders(ctx context.Context, seen []holder.Sighting) error {
	var p sqlcgen.RecordHoldersParams
	for _, h := range seen {
		p.Addresses = append(p.Addresses, h.Address)
		p.Agents = append(p.Agents, h.Agent)
		p.Etags = append(p.Etags, h.ETag)
		p.SeenAt = append(p.SeenAt, h.SeenAt)
	}
	return wrap("record holders of keys", s.db.q.RecordHolders(ctx, p))
}

// Holders returns who was seen at or after since, the last one first.
func (s Keys) Holders(ctx context.Context, since time.Time) ([]holder.Sighting, error) {
	rows, err := s.db.q.Holders(ctx, sqlcgen.HoldersParams{Since: since, Most: maxHolders})
	if err != nil {
		return nil, wrap("list holders of keys", err)
	}
	out := make([]holder.Sighting, len(rows))
	for i, r := range rows {
		out[i] = holder.Sighting{Address: r.Address, Agent: r.Agent, ETag: r.Etag, SeenAt: r.SeenAt}
	}
	return out, nil
}
