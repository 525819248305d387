//go:build pkcs11

package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/signet-id/signet/internal/errdefs"
)

// reconnect takes the place of a link that was lost, unless somebody else has done so.
func (t *token) reconnect(ctx context.Context, gone *link) error {
	if err := t.calls.Acquire(ctx, t.limit); err != nil {
		return fmt.Errorf("%w: the token does not finish what it was asked: %w", errdefs.ErrUnavailable, err)
	}
	defer t.calls.Release(t.limit)
	switch {
	case t.link != gone:
		return nil
	case t.refused != nil:
		return t.refused
	case t.failure != nil && t.now().Before(t.failed.Add(pause)):
		return t.failure
	}
	t.hangUp()
	err := t.again()
	if err != nil && t.refused == nil {
		// Modules that speak to a token over a network find it again only when they start anew.
		_ = t.module.Finalize()
		err = t.again()
	}
	t.failure, t.failed = err, t.now()
	return err
}

// again finds the token afresh, which may be in another slot now, and logs in.
func (t *token) again() error {
	if err := t.initialize(); err != nil {
		return fmt.Errorf("%w: initialize %s: %w", errdefs.ErrUnavailable, t.path, err)
	}
	slot, info, err := t.locate()
	if err != nil {
		return err
	}
	t.link, err = t.connect(slot, info)
	return err
}

// locate finds the token by its label.
func (t *token) locate() (slot uint, info pkcs11.TokenInfo, err error) {
	const withToken = true
	slots, err := t.module.GetSlotList(withToken)
	if err != nil {
		return 0, pkcs11.TokenInfo{}, fmt.Errorf("%w: list the tokens of %s: %w", errdefs.ErrUnavailable, t.path, err)
	}
	var labels []string
	for _, s := range slots {
		i, err := t.module.GetTokenInfo(s)
		if err != nil || i.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue // another token's trouble
		}
		label := strings.TrimRight(i.Label, " \x00")
		labels = append(labels, label)
		if label == t.label {
			slot, info = s, i
		}
	}
	switch count(labels, t.label) {
	case 0:
		return 0, info, fmt.Errorf("keys.pkcs11_token: no token is labelled %q; those that %s shows: %q: %w", t.label, t.path, labels, errdefs.ErrUnavailable)
	case 1:
		return slot, info, nil
	default:
		return 0, info, fmt.Errorf("keys.pkcs11_token: several tokens are labelled %q: give the one that holds the keys a label of its own: %w", t.label, errdefs.ErrUnavailable)
	}
}

func count(all []string, of string) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != of }))
}

// connect logs in. It does not try the PIN when that could lock the token, and remembers when it
// was refused.
func (t *token) connect(slot uint, info pkcs11.TokenInfo) (*link, error) {
	for _, c := range []struct {
		broken bool
		why    string
	}{
		{info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0, "has no user PIN yet: initialize it first"},
		{info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0, "has locked its user PIN: unlock it as the security officer"},
		{info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0, "locks its user PIN when the next try fails, so keys.pkcs11_pin was not tried: log in once with the right PIN and the token's own tool"},
	} {
		if c.broken {
			return nil, fmt.Errorf("the PKCS#11 token %q %s: %w", t.label, c.why, errdefs.ErrUnavailable)
		}
	}
	session, err := t.module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, fmt.Errorf("%w: open a session on the PKCS#11 token %q: %w", errdefs.ErrUnavailable, t.label, err)
	}
	err = t.module.Login(session, pkcs11.CKU_USER, t.pin.Reveal())
	switch {
	case err == nil, errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return &link{slot: slot, serial: strings.TrimRight(info.SerialNumber, " \x00"), login: session}, nil
	case refused(err):
		t.refused = fmt.Errorf("keys.pkcs11_pin: the token %q refused it and it is not tried again, because too many tries lock a token; put it right and restart: %w: %w", t.label, errdefs.ErrUnavailable, err)
		err = t.refused
	default:
		err = fmt.Errorf("%w: log in to the PKCS#11 token %q: %w", errdefs.ErrUnavailable, t.label, err)
	}
	_ = t.module.CloseSession(session) // nothing was done in it
	return nil, err
}

// refused reports whether err says that this PIN will not do.
func refused(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains([]pkcs11.Error{
		pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED,
		pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED,
	}, code)
}

// take returns a session that nobody else uses until giveBack.
func (t *token) take(l *link) (pkcs11.SessionHandle, error) {
	l.mu.Lock()
	if last := len(l.idle) - 1; last >= 0 {
		defer l.mu.Unlock()
		session := l.idle[last]
		l.idle = l.idle[:last]
		return session, nil
	}
	l.mu.Unlock()
	return t.module.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION)
}

// giveBack closes a session in which something failed: an operation might still be under way there.
func (t *token) giveBack(l *link, session pkcs11.SessionHandle, err error) {
	if err != nil {
		_ = t.module.CloseSession(session) // what failed is reported
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, session)
}

// hangUp closes the sessions of the link, if there is one. Those that are gone already are the
// reason why.
func (t *token) hangUp() {
	if t.link == nil {
		return
	}
	for _, session := range append(t.link.idle, t.link.login) {
		_ = t.module.CloseSession(session)
	}
	t.link = nil
}

func (t *token) close() {
	if err := t.calls.Acquire(context.Background(), t.limit); err != nil {
		return // cannot be: that context does not end
	}
	defer t.calls.Release(t.limit)
	t.hangUp()
	t.refused = fmt.Errorf("the PKCS#11 token %q was closed: %w", t.label, errdefs.ErrUnavailable)
}
