package envelope

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signet-id/signet/internal/errdefs"
)

// Values is where sealed values are stored; package postgres has it. Places are told by name.
type Values interface {
	// Places names every place that there is.
	Places() []string
	// Stale returns, in the order of their keys, up to most values of a place whose keys come after
	// the given one and that do not begin with head.
	Stale(ctx context.Context, place string, head, after []byte, most int) ([]Value, error)
	// Replace stores the changed values and counts them. A value that is no longer what it was is left
	// alone, and so is one that somebody is changing: Replace waits for nobody.
	Replace(ctx context.Context, place string, changes []Change) (int, error)
	// CountByHead counts the values of a place by their first HeadSize bytes.
	CountByHead(ctx context.Context, place string) (map[string]int, error)
}

// Value is a sealed value as it is stored, and the primary key of its row.
type Value struct{ Key, Sealed []byte }

// Change is a value and what takes its place.
type Change struct {
	Value
	To []byte
}

// batch is how many values are changed by one statement.
const batch = 200

// Rewrapper brings what is sealed under former master keys under the present one while everything
// goes on: servers that know both keys open a value before and after. It may be interrupted, run
// again and run twice at once; whoever changes a value meanwhile wins.
type Rewrapper struct {
	envelope *Envelope
	values   Values
	places   []Place
}

// NewRewrapper returns the rewrapper of places, which must be those of the store: one that is
// forgotten would be lost with a former key.
func NewRewrapper(e *Envelope, v Values, places ...Place) (*Rewrapper, error) {
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	if want := slices.Sorted(slices.Values(v.Places())); !slices.Equal(want, slices.Sorted(slices.Values(names))) {
		return nil, fmt.Errorf("sealed values are stored in %v, and what they are bound to is known for %v", want, names)
	}
	return &Rewrapper{envelope: e, values: v, places: places}, nil
}

// MasterID returns the fingerprint of the master key that everything is brought under.
func (r *Rewrapper) MasterID() string { return r.envelope.MasterID() }

// Holding is how many values of a place are sealed under a master key.
type Holding struct {
	Place  string
	Master string // fingerprint; "" for values that cannot be read
	Values int
}

// Holdings says what is sealed under which master key, by reading the first bytes of everything. A
// place without values is not in it.
func (r *Rewrapper) Holdings(ctx context.Context) ([]Holding, error) {
	var out []Holding
	for _, p := range r.places {
		heads, err := r.values.CountByHead(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		masters := make(map[string]int)
		for head, n := range heads {
			masters[MasterOf([]byte(head))] += n
		}
		for _, m := range slices.Sorted(maps.Keys(masters)) {
			out = append(out, Holding{p.Name, m, masters[m]})
		}
	}
	return out, nil
}

// Piece is what became of a piece of the work.
type Piece struct {
	Rewrapped int
	Remaining int // values that are not under the present master key yet, those of Damaged among them
	Damaged   []Damage
	Next      string // where to go on; "" at the end
}

// Damage is a value that cannot be rewrapped. It is left as it is.
type Damage struct {
	Place, Row string
	Err        error // ErrDamaged, or ErrUnknownMaster
}

// position is where a piece begins.
type position struct {
	Place string `json:"p"`
	Key   []byte `json:"k"`
	Left  int    `json:"n"` // Remaining
}

// Rewrap rewraps up to most values from where from says; "" begins. With an error, what is
// reported as done is done. A from that Rewrap did not return is errdefs.ErrInvalid.
func (r *Rewrapper) Rewrap(ctx context.Context, from string, most int) (done Piece, err error) {
	at, n, err := r.begin(ctx, from)
	if err != nil {
		return done, err
	}
	done.Remaining = at.Left
	for looked := 0; n < len(r.places); {
		if looked >= most {
			at.Left = done.Remaining
			b, err := json.Marshal(at)
			done.Next = base64.RawURLEncoding.EncodeToString(b)
			return done, err
		}
		size := min(batch, most-looked)
		values, err := r.values.Stale(ctx, at.Place, Head(r.MasterID()), at.Key, size)
		if err != nil {
			return done, err
		}
		if err := r.batch(ctx, r.places[n], values, &done); err != nil {
			return done, err
		}
		looked += len(values)
		if len(values) == size {
			at.Key = values[size-1].Key
			continue
		}
		if n++; n < len(r.places) {
			at.Place, at.Key = r.places[n].Name, nil
		}
	}
	// What was sealed behind our back is counted too.
	done.Remaining, err = r.stale(ctx)
	return done, err
}

// begin returns a position and the number of its place.
func (r *Rewrapper) begin(ctx context.Context, from string) (at position, n int, err error) {
	if from == "" {
		at.Place = r.places[0].Name
		at.Left, err = r.stale(ctx)
		return at, 0, err
	}
	b, err := base64.RawURLEncoding.DecodeString(from)
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	n = slices.IndexFunc(r.places, func(p Place) bool { return p.Name == at.Place })
	if err != nil || n < 0 {
		return at, 0, errdefs.InvalidField("cursor", "use the next_cursor of the answer before, or leave it out to begin")
	}
	return at, n, nil
}

func (r *Rewrapper) stale(ctx context.Context) (n int, err error) {
	all, err := r.Holdings(ctx)
	for _, h := range all {
		if h.Master != r.MasterID() {
			n += h.Values
		}
	}
	return n, err
}

func (r *Rewrapper) batch(ctx context.Context, p Place, values []Value, done *Piece) error {
	changes := make([]Change, 0, len(values))
	for _, v := range values {
		name, to, err := r.rewrap(p, v)
		if err != nil {
			done.Damaged = append(done.Damaged, Damage{p.Name, name, err})
			continue
		}
		changes = append(changes, Change{v, to})
	}
	if len(changes) == 0 {
		return nil
	}
	n, err := r.values.Replace(ctx, p.Name, changes)
	done.Rewrapped += n
	done.Remaining = max(0, done.Remaining-n)
	return err
}

// rewrap opens the value first: whoever throws a former key away should know of what is damaged.
func (r *Rewrapper) rewrap(p Place, v Value) (name string, to []byte, err error) {
	name, identities := p.Row(v.Key)
	var s Sealed
	if s.UnmarshalBinary(v.Sealed) != nil {
		return name, nil, ErrDamaged
	}
	for _, aad := range identities {
		var plain []byte
		if plain, err = r.envelope.Open(s, aad); errors.Is(err, ErrUnknownMaster) {
			return name, nil, err
		}
		clear(plain)
		if err != nil {
			continue
		}
		if s, err = r.envelope.Rewrap(s, aad); err != nil {
			return name, nil, err
		}
		to, err = s.MarshalBinary()
		return name, to, err
	}
	return name, nil, ErrDamaged
}
