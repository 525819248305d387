package interaction

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// The known-device cookie proves that this browser has signed in to an account before, so that
// whoever floods the account with guesses does not lock its owner out (package ratelimit). It
// is a random token and, for each of the last few accounts, a code over token and user. It
// signs nobody in. It outlives signing out: that is when it is needed.

const (
	deviceLife     = 365 * 24 * time.Hour
	deviceAccounts = 5
)

type device struct {
	token string
	codes []string // newest first
}

// device reads the cookie; a malformed one is none.
func (i *Interaction) device(r *http.Request) device {
	k, err := r.Cookie(i.cookies.device)
	if err != nil {
		return device{}
	}
	parts := strings.Split(k.Value, ".")
	if len(parts) > 1+deviceAccounts || !isToken(parts[0]) {
		return device{}
	}
	return device{token: parts[0], codes: parts[1:]}
}

func deviceData(token string, user id.User) []byte { return []byte(user.String() + " " + token) }

// knownTo returns the name under which attempts from this browser at user's account are
// counted, or "" when it has never signed in there.
func (i *Interaction) knownTo(d device, user id.User) string {
	if d.token == "" || user.IsZero() {
		return ""
	}
	for _, code := range d.codes {
		mac, err := base64.RawURLEncoding.DecodeString(code)
		if err == nil && i.DeviceMAC.Check(deviceData(d.token, user), mac) {
			return d.token
		}
	}
	return ""
}

// remember makes this browser known to user's account.
func (i *Interaction) remember(w http.ResponseWriter, d device, user id.User) {
	if d.token == "" {
		d = device{token: secret.Generate().Reveal()}
	}
	mac := i.DeviceMAC.Sum(deviceData(d.token, user))
	code := base64.RawURLEncoding.EncodeToString(mac[:])
	codes := append([]string{code}, slices.DeleteFunc(slices.Clone(d.codes), func(c string) bool { return c == code })...)
	if len(codes) > deviceAccounts {
		codes = codes[:deviceAccounts]
	}
	i.cookies.set(w, i.cookies.device, strings.Join(append([]string{d.token}, codes...), "."), deviceLife)
}
