// Package postman takes messages out of the outbox and hands them to a mail server.
//
// Any number of replicas share one outbox. A message is sent at least once: it is forgotten
// after the server took it, and whoever ends in between leaves it to the next. One that cannot
// be delivered is tried again, ever more seldom, for about a day; it is given up when the server
// refuses it for good, when its link has expired, or when the day is over, and that is recorded.
//
// What a message says is decided in package mail; server.go talks to the mail server.
package postman

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/mail"
)

// Outbox is where messages wait; package postgres has it.
type Outbox interface {
	Claim(ctx context.Context, most int, lease time.Duration) ([]mail.Claimed, error)
	Sent(ctx context.Context, m mail.Claimed) error
	Postpone(ctx context.Context, m mail.Claimed, pause time.Duration, reason string) error
	Release(ctx context.Context, m mail.Claimed) error
	GiveUp(ctx context.Context, m mail.Claimed, e audit.Event) error
}

// Config is what New needs; the fields of the last group are optional.
type Config struct {
	Outbox  Outbox
	Queue   func(context.Context) (waiting int, oldest time.Duration, err error)
	Open    func(mail.Sealed) (mail.Message, error)
	Letters *mail.Stationery
	Server  Server
	From    string // address
	Name    string // beside it

	// Count is told of every attempt; result is sent, postponed or given_up.
	Count func(kind mail.Kind, result string)
	Now   func() time.Time
	Log   *slog.Logger

	Poll     time.Duration                   // between two looks at the outbox; 15 s
	Attempts int                             // before giving up; 31, which take a day
	Pause    func(attempt int) time.Duration // after an attempt that failed; Pause
	Farewell time.Duration                   // for a message being sent when the replica stops; 5 s
}

const (
	batch = 20
	// lease is how long a replica keeps what it claimed; it stops working on it before.
	lease = 5 * time.Minute
	work  = 3 * time.Minute
	// storing bounds a statement about a message that was handled.
	storing = 5 * time.Second
)

// Postman sends. Make one with New and run it once.
type Postman struct {
	cfg     Config
	wake    chan struct{}
	waiting atomic.Int64
	oldest  atomic.Int64 // nanoseconds
}

// New returns a Postman.
func New(c Config) *Postman {
	if c.Poll == 0 {
		c.Poll = 15 * time.Second
	}
	if c.Attempts == 0 {
		c.Attempts = 31
	}
	if c.Pause == nil {
		c.Pause = Pause
	}
	if c.Farewell == 0 {
		c.Farewell = 5 * time.Second
	}
	return &Postman{cfg: c, wake: make(chan struct{}, 1)}
}

// Pause is the time between an attempt that failed and the next: 30 s after the first, doubling
// up to an hour.
func Pause(attempt int) time.Duration {
	return min(30*time.Second<<min(max(attempt-1, 0), 7), time.Hour)
}

// Poke says that there may be something to send.
func (p *Postman) Poke() {
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Queued says how many messages waited at the last look, and since when the oldest did.
func (p *Postman) Queued() (waiting int, oldest time.Duration) {
	return int(p.waiting.Load()), time.Duration(p.oldest.Load())
}

// Run sends until ctx ends; a message that is being sent then has some seconds to arrive.
func (p *Postman) Run(ctx context.Context) {
	tick := time.NewTicker(p.cfg.Poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		again, err := p.round(ctx)
		if err != nil && ctx.Err() == nil {
			p.cfg.Log.WarnContext(ctx, "the outbox cannot be read, will try again", "error", err)
		}
		if waiting, oldest, err := p.cfg.Queue(ctx); err == nil {
			p.waiting.Store(int64(waiting))
			p.oldest.Store(int64(oldest))
		}
		if again {
			continue
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-tick.C:
		}
	}
}

// round claims a batch and sends it over one connection. again says that there may be more to do
// at once.
func (p *Postman) round(ctx context.Context) (again bool, err error) {
	claimed, err := p.cfg.Outbox.Claim(ctx, batch, lease)
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	end := p.cfg.Now().Add(work)
	sending, cancel := lasting(ctx, p.cfg.Farewell)
	defer cancel()
	t := &trip{Postman: p, ctx: sending}
	defer t.hangUp()
	for _, m := range claimed {
		if ctx.Err() != nil || p.cfg.Now().After(end) {
			t.store("release", m, func(ctx context.Context) error { return p.cfg.Outbox.Release(ctx, m) })
			continue
		}
		t.deliver(m)
	}
	return len(claimed) == batch && t.down == nil, nil
}

// lasting is ctx, prolonged by d after its end.
func lasting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { unhook(); cancel() }
}

