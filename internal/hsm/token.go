//go:build pkcs11

package hsm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

const (
	// maxSessions is how many calls are under way at once at most, each in a session of its own.
	maxSessions = 16
	// spareSessions are those beside them: the one that keeps the log-in and one that writes.
	spareSessions = 2
	// patience is how long a signature waits for its turn, before the caller is told to try again.
	patience = 5 * time.Second
	// pause is the time between two attempts to reach a token that does not answer.
	pause = 2 * time.Second
)

// token is the way to one token. Calls go through read and write, which hand out sessions and
// connect again, once, when the token lost them: it was unplugged, its service restarted, somebody
// else ended all sessions.
type token struct {
	module *pkcs11.Ctx
	path   string
	label  string
	pin    secret.Text
	now    func() time.Time

	// calls has one unit for each call under way. Whoever holds all of them is alone, and may
	// change what follows; whoever holds one may read it.
	calls   *semaphore.Weighted
	limit   int64
	link    *link     // nil while the token is out of reach
	failure error     // of the last attempt to connect
	failed  time.Time // when that was
	refused error     // why it is never tried again: the PIN was refused, or this was closed
}

// link is one log-in on the token, and the sessions that belong to it. Handles of objects hold for
// one link.
type link struct {
	slot   uint
	serial string
	login  pkcs11.SessionHandle // stays open, because the log-in ends with the last session

	mu   sync.Mutex
	idle []pkcs11.SessionHandle
}

type call = func(l *link, session pkcs11.SessionHandle) error

func openToken(ctx context.Context, c Config) (*token, error) {
	if _, err := os.Stat(c.Module); err != nil {
		return nil, fmt.Errorf("keys.pkcs11_module: %w", err)
	}
	t := &token{module: pkcs11.New(c.Module), path: c.Module, label: c.Token, pin: c.PIN, now: c.Now}
	if t.module == nil {
		return nil, fmt.Errorf("keys.pkcs11_module: %s is no PKCS#11 module that this program can load: is it a shared library for this machine, and does ldd find everything that it needs?", c.Module)
	}
	if err := t.initialize(); err != nil {
		return nil, fmt.Errorf("keys.pkcs11_module: initialize %s: %w", c.Module, err)
	}
	slot, info, err := t.locate()
	if err != nil {
		return nil, err
	}
	t.limit = maxSessions
	// 0 says that there is no limit, the largest number that there is no telling.
	if most := info.MaxSessionCount; most != pkcs11.CK_EFFECTIVELY_INFINITE && most != pkcs11.CK_UNAVAILABLE_INFORMATION {
		t.limit = max(1, min(t.limit, int64(most)-spareSessions))
	}
	t.calls = semaphore.NewWeighted(t.limit)
	if t.link, err = t.connect(slot, info); err != nil {
		return nil, err
	}
	return t, ctx.Err()
}

// initialize makes the module ready. That it is already, for another custodian in this process, is
// no error.
func (t *token) initialize() error {
	err := t.module.Initialize() // with locks of the operating system: calls come from many threads
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil
	}
	return err
}

// read makes a call in a session that others use after it.
func (t *token) read(ctx context.Context, f call) error {
	return t.do(ctx, func(l *link) error {
		session, err := t.take(l)
		if err != nil {
			return err
		}
		err = f(l, session)
		t.giveBack(l, session, err)
		return err
	})
}

// write makes a call in a session that may change the token, and that is closed afterwards.
func (t *token) write(ctx context.Context, f call) error {
	return t.do(ctx, func(l *link) error {
		session, err := t.module.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			return err
		}
		err = f(l, session)
		_ = t.module.CloseSession(session) // the work is done, or its error says more
		return err
	})
}

// errAway says that there is no link.
var errAway = errors.New("the token is out of reach")

// do runs f and, when that shows that the log-in is lost, once more after having logged in again.
func (t *token) do(ctx context.Context, f func(l *link) error) error {
	used, err := t.once(ctx, f)
	if lost(err) {
		if err := t.reconnect(ctx, used); err != nil {
			return err
		}
		_, err = t.once(ctx, f)
	}
	var code pkcs11.Error
	if errors.As(err, &code) || errors.Is(err, errAway) {
		return fmt.Errorf("%w: %w", errdefs.ErrUnavailable, err)
	}
	return err
}

// once runs f, alone or beside others, and returns the link that it was given.
func (t *token) once(ctx context.Context, f func(l *link) error) (*link, error) {
	if err := t.calls.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("%w: no session became free: %w", errdefs.ErrUnavailable, err)
	}
	defer t.calls.Release(1)
	if t.link == nil {
		return nil, errAway
	}
	return t.link, f(t.link)
}

// lost reports whether err says that the log-in, or the handles that belong to it, are gone.
func lost(err error) bool {
	var code pkcs11.Error
	return errors.Is(err, errAway) || errors.As(err, &code) && slices.Contains([]pkcs11.Error{
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID,
		pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
	}, code)
}
