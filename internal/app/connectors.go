package app

import (
	"context"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/postgres"
)

// declarationPause is the time between two tries to declare what could not be declared: a tenant
// that people are to join is made after the first start.
const declarationPause = 30 * time.Second

// declarations has the connectors that the settings declare be in the database. Nothing of it keeps
// anybody from being served.
type declarations struct {
	Options
	db       *postgres.DB
	keeper   *connector.Keeper
	declared []connector.Declaration
	left     []connector.Declaration     // that are not as declared yet
	tried    bool                        // all of them were looked at
	said     map[connector.Declared]bool // what is wrong, once each
}

func newDeclarations(o Options, db *postgres.DB, e *envelope.Envelope) *declarations {
	return &declarations{o, db, connector.NewKeeper(e), o.Config.Connectors(), nil, false, map[connector.Declared]bool{}}
}

// declare reports whether everything is as declared now. What is, is not looked at again: a server with
// newer settings may have changed it since.
func (d *declarations) declare(ctx context.Context) bool {
	declare, declared := d.db.Declare, d.declared
	if d.tried {
		declare, declared = d.db.DeclareAgain, d.left
	}
	results, err := declare(ctx, declared, d.keeper, d.Now())
	if err != nil && ctx.Err() != nil {
		return false // it is time to stop
	}
	if err != nil {
		d.Log.ErrorContext(ctx, "the connectors of the settings could not be declared, will try again", "error", err)
		return false
	}
	d.tried, d.left = true, nil
	for i, r := range results {
		switch r.Result {
		case connector.Created:
			d.Log.InfoContext(ctx, "connector declared by the settings", "connector", r.Reference)
		case connector.Changed:
			d.Log.InfoContext(ctx, "connector changed to what the settings declare", "connector", r.Reference)
		case connector.Released:
			d.Log.WarnContext(ctx, "connector is no longer declared by the settings and was disabled", "connector", r.Reference)
		case connector.Faulty:
			d.left = append(d.left, declared[i])
			if !d.said[r] {
				d.said[r] = true
				d.Log.WarnContext(ctx, "connector cannot be as the settings declare it, will try again", "connector", r.Reference, "fault", r.Fault)
			}
		case connector.Unchanged:
		}
	}
	return len(d.left) == 0
}

// retry declares until it works or ctx ends.
func (d *declarations) retry(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(declarationPause):
			if d.declare(ctx) {
				return
			}
		}
	}
}