// trip is one batch and its connection.
type trip struct {
	*Postman
	ctx  context.Context
	line *line
	down error // why there is no connection; no second attempt within a trip
}

// deliver sends m and stores what came of it.
func (t *trip) deliver(m mail.Claimed) {
	message, err := t.cfg.Open(m.Sealed)
	switch {
	case errors.Is(err, envelope.ErrUnknownMaster):
		t.postpone(m, message, err) // the operator can configure that key again
		return
	case err != nil:
		t.giveUp(m, message, "the stored message is damaged")
		return
	case m.Attempt > t.cfg.Attempts:
		t.giveUp(m, message, "every attempt ended before its end") // this message may be what ended them
		return
	case !message.LinkExpires.IsZero() && !t.cfg.Now().Before(message.LinkExpires):
		t.giveUp(m, message, "its link has expired")
		return
	}
	letter, err := t.cfg.Letters.Write(message)
	if err != nil {
		t.giveUp(m, message, reason(err, message.To))
		return
	}
	err = t.send(m, message, letter)
	switch {
	case err == nil:
		t.cfg.Count(message.Kind, "sent")
		t.cfg.Log.InfoContext(t.ctx, "message sent", "kind", message.Kind, "attempt", m.Attempt)
		t.store("forget", m, func(ctx context.Context) error { return t.cfg.Outbox.Sent(ctx, m) })
	case hopeless(err):
		t.giveUp(m, message, reason(err, message.To))
	default:
		t.postpone(m, message, err)
	}
}

func (t *trip) send(m mail.Claimed, message mail.Message, letter mail.Letter) error {
	out, err := sender{t.cfg.From, t.cfg.Name}.compose(m.ID, message.To, letter, t.cfg.Now())
	if err != nil {
		return err
	}
	if t.line == nil {
		if t.down == nil {
			t.line, t.down = t.cfg.Server.dial(t.ctx)
		}
		if t.down != nil {
			return t.down
		}
	}
	err = t.line.send(out)
	if err != nil && !answered(err) {
		t.hangUp() // in whatever state it is
	}
	return err
}

func (t *trip) hangUp() {
	if t.line != nil {
		t.line.close()
		t.line = nil
	}
}

func (t *trip) postpone(m mail.Claimed, message mail.Message, cause error) {
	why := reason(cause, message.To)
	if m.Attempt >= t.cfg.Attempts {
		t.giveUp(m, message, why)
		return
	}
	pause := t.cfg.Pause(m.Attempt)
	t.cfg.Count(message.Kind, "postponed")
	t.cfg.Log.WarnContext(t.ctx, "message could not be sent, will try again",
		"kind", message.Kind, "attempt", m.Attempt, "in", pause.String(), "error", why)
	t.store("postpone", m, func(ctx context.Context) error { return t.cfg.Outbox.Postpone(ctx, m, pause, why) })
}

func (t *trip) giveUp(m mail.Claimed, message mail.Message, why string) {
	t.cfg.Count(message.Kind, "given_up")
	t.cfg.Log.ErrorContext(t.ctx, "message given up", "kind", message.Kind, "attempts", m.Attempt,
		"target", message.Target, "queued_at", m.QueuedAt, "error", why)
	t.store("give up", m, func(ctx context.Context) error {
		return t.cfg.Outbox.GiveUp(ctx, m, audit.Event{
			At: t.cfg.Now(), Action: audit.MailUndelivered, Tenant: message.Tenant, User: message.User, Target: message.Target,
			Detail: map[string]string{"kind": string(message.Kind), "reason": why},
		})
	})
}

// store makes a statement about m, also while the replica stops. What cannot be stored is done
// again after the lease.
func (t *trip) store(what string, m mail.Claimed, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), storing)
	defer cancel()
	if err := do(ctx); err != nil {
		t.cfg.Log.WarnContext(ctx, "the outbox could not be changed: this message may be sent again",
			"wanted", what, "attempt", m.Attempt, "error", err)
	}
}
