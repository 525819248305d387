package adminapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// rewrapPiece is how many sealed values one request looks at: some tenths of a second's work.
const rewrapPiece = 1000

// Rewrapper brings what is sealed in the database under the present master key;
// *envelope.Rewrapper does.
type Rewrapper interface {
	MasterID() string
	Rewrap(ctx context.Context, from string, most int) (envelope.Piece, error)
	Holdings(ctx context.Context) ([]envelope.Holding, error)
}

// Rewrapped is what became of a piece of the sealed values.
type Rewrapped struct {
	MasterKey string          `json:"master_key" doc:"Fingerprint of the present master key." example:"57ab3c0d1e2f4a5b"`
	Rewrapped int             `json:"rewrapped" doc:"Values that this request brought under it."`
	Remaining int             `json:"remaining" doc:"Values that are not under it, those that cannot be rewrapped among them. Counted at the beginning and again at the end."`
	Damaged   []DamagedSealed `json:"damaged" nullable:"false" doc:"Values that this request met and that cannot be rewrapped. They are left as they are."`
	Next      string          `json:"next_cursor,omitempty" doc:"The cursor to go on with; absent at the end."`
}

// DamagedSealed is a sealed value that cannot be rewrapped.
type DamagedSealed struct {
	Table  string `json:"table" example:"connector"`
	Row    string `json:"row" doc:"Identifier of the row."`
	Reason string `json:"reason" doc:"That it is damaged, or sealed under a master key that is not configured: which one."`
}

type rewrapKeys struct {
	Body struct {
		Cursor string `json:"cursor,omitempty" maxLength:"1000" doc:"The next_cursor of the answer before; absent to begin."`
	}
}

func (a *API) rewrapping() {
	register(a, operation{
		ID: "rewrap-keys", Method: http.MethodPost, Path: "/keys/rewrap", Tag: "Keys", Timeout: longest,
		Summary:     "Bring what is sealed in the database under the present master key, a piece at a time.",
		Description: "Installation administrators only. Repeat it with next_cursor until there is none. It may be interrupted and done again at any time; servers that know both master keys notice nothing.",
	}, a.rewrap)
}

func (a *API) rewrap(ctx context.Context, actor admin.Actor, in *rewrapKeys) (*plain[Rewrapped], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	piece, err := a.Rewrapper.Rewrap(ctx, in.Body.Cursor, rewrapPiece)
	if piece.Rewrapped > 0 || err == nil && piece.Next == "" {
		// Each value is replaced by itself, so there is no transaction for the event to be in.
		a.Audit.Record(ctx, a.act(ctx, actor, audit.KeysRewrapped, id.Tenant{}, a.Rewrapper.MasterID(), map[string]string{
			"rewrapped": strconv.Itoa(piece.Rewrapped), "remaining": strconv.Itoa(piece.Remaining), "damaged": strconv.Itoa(len(piece.Damaged)),
		}).Event)
	}
	if err != nil {
		return nil, err
	}
	return &plain[Rewrapped]{Rewrapped{
		MasterKey: a.Rewrapper.MasterID(), Rewrapped: piece.Rewrapped, Remaining: piece.Remaining, Next: piece.Next,
		Damaged: each(piece.Damaged, func(d envelope.Damage) DamagedSealed {
			return DamagedSealed{Table: d.Place, Row: d.Row, Reason: d.Err.Error()}
		}),
	}}, nil
}

// unopened says, and logs, that something sealed does not open, and what to do about it.
func (a *API) unopened(ctx context.Context, err error, advice string) error {
	if !errors.Is(err, envelope.ErrDamaged) && !errors.Is(err, envelope.ErrUnknownMaster) {
		return err
	}
	a.Log.ErrorContext(ctx, "administration: a sealed value does not open", "error", err)
	return errdefs.Say(errdefs.ErrConflict, err, "%s", advice)
}
